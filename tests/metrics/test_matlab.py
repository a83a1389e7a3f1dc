"""The field's MATLAB code on 300 maps: what it wrote into DSS.mat, to nine digits.

Its conventions: the mask from a tenth of its range on, the map divided by its maximum, but
stretched by minimum and maximum for MAE. `SMeasure` has this test beside its others.
"""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.metrics import MAE, FMeasure, MapMaskPair
from paddleseg_u2net.metrics.ranking import MeanRoc

from .helpers import shared_maps

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def matlab(shared):
    """DSS.mat by name, without dimensions of one."""
    loadmat = pytest.importorskip("scipy.io").loadmat
    return loadmat(shared / "oracles/sod_matlab_dss/DSS.mat", squeeze_me=True)


@pytest.fixture(scope="module")
def pictures(shared):
    """Its 300 maps with their masks."""
    found = [MapMaskPair(*one) for one in shared_maps(shared, "dss", above=25)]
    assert len(found) == 300
    return found


def scored(metric, pictures):
    for picture in pictures:
        metric.update_pair(picture)
    return metric.compute()


def equal(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_mae(pictures, matlab):
    equal([scored(MAE("minmax"), [one]) for one in pictures], matlab["MAE_image"])
    equal(scored(MAE("minmax"), pictures), matlab["MAE"])


def test_precision_recall_and_f(pictures, matlab):
    for picture, precision, recall, adaptive in zip(
        pictures, matlab["Pre_image"], matlab["Recall_image"], matlab["mean_Fmeasure_image"]
    ):
        scores = scored(FMeasure(stretch="max"), [picture])
        equal(scores.precision_curve, precision)
        equal(scores.recall_curve, recall)
        at = picture.statistics("max")
        hits = at.adaptive_true_positives
        equal(hits / at.adaptive_positives, adaptive[0])
        equal(hits / picture.foreground_pixels, adaptive[1])
        equal(scores.adaptive_f, adaptive[2])
    scores = scored(FMeasure(stretch="max"), pictures)
    equal(scores.precision_curve, matlab["Pre"])
    equal(scores.recall_curve, matlab["Recall"])
    equal(scores.adaptive_f, matlab["mean_Fmeasure"][2])
    equal(scores.max_f_of_mean_pr, matlab["MaxFmeasure"])


def test_roc(pictures, matlab):
    rates = zip(matlab["FPR_image"], matlab["TPR_image"])
    for picture, (false, true) in zip(pictures, rates):
        scores = scored(MeanRoc("max"), [picture])
        equal(scores.false_positive_rate, false)
        equal(scores.true_positive_rate, true)
    scores = scored(MeanRoc("max"), pictures)
    for name in ("FPR", "FalseAlarm"):
        equal(scores.false_positive_rate, matlab[name])
    for name in ("TPR", "HitRate"):
        equal(scores.true_positive_rate, matlab[name])
    # Its area begins at the first threshold, ours at the origin.
    triangle = scores.false_positive_rate[0] * scores.true_positive_rate[0] / 2
    assert triangle == pytest.approx(0.000444, abs=1e-6)
    equal(scores.auc_of_mean_curve - triangle, matlab["AUC"])
