from __future__ import annotations

import zlib  # noqa: F401  (Paddle 2.6.2 crashes when it is imported before zlib)

import numpy as np
import pytest

from paddleseg_u2net.metrics import ConfusionMatrix

from .helpers import fed, scored

MEANS = {"iou": "miou", "dice": "dice"}
NAMES = ("iou", "dice", "precision", "recall", "specificity", "ber")
FROM_ZERO = ("class_iou", "class_dice", "class_precision", "class_recall")


def random_pairs(seed, num_classes, images=3, size=(17, 13), ignored=0.1, dtype=np.uint8):
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(images):
        prediction = rng.integers(0, num_classes, size).astype(dtype)
        # Labels mostly agree, so that the scores are not all near chance.
        label = np.where(rng.random(size) < 0.6, prediction, rng.integers(0, num_classes, size))
        label = np.where(rng.random(size) < ignored, 255, label).astype(dtype)
        pairs.append((prediction, label))
    return pairs


@pytest.mark.parametrize("num_classes", [2, 5])
def test_equals_paddleseg_to_the_bit(num_classes):
    paddle = pytest.importorskip("paddle")
    theirs = pytest.importorskip("paddleseg.utils.metrics")
    pairs = random_pairs(3, num_classes, images=1, size=(61, 47))
    metric = fed(ConfusionMatrix(num_classes), pairs)
    scores = metric.compute()
    prediction, label = (paddle.to_tensor(a.astype("int64")) for a in pairs[0])
    # Not calculate_area: its concat of 0-D sums fails on current Paddle.
    kept = label != 255
    predicted = [((prediction == c) & kept).sum() for c in range(num_classes)]
    labelled = [(label == c).sum() for c in range(num_classes)]
    intersection = [((prediction == c) & (label == c)).sum() for c in range(num_classes)]
    areas = [paddle.stack([a.reshape([]) for a in x]) for x in (intersection, predicted, labelled)]

    counts = metric.state()["counts"]
    for ours, area in zip((np.diagonal(counts), counts.sum(axis=0), counts.sum(axis=1)), areas):
        np.testing.assert_array_equal(ours, area.numpy())
    class_iou, miou = theirs.mean_iou(*areas)
    class_dice, dice = theirs.dice(*areas)
    accuracy, precision, recall = theirs.class_measurement(*areas)
    np.testing.assert_array_equal(scores.class_iou, class_iou)
    np.testing.assert_array_equal(scores.class_dice, class_dice)
    np.testing.assert_array_equal(scores.class_precision, precision)
    np.testing.assert_array_equal(scores.class_recall, recall)
    assert (scores.miou, scores.dice, scores.accuracy) == (miou, dice, accuracy)
    assert scores.kappa == theirs.kappa(*areas)


def test_an_absent_class_is_nan_and_outside_the_means():
    scores = scored(ConfusionMatrix(3), np.array([[0, 1], [1, 1]]), np.array([[0, 0], [1, 1]]))
    np.testing.assert_allclose(scores.class_iou, [1 / 2, 2 / 3, np.nan])
    assert scores.miou == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert scores.dice == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert all(np.isnan(getattr(scores, f"class_{name}")[2]) for name in NAMES)
    assert scores.precision == pytest.approx((1 + 2 / 3) / 2)
    assert scores.recall == scores.specificity == pytest.approx((1 / 2 + 1) / 2)
    assert scores.ber == pytest.approx(1 / 4)


def test_a_class_only_predicted_or_labelled_scores_zero():
    scores = scored(ConfusionMatrix(3), np.array([[0, 1]]), np.array([[0, 2]]))
    for name in FROM_ZERO:
        np.testing.assert_array_equal(getattr(scores, name), [1, 0, 0])
    np.testing.assert_array_equal(scores.class_specificity, [1, 1 / 2, 1])
    # Nothing is labelled 1, so nobody can say how much of it was missed.
    np.testing.assert_array_equal(scores.class_ber, [0, np.nan, 1 / 2])
    assert scores.ber == 1 / 4


@pytest.mark.parametrize("only", [0, 1])
def test_a_set_of_one_label_has_no_balanced_error_rate(only):
    label = np.full((2, 2), only)
    for prediction in (label, 1 - label, np.eye(2, dtype=int)):
        scores = scored(ConfusionMatrix(2), prediction, label)
        assert np.isnan(scores.class_ber).all() and np.isnan(scores.ber)
        assert np.isnan(scores.class_specificity[only])
    assert scores.specificity == scores.class_specificity[1 - only] == 1 / 2


def test_values_by_hand_and_which_class_is_the_object():
    label, prediction = np.array([[0, 0, 0, 1]]), np.array([[0, 0, 1, 1]])
    scores = scored(ConfusionMatrix(2), prediction, label)
    np.testing.assert_array_equal(scores.class_precision, [1, 1 / 2])
    np.testing.assert_allclose(scores.class_specificity, [1, 2 / 3])
    np.testing.assert_allclose(scores.class_ber, [1 / 6, 1 / 6])
    assert (scores.object_precision, scores.object_recall) == (1 / 2, 1)


@pytest.mark.parametrize("num_classes", [2, 5, 60])  # of bytes: 60 x 60 is more than they hold
def test_equals_scikit_learn(num_classes):
    theirs = pytest.importorskip("sklearn.metrics")
    pairs = random_pairs(9, num_classes, images=4, size=(40, 30))
    metric = fed(ConfusionMatrix(num_classes), pairs)
    scores = metric.compute()
    prediction, label = (np.concatenate([a.ravel() for a in arrays]) for arrays in zip(*pairs))
    prediction, label = prediction[label != 255], label[label != 255]
    np.testing.assert_array_equal(
        metric.state()["counts"], theirs.confusion_matrix(label, prediction)
    )
    for name, function in (
        ("iou", theirs.jaccard_score),
        ("dice", theirs.f1_score),
        ("precision", theirs.precision_score),
        ("recall", theirs.recall_score),
    ):
        by_class = function(label, prediction, average=None)
        np.testing.assert_allclose(getattr(scores, f"class_{name}"), by_class, atol=1e-14)
        mean = function(label, prediction, average="macro")
        assert getattr(scores, MEANS.get(name, name)) == pytest.approx(mean, abs=1e-14)
    for number in range(num_classes):
        here, there = label == number, prediction == number
        specificity = theirs.recall_score(~here, ~there)
        assert scores.class_specificity[number] == pytest.approx(specificity, abs=1e-14)
        balanced = theirs.balanced_accuracy_score(here, there)
        assert scores.class_ber[number] == pytest.approx(1 - balanced, abs=1e-14)
    assert scores.accuracy == pytest.approx(theirs.accuracy_score(label, prediction), abs=1e-14)
    assert scores.kappa == pytest.approx(theirs.cohen_kappa_score(label, prediction), abs=1e-12)
    if num_classes == 2:
        balanced = theirs.balanced_accuracy_score(label, prediction)
        assert scores.ber == pytest.approx(1 - balanced, abs=1e-14)


def test_ignored_pixels_are_not_counted():
    metric = fed(ConfusionMatrix(2), [(np.array([[0, 1, 200]]), np.array([[0, 1, 255]]))])
    np.testing.assert_array_equal(metric.state()["counts"], [[1, 0], [0, 1]])
    metric = fed(ConfusionMatrix(2, 0), [(np.array([[0, 1, 1]]), np.array([[0, 0, 1]]))])
    np.testing.assert_array_equal(metric.state()["counts"], [[0, 0], [0, 1]])  # a class of its own


def test_without_any_pixel_or_with_one_class_kappa_is_nan():
    zeros = np.zeros((3, 3), int)
    scores = scored(ConfusionMatrix(2), zeros, zeros)
    assert scores.accuracy == 1 and scores.miou == 1 and np.isnan(scores.kappa)
    scores = scored(ConfusionMatrix(2), np.zeros((2, 2), int), np.full((2, 2), 255))
    means = (MEANS.get(name, name) for name in NAMES)
    assert np.isnan([getattr(scores, name) for name in (*means, "accuracy", "kappa")]).all()


@pytest.mark.parametrize(
    ("prediction", "label", "message"),
    [
        (np.zeros((2, 2), int), np.full((2, 3), 255), r"\(2, 2\)"),
        (np.zeros((2, 2)), np.zeros((2, 2), int), "got float64"),
        (np.zeros((2, 2), int), np.full((2, 2), 2), r"integers in \[0, 2\), got .*2..2"),
        (np.full((2, 2), -1), np.zeros((2, 2), int), "-1..-1"),
    ],
)
def test_refuses_and_counts_nothing(prediction, label, message):
    metric = ConfusionMatrix(2)
    with pytest.raises(ValueError, match=message):
        metric.update(prediction, label)
    assert not metric.state()["counts"].any()
