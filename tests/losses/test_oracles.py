"""Losses against PaddleSeg's own where those are right, numpy, and numbers by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from paddleseg_u2net.losses.edges import class_edges
from tests.losses.mended import ARGUMENTS, assert_alike, make, run, sample

# isort: split
import paddle
from paddleseg.cvlibs import manager

OLD_PADDLE = paddle.__version__.startswith("2.")


def test_classes_last_is_the_same():
    logits, label = sample(3)
    last = np.ascontiguousarray(logits.transpose(0, 2, 3, 1))
    loss, gradient = run(make("CrossEntropyLoss", data_format="NHWC"), last, label)
    assert_alike(
        (loss, gradient.transpose(0, 3, 1, 2)), run(make("CrossEntropyLoss"), logits, label)
    )


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("key", ["weight", "pos_weight"])
def test_dynamic_weights_see_what_counts(channels, key):
    """An image with ignored rows has the loss of the one without these rows."""
    logits, label = sample(channels, void=0, size=(2, 12, 14))
    cut = run(make("BCELoss", **{key: "dynamic"}), logits[:, :, :7], label[:, :7])[0]
    label[:, 7:] = 255
    assert run(make("BCELoss", **{key: "dynamic"}), logits, label)[0] == pytest.approx(
        cut, rel=1e-6
    )


def test_weights_of_the_two_sides_of_one_channel():
    logits, label = sample(1)
    both = [
        run(make("BCELoss", weight=side), logits, label)[0] for side in ([1, 0], [0, 1], [2, 3])
    ]
    assert both[2] == pytest.approx(2 * both[0] + 3 * both[1], rel=1e-6)


# PaddleSeg's own classes on input where they are right, also with `paddleseg_2_8`.
SAME = [
    ("BCELoss", 1, {}),
    ("BCELoss", 3, {}),
    ("BCELoss", 1, {"weight": "dynamic", "paddleseg_2_8": True}),
    ("BCELoss", 2, {"pos_weight": "dynamic", "paddleseg_2_8": True}),
    ("DiceLoss", 2, {"weight": [0.3, 2.0]}),
    ("DiceLoss", 5, {"smooth": 0.1}),
    ("FocalLoss", 2, {"alpha": 0.4, "gamma": 1.5}),
    ("BootstrappedCrossEntropyLoss", 3, {"weight": [1.0, 2.0, 0.5]}),
    ("BootstrappedCrossEntropyLoss", 3, {"min_K": 160, "paddleseg_2_8": True}),
    ("BootstrappedCrossEntropyLoss", 2, {"loss_th": 5.0}),
    ("LovaszSoftmaxLoss", 3, {}),
    ("LovaszSoftmaxLoss", 3, {"classes": [0, 2]}),
    ("LovaszHingeLoss", 1, {}),
    ("LovaszHingeLoss", 2, {"paddleseg_2_8": True}),
]
ONLY_ON_PADDLE_2 = [
    ("CrossEntropyLoss", 3, {}),
    ("CrossEntropyLoss", 3, {"weight": [1.0, 2.0, 0.5]}),
    ("CrossEntropyLoss", 3, {"top_k_percent_pixels": 0.9, "paddleseg_2_8": True}),
    ("OhemCrossEntropyLoss", 3, {"paddleseg_2_8": True}),
    ("OhemCrossEntropyLoss", 2, {"thresh": 0.9, "min_kept": 10}),
    ("OhemCrossEntropyLoss", 2, {"min_kept": 0}),
    ("RMILoss", 3, {"num_classes": 3}),
    ("RMILoss", 2, {"num_classes": 2, "rmi_pool_way": 1, "rmi_radius": 2}),
    ("DualTaskLoss", 3, {"paddleseg_2_8": True}),
]
# Paddle 2.6.2 leaves the weight out of max(-x, 0), the greater part of what is wrong.
ONLY_ON_PADDLE_3 = [("BCELoss", 1, {"pos_weight": 2.5}), ("BCELoss", 2, {"pos_weight": 0.5})]
RIGHT = SAME + (ONLY_ON_PADDLE_2 if OLD_PADDLE else ONLY_ON_PADDLE_3)


@pytest.mark.parametrize(("name", "channels", "arguments"), RIGHT)
def test_a_loss_is_paddlesegs_where_that_is_right(name, channels, arguments):
    logits, label = sample(channels)
    theirs = {**ARGUMENTS.get(name, {}), **arguments}
    theirs.pop("paddleseg_2_8", None)
    expected = run(manager.LOSSES[name](**theirs), logits, label.copy())
    assert_alike(run(make(name, **arguments), logits, label), expected, rel=6e-5)


def test_hinge_of_two_channels_is_that_of_their_difference():
    logits, label = sample(2)
    loss, gradient = run(make("LovaszHingeLoss"), logits, label)
    expected = run(make("LovaszHingeLoss"), logits[:, 1:] - logits[:, :1], label)
    assert_alike((loss, gradient[:, 1:]), expected)
    assert np.abs(gradient[:, :1] + gradient[:, 1:]).max() < 1e-7
    label = np.ones((1, 4, 4), np.int64)
    sure = np.stack([np.full((1, 4, 4), -4.0), np.full((1, 4, 4), 4.0)], 1).astype("float32")
    assert run(make("LovaszHingeLoss"), sure, label)[0] == 0
    assert run(make("LovaszHingeLoss", paddleseg_2_8=True), sure, label)[0] == pytest.approx(
        1, abs=1e-3
    )


def test_one_channel_of_focal_and_dice_by_hand():
    logit, label = np.full((1, 1, 1, 2), math.log(3), "float32"), np.array([[[1, 0]]])
    positive, negative = 0.25 * 0.25**2 * -math.log(0.75), 0.75 * 0.75**2 * -math.log(0.25)
    got, _ = run(make("FocalLoss"), logit, label)
    assert got == pytest.approx((positive + negative) / 2, rel=1e-6)
    got, _ = run(make("DiceLoss"), logit, label)
    assert got == pytest.approx(1 - (2 * 0.75 + 1) / (1.5 + 1 + 1), rel=1e-6)


@pytest.mark.parametrize(("name", "of"), [("L1Loss", np.abs), ("MSELoss", np.square)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("old", [False, True])
def test_distances_are_numpys(name, of, channels, old):
    logits, label = sample(channels)
    exact = logits.astype("float64")
    if channels == 1:
        values, target = 1 / (1 + np.exp(-exact)), label[:, None]
    else:
        values = np.exp(exact) / np.exp(exact).sum(1, keepdims=True)
        target = (label[:, None] == np.arange(channels).reshape(1, -1, 1, 1)) * 1.0
    distance = of((exact if old else values) - target)
    counted = np.broadcast_to((label != 255)[:, None], distance.shape)
    for reduction, expected in (
        ("mean", distance[counted].mean()),
        ("sum", distance[counted].sum()),
    ):
        loss = make(name, reduction=reduction, paddleseg_2_8=old)
        assert run(loss, logits, label)[0] == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize(("min_kept", "old", "kept"), [(3, False, 3), (3, True, 2), (20, False, 8)])
def test_mining_keeps_as_many_pixels_as_it_says(min_kept, old, kept):
    """Eight pixels of probabilities above the threshold, the hardest first."""
    probability = np.linspace(0.8, 0.95, 8)
    logits = np.zeros((1, 2, 2, 4), "float32")
    logits[0, 1] = np.log(probability / (1 - probability)).reshape(2, 4)
    loss = make("OhemCrossEntropyLoss", thresh=0.7, min_kept=min_kept, paddleseg_2_8=old)
    value, gradient = run(loss, logits, np.ones((1, 2, 4), np.int64))
    assert (gradient[0, 1] != 0).sum() == kept
    assert value == pytest.approx(-np.log(probability[:kept]).mean(), rel=1e-5)


def relaxed(logits, label, border, weighted):
    """-log of the summed probability of the classes in a square, in double precision."""
    exact = np.exp(logits.astype("float64"))
    probability, means = exact / exact.sum(1, keepdims=True), []
    for image, truth in zip(probability, label):
        around = np.pad(truth, border, constant_values=255)
        near = {
            (y, x): sorted({*around[y : y + 2 * border + 1, x : x + 2 * border + 1].flat} - {255})
            for y, x in np.ndindex(*truth.shape)
        }
        pixels = np.array([sum(c in classes for classes in near.values()) for c in range(3)])
        weights = 2 - pixels / pixels.sum() if weighted else np.ones(3)
        losses = [
            -math.log(image[classes, y, x].sum()) * weights[classes].mean()
            for (y, x), classes in near.items()
            if truth[y, x] != 255
        ]
        means.append(np.mean(losses))
    return np.mean(means)


@pytest.mark.parametrize("border", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_relaxed_boundaries_are_numpys(border, weighted):
    logits, label = sample(3)
    loss = make("RelaxBoundaryLoss", border=border, calculate_weights=weighted)
    expected = relaxed(logits, label, border, weighted)
    assert run(loss, logits, label)[0] == pytest.approx(expected, rel=2e-6)


def test_detail_is_paddlesegs_with_the_weights_of_the_paper():
    logits, label = sample(1, size=(2, 24, 32), void=0)
    theirs = manager.LOSSES["DetailAggregateLoss"]()
    theirs.fuse_kernel.set_value(np.array([0.6, 0.3, 0.1], "float32").reshape(1, 3, 1, 1))
    assert_alike(run(make("DetailAggregateLoss"), logits, label), run(theirs, logits, label))
    small = logits[:, :, ::2, ::2]
    assert_alike(run(make("DetailAggregateLoss"), small, label), run(theirs, small, label))


def test_ignored_pixels_are_no_detail():
    logits, label = sample(1, size=(1, 24, 32))
    loss, gradient = run(make("DetailAggregateLoss"), logits, label)
    assert (gradient[0, 0][label[0] == 255] == 0).all() and np.abs(gradient).max() > 0
    assert np.isfinite(loss)
    assert run(make("DetailAggregateLoss"), logits, np.full_like(label, 255))[0] == 0


@pytest.mark.parametrize("seed", range(3))
def test_connectivity_is_paddlesegs_of_either_class(seed):
    """PaddleSeg's is right of class 1, and always 1 of class 0: each class is made 1 in turn."""
    rng = np.random.default_rng(seed)
    label = np.kron(rng.integers(0, 2, (2, 4, 5)), np.ones((4, 4), np.int64))
    predicted = np.kron(rng.integers(0, 2, (2, 4, 5)), np.ones((4, 4), np.int64))
    predicted[rng.random(predicted.shape) < 0.02] ^= 1
    logits = np.zeros((2, 2, 16, 20), "float32")
    logits[:, 1] = np.where(predicted == 1, 30, -30)
    theirs = manager.LOSSES["SemanticConnectivityLoss"]()
    of_1 = float(theirs(paddle.to_tensor(logits), paddle.to_tensor(label)))
    of_0 = float(theirs(paddle.to_tensor(-logits), paddle.to_tensor(1 - label)))
    got, _ = run(make("SemanticConnectivityLoss"), logits, label)
    assert got == pytest.approx(of_0 + of_1 - 1, rel=1e-5)


def test_connectivity_of_a_class_that_is_not_predicted():
    label = np.zeros((1, 4, 5), np.int64)
    label[0, :2, :2] = 1
    logits = np.zeros((1, 2, 4, 5), "float32")
    logits[:, 0] = math.log(3)  # class 1 has a quarter everywhere
    of_0 = 1 - 16 * 0.75 / (20 * 0.75 + 16 - 16 * 0.75)
    of_1 = 1 + 4 * 0.75 / 20
    got, gradient = run(make("SemanticConnectivityLoss"), logits, label)
    assert got == pytest.approx((of_0 + of_1) / 2, rel=1e-6)
    assert (gradient[0, 1, :2, :2] < 0).all()


def test_edges_are_those_between_classes_that_count():
    label = np.zeros((1, 7, 9), np.int64)
    label[:, :, 4:] = 1
    label[:, :, 7] = 255
    label[:, :, 8] = 2  # behind ignored pixels, two away from class 1
    edges = class_edges(paddle.to_tensor(label), 255).numpy()
    assert edges[0].tolist() == [[0, 0, 1, 1, 1, 1, 1, 255, 1]] * 7


def test_an_edge_head_is_a_probability():
    label = np.zeros((1, 6, 6), np.int64)
    label[:, :, 3:] = 1
    edge = np.zeros((1, 1, 6, 6), "float32")
    edge[..., 1:5] = 1
    right = run(make("BCELoss", edge_label=True), edge, label)[0]
    with pytest.raises(
        ValueError, match="edge_label: expected probabilities of edges, .* got 0 to 2"
    ):
        run(make("BCELoss", edge_label=True), 2 * edge, label)
    old = run(make("BCELoss", edge_label=True, paddleseg_2_8=True), edge, label)[0]
    assert right == pytest.approx(0, abs=2e-6)
    assert old == pytest.approx((4 * math.log(1 + math.exp(-1)) + 2 * math.log(2)) / 6, rel=1e-5)
