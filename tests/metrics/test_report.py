from __future__ import annotations

import json

import numpy as np
import pytest

from paddleseg_u2net.metrics import (
    MAE,
    PRESETS,
    SCORES,
    ConfusionMatrix,
    Fixations,
    FMeasure,
    MetricReport,
    SMeasure,
    WeightedFMeasure,
    json_ready,
    make_conventions,
)
from paddleseg_u2net.metrics.report import most_probable

SEGMENTATION = {key for key, score in SCORES.items() if score.family == "segmentation"}
SALIENCY = {key for key, score in SCORES.items() if score.family == "saliency"}
PER_CLASS = {"class_iou", "class_precision", "class_recall", "class_specificity", "class_dice"}


def binary_images(seed=0, images=3, size=(12, 9), ignored=0.15):
    rng = np.random.default_rng(seed)
    for _ in range(images):
        label = (rng.random(size) < 0.4).astype(np.float32)
        probability = np.clip(rng.normal(0.2 + 0.5 * label, 0.3), 0, 1)
        label[rng.random(size) < ignored] = 255
        yield probability.astype(np.float32), label


def softmax_images(num_classes, seed=0, images=3, size=(12, 9)):
    rng = np.random.default_rng(seed)
    for _ in range(images):
        logits = rng.normal(size=(num_classes, *size))
        label = logits.argmax(axis=0)
        logits += rng.normal(size=logits.shape)
        label[rng.random(size) < 0.1] = 255
        exponent = np.exp(logits)
        yield (exponent / exponent.sum(axis=0)).astype(np.float32), label


def reported(images, *args, **kwargs):
    report = MetricReport(*args, **kwargs)
    for probability, label in images:
        report.update(probability, label)
    return report


def assert_same(one, other, tolerance=0.0):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("num_classes", [1, 2, 4])
def test_equals_its_parts(num_classes):
    images = list(binary_images() if num_classes == 1 else softmax_images(num_classes))
    result = reported(images, num_classes).compute()
    confusion, mae, f_measure = ConfusionMatrix(num_classes), MAE(), FMeasure()
    weighted_f, s_measure = WeightedFMeasure(), SMeasure()
    for probability, label in images:
        predicted = probability >= 0.5 if num_classes == 1 else probability.argmax(axis=0)
        confusion.update(predicted.astype(int), label.astype(int))
        of_object, kept = probability if num_classes == 1 else probability[1], label != 255
        for metric in (mae, f_measure, weighted_f, s_measure):
            metric.update(of_object, label == 1, kept)
    scores, f_scores = confusion.compute(), f_measure.compute()
    assert result["mIoU"] == scores.miou
    np.testing.assert_array_equal(result["class_recall"], scores.class_recall)
    assert len(result["class_iou"]) == max(num_classes, 2)
    if num_classes > 2:
        assert not SALIENCY & result.keys()
        return
    assert (result["MAE"], result["maxF"]) == (mae.compute(), f_scores.max_f)
    assert result["maxF_paper"] == f_scores.max_f_of_mean_pr
    assert (result["meanF"], result["adpF"]) == (f_scores.mean_f, f_scores.adaptive_f)
    assert (result["wF"], result["S"]) == (weighted_f.compute(), s_measure.compute())


def test_keys_and_json():
    result = reported(binary_images(), 1).compute()
    assert result.keys() == {"images"} | SEGMENTATION | PER_CLASS | SALIENCY
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    some = reported(binary_images(), 1, names=["wF", "mIoU"]).compute()
    assert list(some) == ["images", "mIoU", "wF", *sorted(PER_CLASS, key=list(some).index)]
    assert some == {name: result[name] for name in some}


def test_every_score_is_read_off_its_metric_and_in_range():
    """Of a map that is right more often than wrong, all scores are finite and on the good side."""
    label = np.zeros((40, 60))
    label[8:30, 12:40] = 1
    rng = np.random.default_rng(0)
    images = [(np.clip(rng.normal(0.2 + 0.6 * label, 0.1), 0, 1), label)] * 2
    report = MetricReport(1, names=["all"])
    for probability, label in images:
        report.update(probability, label, np.ones(label.shape))
    values = report.values()
    assert list(values) == [key for key, score in SCORES.items() if score.family != "video"]
    assert all(np.isfinite(value) for value in values.values())
    inverted = MetricReport(1, names=["all"])
    for probability, label in images:
        inverted.update(1 - probability, label, np.ones(label.shape))
    for key, value in inverted.values().items():
        better = values[key] > value if SCORES[key].higher_is_better else values[key] < value
        assert better or key == "Grad", key  # which does not know up from down


def test_undefined_scores_are_null_in_strict_json():
    report = MetricReport(2)
    zeros = np.zeros((3, 3), int)
    report.update(np.stack([zeros + 0.9, zeros + 0.1]), zeros)
    result = report.compute()
    assert np.isnan(result["class_iou"][1]) and result["mIoU"] == 1
    plain = json.loads(json.dumps(json_ready(result), allow_nan=False))
    assert plain["class_iou"] == [1, None] and plain["Kappa"] is None


@pytest.mark.parametrize("num_classes", [2, 5, 300])
def test_most_probable_is_argmax_ties_included(num_classes):
    rng = np.random.default_rng(num_classes)
    probability = rng.integers(0, 4, (num_classes, 9, 8)).astype(np.float32) / 4
    np.testing.assert_array_equal(most_probable(probability), probability.argmax(axis=0))


def test_soft_labels_are_cut_at_one_half():
    report = MetricReport(1)
    report.update(np.array([[0.5, 0.49, 0.9]], np.float32), np.array([[0.5, 0.49, 0.4]]))
    np.testing.assert_allclose(report.compute()["class_precision"], [1, 1 / 2])


def test_image_without_a_pixel_that_counts():
    images = list(binary_images())
    blank = np.full_like(images[0][1], 255)
    result = reported([*images, (images[0][0], blank)], 1).compute()
    expected = reported(images, 1).compute()
    assert result.pop("images") == 4 and expected.pop("images") == 3
    assert_same(result, expected)
    assert reported([*images, (images[0][0], blank)], 1).ignored == 1


def test_empty_masks_are_left_out_where_that_is_asked_for():
    images = list(binary_images(ignored=0))
    empty = images[0][0], np.zeros_like(images[0][1])
    leave_out = make_conventions("paper", empty_masks="leave_out")
    report = reported([*images, empty], 1, names=["S", "relaxF", "mIoU"], conventions=leave_out)
    alone = reported(images, 1, names=["S", "relaxF", "mIoU"])
    assert report.left_out == 1 and report.values()["S"] == alone.values()["S"]
    assert report.values()["relaxF"] == alone.values()["relaxF"]
    assert report.values()["mIoU"] < alone.values()["mIoU"]  # there it is an image like any other
    counted = reported([*images, empty], 1, names=["S"])
    assert counted.left_out == 0 and counted.values()["S"] < alone.values()["S"]


def test_undefined_scores_are_counted():
    images = list(binary_images(ignored=0))
    empty = images[0][0], np.zeros_like(images[0][1])
    report = reported([*images, empty], 1, names=["AP", "NSS", "S"])
    assert report.undefined() == {"AP": 1, "NSS": 1}
    assert report.values()["AP"] == reported(images, 1, names=["AP"]).values()["AP"]


def test_fixations_are_the_object_where_none_are_given():
    (probability, label), *_ = binary_images(ignored=0)
    mask = label > 0
    by_mask, given, elsewhere = (MetricReport(1, names=["fixation"]) for _ in range(3))
    others = np.ones(label.shape)
    by_mask.update_map(probability, mask, None, others)
    given.update_map(probability, mask, Fixations.from_mask(mask), others)
    elsewhere.update_map(probability, None, Fixations.from_points([[0, 0]], mask.shape, 2), others)
    assert by_mask.values() == given.values() != elsewhere.values()
    with pytest.raises(ValueError, match="expected a mask"):
        MetricReport(1, names=["MAE", "NSS"]).update_map(
            probability, None, Fixations.from_mask(mask)
        )


@pytest.mark.parametrize(("num_classes", "make"), [(1, binary_images), (2, None), (3, None)])
def test_merged_shards_equal_one_pass(num_classes, make):
    images = list(make(images=5) if make else softmax_images(num_classes, images=5))
    whole, total = reported(images, num_classes), MetricReport(num_classes)
    for start in range(3):
        shard = MetricReport(num_classes)
        shard.load_state(reported(images[start::3], num_classes).state())
        total.merge(shard)
    assert_same(total.compute(), whole.compute(), 1e-12)
    for name, value in whole.state().items():
        assert value.ndim >= 1 and value.dtype in (np.int64, np.float64), name
    total.reset()
    assert total.compute()["images"] == 0 and np.isnan(total.compute()["mIoU"])


GOOD, LABEL = np.full((2, 3), 0.4, np.float32), np.zeros((2, 3))


@pytest.mark.parametrize(
    ("num_classes", "probability", "label", "message"),
    [
        (1, np.where(np.eye(2, 3), np.nan, GOOD), LABEL, "NaN"),
        (1, GOOD + 1, LABEL, r"probabilities in \[0, 1\]"),
        (1, GOOD - 1, LABEL, r"probabilities in \[0, 1\]"),
        (1, GOOD.astype(int), LABEL, "float dtype.*int64"),
        (1, GOOD, LABEL.T, r"\(2, 3\).*\(3, 2\)"),
        (1, GOOD[None], LABEL, r"\(H, W\).*got probabilities float32 \(1, 2, 3\)"),
        (1, GOOD, LABEL + 2, r"label values.*255.*2.0"),
        (1, GOOD, LABEL * np.nan, "label values"),
        (2, GOOD, LABEL.astype(int), r"\(2, H, W\).*got probabilities float32 \(2, 3\)"),
        (2, np.stack([GOOD] * 3), LABEL.astype(int), r"got probabilities float32 \(3, 2"),
        (2, np.stack([GOOD] * 2), LABEL, "integer dtype"),
        (2, np.stack([GOOD] * 2), LABEL.astype(int) + 2, "label values"),
    ],
)
def test_refuses_and_counts_nothing(num_classes, probability, label, message):
    report = MetricReport(num_classes)
    with pytest.raises(ValueError, match=message):
        report.update(probability, label)
    assert not any(value.any() for value in report.state().values())


def test_the_ignored_label_does_not_collide_with_masks():
    (probability, label), *_ = binary_images(ignored=0)
    expected = MetricReport(1, names=["all"])
    expected.update_map(probability, label > 0)
    for ignore_index in (0, 1, -1):
        report = MetricReport(1, ignore_index, names=["all"])
        report.update_map(probability, label > 0)
        assert_same(report.values(), expected.values())


def test_refuses_scores_that_are_not_there():
    with pytest.raises(ValueError, match=r"no score 'maxg'; did you mean maxF\?"):
        MetricReport(1, names=["maxg"])
    with pytest.raises(ValueError, match="MAE: this score is for one or two classes; with 3.*mIoU"):
        MetricReport(3, names=["MAE"])
    with pytest.raises(ValueError, match="expected scores for 3 classes, got saliency"):
        MetricReport(3, names=["saliency"])
    with pytest.raises(ValueError, match="got none"):
        MetricReport(1, names=[])


def test_refuses_to_merge_or_load_what_does_not_fit():
    report = MetricReport(1)
    with pytest.raises(ValueError, match="different arguments"):
        report.merge(MetricReport(1, ignore_index=0))
    for other in (MetricReport(1, names=["mIoU"]), MetricReport(2)):
        with pytest.raises(ValueError, match="other arguments"):
            report.load_state(other.state())


def test_precision_is_of_images_with_a_find():
    """One map is sure and right, one never above .4: the curve does not sink to 0 beyond that."""
    mask = np.zeros((8, 8), bool)
    mask[:4] = True
    report = MetricReport(1, names=["maxF"], conventions=PRESETS["paper"])
    for height in (0.9, 0.4):
        report.update_map(np.where(mask, height, 0.0), mask)
    recall, precision = report.curves()["PR"]
    expected = [(0.5, 1.0), (1.0, 1.0), (1.0, 0.5)]  # above .4, above 0, everything
    assert sorted(set(zip(recall.tolist(), precision.tolist())), key=lambda p: (p[0], -p[1])) == (
        expected
    )
    assert report.values()["maxF"] == 1.0
