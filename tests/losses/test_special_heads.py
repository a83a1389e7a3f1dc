"""Losses of heads that only some networks give: pairs, vectors, embeddings, several heads."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.losses import MENDED, HeadLosses
from tests.losses.mended import assert_alike, make, run, sample

# isort: split
import paddle
from paddleseg.cvlibs import manager

PAIRS = ["EdgeAttentionLoss", "OhemEdgeAttentionLoss"]


def log_softmax(logits):
    exact = logits.astype("float64")
    return exact - np.log(np.exp(exact).sum(1, keepdims=True))


@pytest.mark.parametrize("name", PAIRS)
def test_cross_entropy_where_there_are_edges(name):
    logits, label = sample(3)
    edges = np.random.default_rng(1).random((2, 1, 12, 14)).astype("float32")
    losses = HeadLosses(make(name, edge_threshold=0.5))
    counted = (edges[:, 0] > 0.5) & (label != 255)
    of_pixels = np.take_along_axis(log_softmax(logits), np.where(counted, label, 0)[:, None], 1)
    total, _ = losses.parts(
        [(paddle.to_tensor(logits), paddle.to_tensor(edges))], paddle.to_tensor(label)
    )
    assert float(total) == pytest.approx(-of_pixels[:, 0][counted].mean(), rel=1e-6)


def test_mining_near_edges_is_mining_of_what_is_left():
    logits, label = sample(3)
    edges = np.random.default_rng(1).random((2, 1, 12, 14)).astype("float32")
    near = make("OhemEdgeAttentionLoss", thresh=0.4, min_kept=25)
    got = run(lambda x, y: near((x, paddle.to_tensor(edges)), y), logits, label)
    left = np.where(edges[:, 0] > 0.8, label, 255)
    expected = run(make("OhemCrossEntropyLoss", thresh=0.4, min_kept=25), logits, left)
    assert_alike(got, expected)


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1, 1)])
def test_classes_of_an_image(shape):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, shape).astype("float32")
    label = rng.integers(0, 4, (3, 6, 7))
    label[0][label[0] == 2] = 1
    label[1][label[1] == 0] = 255
    there = np.array([[c in image for c in range(4)] for image in label])
    exact = logits.reshape(3, 4).astype("float64")
    each = np.logaddexp(0, exact) - exact * there
    assert run(make("SECrossEntropyLoss"), logits, label)[0] == pytest.approx(each.mean(), rel=1e-6)
    label[2] = 255  # nothing is known of it
    got, gradient = run(make("SECrossEntropyLoss"), logits, label)
    assert got == pytest.approx(each[:2].mean(), rel=1e-6) and (gradient[2] == 0).all()
    if len(shape) == 2:
        known = logits[:2], label[:2]
        theirs = manager.LOSSES["SECrossEntropyLoss"]()
        assert_alike(run(make("SECrossEntropyLoss"), *known), run(theirs, *known))


def contrast(loss, embedding, label, seg):
    return run(lambda x, y: loss({"seg": paddle.to_tensor(seg), "embed": x}, y), embedding, label)


def test_contrast_is_paddlesegs_and_0_of_too_few_pixels():
    rng = np.random.default_rng(0)
    embedding = rng.normal(0, 1, (2, 8, 16, 20)).astype("float32")
    seg = rng.normal(0, 1, (2, 3, 16, 20)).astype("float32")
    _, label = sample(3, size=(2, 32, 40))
    few = {"max_views": 10, "max_samples": 64}
    theirs = manager.LOSSES["PixelContrastCrossEntropyLoss"](**few)
    got = contrast(make("PixelContrastCrossEntropyLoss", **few), embedding, label, seg)
    assert_alike(got, contrast(theirs, embedding, label, seg))
    many = make("PixelContrastCrossEntropyLoss", max_views=1000)
    assert contrast(many, embedding, label, seg)[0] == 0
    assert contrast(many, embedding, np.full_like(label, 255), seg)[0] == 0


def divergence(first, second, counted):
    p, q = log_softmax(second), log_softmax(first)
    return (np.exp(p) * (p - q)).mean(1)[counted].mean()


@pytest.mark.parametrize("old", [False, True])
def test_divergence_of_the_first_two_heads(old):
    (first, label), (second, _) = sample(3), sample(3, seed=1)
    losses = HeadLosses(make("KLLoss", paddleseg_2_8=old), [1, 0])
    heads = [paddle.to_tensor(head, stop_gradient=False) for head in (first, second)]
    total, _ = losses.parts(heads, paddle.to_tensor(label))
    counted = np.ones(label.shape, bool) if old else label != 255
    assert float(total) == pytest.approx(divergence(first, second, counted), rel=1e-5)
    total.backward()
    assert heads[1].grad is None or not heads[1].grad.abs().sum()
    with pytest.raises(ValueError, match="KLLoss: expected two heads to compare, the model has 1"):
        HeadLosses(make("KLLoss")).parts(heads[:1], paddle.to_tensor(label))


def test_slopes_of_the_dual_task_are_paddlesegs():
    x = np.random.default_rng(3).random((2, 3, 12, 14), dtype=np.float32)
    found = []
    for loss in (make("DualTaskLoss"), manager.LOSSES["DualTaskLoss"]()):
        maps = paddle.to_tensor(x, stop_gradient=False)
        slopes = loss.compute_grad_mag(maps)
        (slopes * paddle.to_tensor(x) ** 2).sum().backward()
        found.append((slopes.numpy(), maps.grad.numpy()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-4, atol=1e-5)


def test_a_sum_of_losses_does_not_depend_on_their_order():
    """PaddleSeg's DiceLoss writes 0 over what is ignored, for the losses behind it."""
    logits, label = sample(3)
    pair = [make("DiceLoss"), make("CrossEntropyLoss")]
    mixed = MENDED["MixedLoss"]
    got = run(mixed(pair, [2.0, 0.5]), logits, label)
    assert_alike(got, run(mixed(pair[::-1], [0.5, 2.0]), logits, label))
    parts = [run(loss, logits, label)[0] for loss in pair]
    assert got[0] == pytest.approx(2 * parts[0] + 0.5 * parts[1], rel=1e-6)
    theirs = manager.LOSSES["DiceLoss"](), make("CrossEntropyLoss")
    spoiled = run(lambda x, y: sum(loss(x, y) for loss in theirs), logits, label)[0]
    assert abs(spoiled - sum(parts)) > 1e-3


# A loss, a head that it is not for, and what is said.
WRONG = [
    ("CrossEntropyLoss", "pair", "is of logits of each pixel, .*, but a head has 2 tensors"),
    ("CrossEntropyLoss", "vector", "is of logits of each pixel.*a head has the shape"),
    ("EdgeAttentionLoss", "map", "is of a pair of logits and probabilities of edges, as GSCNN"),
    ("SECrossEntropyLoss", "map", "is of one logit for each class and image, as ENCNet"),
    ("PixelContrastCrossEntropyLoss", "map", "is of a dictionary of logits and embeddings"),
    ("DetailAggregateLoss", "map", "takes 1 channel, but a head has 3; losses .* CrossE"),
    ("FocalLoss", "map", "it takes 1 or 2 channels, but a head has 3"),
    ("DiceLoss", "small", r"expected a head of the label's size, \[12, 14\]"),
    ("DistillCrossEntropyLoss", "map", "is of the logits of a second network"),
]


@pytest.mark.parametrize(("name", "head", "match"), WRONG)
def test_a_head_that_a_loss_is_not_for(name, head, match):
    logits, label = sample(3)
    x = paddle.to_tensor(logits)
    heads = {"map": x, "pair": (x, x), "vector": x[:, :, 0, 0], "small": x[:, :, :6, :7]}
    with pytest.raises(ValueError, match=f"^loss.types.0: head 0 of 1: {name}: .*{match}"):
        HeadLosses(make(name)).parts([heads[head]], paddle.to_tensor(label))


def test_a_loss_that_is_no_number_is_named():
    logits, label = sample(3)
    with pytest.raises(ValueError, match=r"MSELoss: expected one number for each head.*reduction"):
        HeadLosses(make("MSELoss", reduction="none")).parts(
            [paddle.to_tensor(logits)], paddle.to_tensor(label)
        )
