"""What holds for each loss of each pixel's logits, PaddleSeg's own among them."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.losses import HeadLosses
from tests.losses.mended import CASES, KINDS, make, run, sample

# isort: split
import paddle

EACH = pytest.mark.parametrize(("name", "channels"), CASES)
RANDOM = ("DualTaskLoss",)
# by PaddleSeg's own parts
IN_SINGLE_PRECISION = (
    "DualTaskLoss",
    "LovaszHingeLoss",
    "LovaszSoftmaxLoss",
    "RMILoss",
)
SMALL = {"OhemCrossEntropyLoss": {"min_kept": 10}}
TOTALS = ("RMILoss",)  # a logarithm, which may be any number


@EACH
def test_a_label_is_not_changed(name, channels):
    logits, label = sample(channels)
    given = paddle.to_tensor(label)
    make(name)(paddle.to_tensor(logits), given)
    assert (given.numpy() == label).all() and given.dtype == paddle.int64


@EACH
def test_ignored_pixels_change_nothing(name, channels):
    logits, label = sample(channels)
    ignored = np.broadcast_to((label == 255)[:, None], logits.shape)
    loss, gradient = run(make(name), logits, label)
    assert (gradient[ignored] == 0).all() and np.abs(gradient).max() > 1e-5
    other = np.where(ignored, logits + 5, logits).astype("float32")
    assert run(make(name), other, label)[0] == pytest.approx(loss, rel=1e-6)


@EACH
def test_of_ignored_pixels_only_there_is_no_loss(name, channels):
    logits, label = sample(channels, void=2)
    loss, gradient = run(make(name), logits, label)
    assert loss == 0 or (name in TOTALS and np.isfinite(loss))
    assert (gradient == 0).all()


@EACH
@pytest.mark.parametrize("scale", [100, -100])
def test_extreme_logits_give_finite_numbers(name, channels, scale):
    logits, label = sample(channels)
    loss, gradient = run(make(name), np.sign(logits) * np.float32(scale), label)
    assert np.isfinite(loss) and np.isfinite(gradient).all()


@EACH
def test_a_gradient_step_makes_the_loss_smaller(name, channels):
    logits, label = sample(channels)
    before, gradient = run(make(name), logits, label)
    step = 1e-2 / np.abs(gradient).max()
    after, _ = run(make(name), (logits - step * gradient).astype("float32"), label)
    assert after < before


@pytest.mark.parametrize(
    ("name", "channels"), [case for case in CASES if case[0] not in IN_SINGLE_PRECISION]
)
def test_a_gradient_is_that_of_differences(name, channels):
    """In double precision, at the pixels of which most depends and at some others."""
    logits, label = sample(channels, dtype="float64", size=(2, 6, 7))
    loss = make(name, **SMALL.get(name, {}))
    _, gradient = run(loss, logits, label)
    largest = np.argsort(-np.abs(gradient).ravel())[:6]
    some = np.random.default_rng(0).choice(gradient.size, 6, replace=False)
    for index in (np.unravel_index(i, logits.shape) for i in (*largest, *some)):
        near = [logits.copy(), logits.copy()]
        near[0][index] += 1e-6
        near[1][index] -= 1e-6
        above, below = (run(loss, values, label)[0] for values in near)
        expected = (above - below) / 2e-6
        assert gradient[index] == pytest.approx(expected, rel=1e-4, abs=1e-7)


@EACH
def test_seven_heads_are_summed_with_their_weights(name, channels):
    drawn = [sample(channels, seed)[0] for seed in range(7)]
    _, label = sample(channels)
    weights = [1, 0.5, 0, 2, 0.25, 1, 3]
    heads = [paddle.to_tensor(logits, stop_gradient=False) for logits in drawn]
    paddle.seed(1)
    total, parts = HeadLosses(make(name), weights).parts(heads, paddle.to_tensor(label))
    total.backward()
    assert float(total) == pytest.approx(np.dot(weights, [float(part) for part in parts]))
    if name in RANDOM:
        return
    for logits, head, part, weight in zip(drawn, heads, parts, weights):
        value, gradient = run(make(name), logits, label)
        assert float(part) == pytest.approx(value, rel=1e-5)
        assert np.abs(head.grad.numpy() - weight * gradient).max() < 1e-6 * max(weight, 1)


@EACH
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_ends_before_the_loss(name, channels, dtype):
    logits, label = sample(channels)
    half = paddle.to_tensor(logits).astype(dtype)
    paddle.seed(1)
    total, _ = HeadLosses(make(name)).parts([half], paddle.to_tensor(label))
    assert total.dtype == paddle.float32 and total.shape == []
    expected, _ = run(make(name), half.astype("float32").numpy(), label)
    assert float(total) == pytest.approx(expected, rel=1e-6)


@EACH
def test_labels_of_any_whole_dtype_are_taken(name, channels):
    logits, label = sample(channels)
    expected, _ = run(make(name), logits, label)
    for other in ("uint8", "int32", "float32"):
        paddle.seed(1)
        given = paddle.to_tensor(label.astype(other))
        total, _ = HeadLosses(make(name)).parts([paddle.to_tensor(logits)], given)
        assert float(total) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("name", "channels"), [case for case in CASES if case[1] == 1])
def test_soft_masks_are_taken_or_the_loss_is_named(name, channels):
    logits, label = sample(channels, soft=True)
    losses = HeadLosses(make(name))
    if not KINDS[name].soft:
        with pytest.raises(ValueError, match=f"^{name}: expected class numbers, got a soft mask"):
            losses.parts([paddle.to_tensor(logits)], paddle.to_tensor(label))
        return
    total, _ = losses.parts([paddle.to_tensor(logits)], paddle.to_tensor(label))
    cut, _ = run(make(name), logits, np.where(label == 255, 255, label > 0.5).astype("int64"))
    assert np.isfinite(float(total)) and abs(float(total) - cut) > 1e-4


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_labels_that_are_no_class_are_named(name, channels):
    logits, label = sample(channels)
    if not KINDS[name].refuses(channels):
        label[0, 3, 4] = 7
    with pytest.raises(ValueError, match=rf"{name}: .*(got 7|got 0 to 7|it takes)"):
        HeadLosses(make(name)).parts([paddle.to_tensor(logits)], paddle.to_tensor(label))
