from __future__ import annotations

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
import paddle
from paddleseg.core.train import loss_computation
from paddleseg.cvlibs import Config, SegBuilder

from paddleseg_u2net import components  # noqa: F401
from paddleseg_u2net.losses import (
    DeepSupervisionLoss,
    cross_entropy,
    iou_loss,
    ssim_loss,
)
from tests.oracles import losses_literal as literal

TERMS = {
    "cross_entropy": (cross_entropy, literal.cross_entropy),
    "iou": (iou_loss, literal.iou),
    "ssim": (ssim_loss, literal.ssim),
}
LABELS = ("hard", "soft", "classes")
EACH_TERM = pytest.mark.parametrize("term", TERMS)
EACH_LABEL = pytest.mark.parametrize("kind", LABELS)


def sample(kind, seed=0, size=(2, 9, 13), ignored=0.2, ignore_index=255):
    """Logits and a label of a kind, with a share of ignored pixels."""
    rng = np.random.default_rng(seed)
    channels = 3 if kind == "classes" else 1
    logits = rng.normal(0, 2, (size[0], channels, *size[1:])).astype("float32")
    if kind == "soft":
        label = rng.random(size).astype("float32")
    else:
        label = rng.integers(0, max(channels, 2), size).astype("int64")
    label[rng.random(size) < ignored] = ignore_index
    return logits, label


def value_and_gradient(function, logits, label, *arguments):
    x = paddle.to_tensor(logits, stop_gradient=False)
    loss = function(x, paddle.to_tensor(label), *arguments)
    loss.backward()
    return float(loss), x.grad.numpy()


@EACH_TERM
@EACH_LABEL
@pytest.mark.parametrize("ignored", [0.0, 0.3])
def test_a_term_equals_its_literal_definition(term, kind, ignored):
    ours, definition = TERMS[term]
    logits, label = sample(kind, ignored=ignored)
    loss = ours(paddle.to_tensor(logits), paddle.to_tensor(label))
    assert loss.shape == [] and loss.dtype == paddle.float32
    assert float(loss) == pytest.approx(definition(logits, label), rel=3e-6)


@EACH_TERM
@EACH_LABEL
def test_a_terms_gradient_equals_the_definitions_differences(term, kind):
    ours, definition = TERMS[term]
    logits, label = sample(kind, size=(1, 4, 5))
    _, gradient = value_and_gradient(ours, logits, label)
    expected, step = np.zeros(logits.shape), 1e-5
    for index in np.ndindex(*logits.shape):
        up, down = logits.astype("float64"), logits.astype("float64")
        up[index] += step
        down[index] -= step
        expected[index] = (definition(up, label) - definition(down, label)) / (2 * step)
    assert np.abs(gradient - expected).max() < 1e-5 * np.abs(expected).max() + 1e-8


@pytest.mark.parametrize("ignore_index", [2, -100])
@EACH_TERM
def test_any_class_number_can_be_the_ignored_one(term, ignore_index):
    ours, definition = TERMS[term]
    logits, label = sample("classes", ignore_index=ignore_index)
    loss = ours(paddle.to_tensor(logits), paddle.to_tensor(label), ignore_index)
    assert float(loss) == pytest.approx(definition(logits, label, ignore_index), rel=3e-6)


@EACH_TERM
@EACH_LABEL
def test_ignored_pixels_change_nothing(term, kind):
    ours, _ = TERMS[term]
    logits, label = sample(kind)
    ignored = np.broadcast_to((label == 255)[:, None], logits.shape)
    loss, gradient = value_and_gradient(ours, logits, label)
    assert (gradient[ignored] == 0).all()
    assert np.abs(gradient[~ignored]).max() > 0
    other = np.where(ignored, logits + 5, logits).astype("float32")
    assert value_and_gradient(ours, other, label)[0] == loss


@EACH_TERM
@EACH_LABEL
def test_extreme_inputs_give_finite_losses(term, kind):
    ours, _ = TERMS[term]
    logits, label = sample(kind, ignored=2)  # all pixels are ignored
    loss, gradient = value_and_gradient(ours, logits, label)
    assert loss == pytest.approx(0, abs=1e-6) and (gradient == 0).all()
    logits, label = sample(kind)
    for scale in (100, -100):
        loss, gradient = value_and_gradient(ours, np.sign(logits) * np.float32(scale), label)
        assert np.isfinite(loss) and np.isfinite(gradient).all()


@EACH_TERM
@pytest.mark.parametrize("kind", ["hard", "classes"])
def test_label_dtypes_and_a_channel_axis_do_not_matter(term, kind):
    logits, label = sample(kind)
    ours = TERMS[term][0]
    expected = float(ours(paddle.to_tensor(logits), paddle.to_tensor(label)))
    for other in (label.astype("uint8"), label[:, None].astype("float32")):
        got = ours(paddle.to_tensor(logits), paddle.to_tensor(other))
        assert float(got) == pytest.approx(expected, rel=1e-6)


def test_half_precision_logits_give_a_float32_loss():
    logits, label = sample("hard")
    half = paddle.to_tensor(logits.astype("float16"))
    both = DeepSupervisionLoss(iou=1, ssim=1)
    loss = both(half, paddle.to_tensor(label))
    assert loss.dtype == paddle.float32
    assert float(loss) == float(both(half.astype("float32"), paddle.to_tensor(label)))


def seven_heads(kind="hard"):
    drawn = [sample(kind, seed) for seed in range(7)]
    return [logits for logits, _ in drawn], drawn[0][1]


@EACH_LABEL
@pytest.mark.parametrize("iou, ssim", [(0, 0), (1, 1), (0.5, 0), (0, 2)])
def test_seven_heads_are_summed_with_their_weights(kind, iou, ssim):
    heads, label = seven_heads(kind)
    weights = [1, 0.5, 0.25, 2, 0, 3, 0.125]
    loss = DeepSupervisionLoss(weights, iou=iou, ssim=ssim)
    total, parts = loss.parts([paddle.to_tensor(head) for head in heads], paddle.to_tensor(label))
    expected, expected_parts = literal.heads(heads, label, weights, 255, iou, ssim)
    assert [float(part) for part in parts] == pytest.approx(expected_parts, rel=3e-6)
    assert float(total) == pytest.approx(expected, rel=3e-6)
    called = loss([paddle.to_tensor(head) for head in heads], paddle.to_tensor(label))
    assert float(called) == float(total)


@pytest.mark.parametrize("weights", [[1] * 6, []], ids=len)
def test_a_wrong_number_of_weights_is_refused(weights):
    heads, label = seven_heads()
    tensors = [paddle.to_tensor(head) for head in heads]
    with pytest.raises(ValueError, match=rf"loss\.coef: expected 7 .* got {len(weights)}"):
        DeepSupervisionLoss(weights)(tensors, paddle.to_tensor(label))


YAML = """
batch_size: 1
iters: 1
train_dataset: {type: Dataset, dataset_root: ., train_path: none.txt, num_classes: 2, mode: train}
optimizer: {type: SGD}
lr_scheduler: {type: PolynomialDecay, learning_rate: 0.1}
model: {type: U2NetP, num_classes: 2}
loss:
  types: [{type: DeepSupervisionLoss, iou: 1.0}]
  coef: [1, 2, 0.5, 3, 0.25, 1, 1]
"""


def test_paddlesegs_trainer_can_call_the_loss(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(YAML)
    losses = SegBuilder(Config(str(path))).loss
    heads, label = seven_heads("classes")
    total = sum(
        loss_computation(
            [paddle.to_tensor(head) for head in heads], paddle.to_tensor(label), None, losses
        )
    )
    expected, _ = literal.heads(heads, label, losses["coef"], 255, 1.0)
    assert float(total) == pytest.approx(expected, rel=3e-6)
