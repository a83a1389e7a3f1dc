"""The object's numbers of a confusion matrix against PySODMetrics, over a whole set."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.metrics import ConfusionMatrix

# PySODMetrics's handler: what is ours.
HANDLERS = {
    "IOUHandler": lambda scores: scores.class_iou[1],
    "DICEHandler": lambda scores: scores.class_dice[1],
    "PrecisionHandler": lambda scores: scores.class_precision[1],
    "RecallHandler": lambda scores: scores.class_recall[1],
    "TPRHandler": lambda scores: scores.class_recall[1],
    "SensitivityHandler": lambda scores: scores.class_recall[1],
    "SpecificityHandler": lambda scores: scores.class_specificity[1],
    "TNRHandler": lambda scores: scores.class_specificity[1],
    "FPRHandler": lambda scores: 1 - scores.class_specificity[1],
    "BERHandler": lambda scores: scores.class_ber[1],
    "OverallAccuracyHandler": lambda scores: scores.accuracy,
}
KAPPA = {"KappaHandler": lambda scores: scores.kappa}


def binary_pairs(seed, images):
    """Class maps {0, 1} and masks; some images without an object or without a find."""
    rng = np.random.default_rng(seed)
    pairs = []
    for number in range(images):
        mask = rng.random((37, 41)) < (0 if number == 1 else rng.uniform(0.05, 0.7))
        found = mask ^ (rng.random(mask.shape) < rng.uniform(0, 0.4))
        pairs.append((np.zeros_like(found) if number == 2 else found, mask))
    return pairs


def theirs(pairs, names=HANDLERS):
    """What PySODMetrics says of the foreground of a set, by handler."""
    module = pytest.importorskip("py_sod_metrics")
    over_the_set = {"with_binary": True, "sample_based": False}
    handlers = {name: getattr(module, name)(False, False, **over_the_set) for name in names}
    metric = module.FmeasureV2(handlers)
    for found, mask in pairs:
        metric.step(found.astype(np.float64), mask, normalize=False)
    return {name: float(value["binary"]) for name, value in metric.get_results().items()}


def ours(pairs, names=HANDLERS, ignored=None):
    metric = ConfusionMatrix(2)
    for found, mask in pairs:
        label = mask.astype(np.uint8)
        if ignored is not None:
            label = np.hstack([label, np.full((len(label), ignored), 255, np.uint8)])
            found = np.hstack([found, np.ones((len(found), ignored), bool)])
        metric.update(found.view(np.uint8), label)
    scores = metric.compute()
    return {name: read(scores) for name, read in names.items()}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ignored", [None, 3])
def test_the_foreground_of_a_set_equals_pysodmetrics(seed, ignored):
    pairs = binary_pairs(seed, images=5)
    assert ours(pairs, ignored=ignored) == pytest.approx(theirs(pairs), abs=1e-9, rel=0)


def test_undefined_rates_without_an_object():
    mask = np.zeros((5, 6), bool)
    found = np.eye(5, 6, dtype=bool)
    expected = theirs([(found, mask)])
    got = ours([(found, mask)])
    assert expected.pop("BERHandler") == pytest.approx(1 - (1 - 5 / 30) / 2)
    assert np.isnan(got.pop("BERHandler"))
    assert got == pytest.approx(expected, abs=1e-9, rel=0)


def test_kappa_equals_it_where_its_slip_does_not_matter():
    """Its chance agreement has TP where Cohen has FP (scikit-learn too), so both are made equal."""
    mask = np.arange(40).reshape(5, 8) < 14
    found = (np.arange(40).reshape(5, 8) >= 5) & (np.arange(40).reshape(5, 8) < 23)
    assert np.count_nonzero(found & mask) == np.count_nonzero(found & ~mask)
    got = ours([(found, mask)], KAPPA)
    assert got == pytest.approx(theirs([(found, mask)], KAPPA), abs=1e-9, rel=0)
