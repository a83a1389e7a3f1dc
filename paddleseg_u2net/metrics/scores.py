"""The table of all scores: their names, which way is better, and what computes them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

from paddleseg_u2net.metrics.boundary import BoundaryIoU, MeanBoundaryAccuracy, RelaxedBoundaryF
from paddleseg_u2net.metrics.conventions import Conventions
from paddleseg_u2net.metrics.enhanced import EMeasure
from paddleseg_u2net.metrics.fixation.auc import AucBorji, AucJudd, ShuffledAuc
from paddleseg_u2net.metrics.fixation.density import (
    CorrelationCoefficient,
    KullbackLeiblerDivergence,
    NormalisedScanpathSaliency,
    Similarity,
)
from paddleseg_u2net.metrics.fixation.emd import EarthMoversDistance
from paddleseg_u2net.metrics.metric import Metric
from paddleseg_u2net.metrics.ranking import AveragePrecision, MeanRoc, RocAuc
from paddleseg_u2net.metrics.saliency import MAE, FMeasure
from paddleseg_u2net.metrics.segmentation import ConfusionMatrix
from paddleseg_u2net.metrics.structure import SMeasure
from paddleseg_u2net.metrics.weighted_f import WeightedFMeasure

FAMILIES = ("segmentation", "saliency", "boundary", "fixation")

# What computes the scores: name -> (conventions, number of classes, ignored label) -> metric.
# Several scores may be read off one metric, which then sees every image once.
METRICS: dict[str, Callable[[Conventions, int, int], Metric]] = {
    "confusion": lambda c, classes, ignore: ConfusionMatrix(max(classes, 2), ignore),
    "roc": lambda c, classes, ignore: RocAuc(classes, ignore),
    "mae": lambda c, *_: MAE(c.mae_stretch),
    "f": lambda c, *_: FMeasure(c.beta2, c.stretch),
    "weighted_f": lambda c, *_: WeightedFMeasure(c.weighted_beta2, c.stretch),
    "s": lambda c, *_: SMeasure(stretch=c.stretch),
    "e": lambda c, *_: EMeasure(c.e_divisor, c.stretch),
    "mean_roc": lambda c, *_: MeanRoc(c.stretch),
    "average_precision": lambda c, *_: AveragePrecision(c.stretch),
    "relaxed_f": lambda c, *_: RelaxedBoundaryF(c.slack, c.beta2, c.threshold),
    "boundary_iou": lambda c, *_: BoundaryIoU(threshold=c.threshold),
    "boundary_accuracy": lambda c, *_: MeanBoundaryAccuracy(threshold=c.threshold),
    "auc_judd": lambda c, *_: AucJudd(),
    "auc_borji": lambda c, *_: AucBorji(),
    "auc_shuffled": lambda c, *_: ShuffledAuc(),
    "nss": lambda c, *_: NormalisedScanpathSaliency(),
    "cc": lambda c, *_: CorrelationCoefficient(),
    "sim": lambda c, *_: Similarity(),
    "kld": lambda c, *_: KullbackLeiblerDivergence(),
    "emd": lambda c, *_: EarthMoversDistance(),
}


@dataclass(frozen=True)
class Score:
    """One number of a report.

    Attributes:
        key: Its name in results, configurations and tables.
        family: One of `FAMILIES`.
        metric: What computes it, a key of `METRICS`.
        meaning: Its definition in a few words.
        read: From what the metric's ``compute`` returns to the number.
        higher_is_better: Which way is better.
        classes: Whether it is there for three classes and more.
    """

    key: str
    family: str
    metric: str
    meaning: str
    read: Callable[[Any], float]
    higher_is_better: bool = True
    classes: bool = False


def _itself(value: float) -> float:
    return value


def _foreground(name: str, scores: Any) -> float:
    """Return the object's number where there are two classes, else the mean over the classes."""
    values = getattr(scores, f"class_{name}")
    return float(values[1]) if len(values) == 2 else float(getattr(scores, name))


# Of several classes it is their mean.
_OF_OBJECT = "of the object"


def _segmentation(key: str, meaning: str, read: Any, higher: bool = True) -> Score:
    return Score(key, "segmentation", "confusion", meaning, read, higher, classes=True)


_ALL = (
    _segmentation("mIoU", "IoU, mean over the classes", attrgetter("miou")),
    _segmentation("Acc", "share of the pixels that are right", attrgetter("accuracy")),
    _segmentation("Kappa", "Cohen's kappa", attrgetter("kappa")),
    _segmentation("Dice", "Dice, mean over the classes", attrgetter("dice")),
    _segmentation("Precision", _OF_OBJECT, partial(_foreground, "precision")),
    _segmentation("Recall", _OF_OBJECT, partial(_foreground, "recall")),
    _segmentation("Specificity", _OF_OBJECT, partial(_foreground, "specificity")),
    _segmentation("BER", "balanced error rate", attrgetter("ber"), False),
    Score(
        "AUC",
        "segmentation",
        "roc",
        "area under the ROC curve of all pixels",
        attrgetter("auc"),
        classes=True,
    ),
    Score("MAE", "saliency", "mae", "mean absolute error", _itself, False),
    Score("maxF", "saliency", "f", "max over thresholds of F, mean first", attrgetter("max_f")),
    Score(
        "maxF_paper",
        "saliency",
        "f",
        "max over thresholds of F(mean precision, mean recall)",
        attrgetter("max_f_of_mean_pr"),
    ),
    Score("meanF", "saliency", "f", "F, mean over thresholds", attrgetter("mean_f")),
    Score("adpF", "saliency", "f", "F at twice the map's mean", attrgetter("adaptive_f")),
    Score("wF", "saliency", "weighted_f", "weighted F", _itself),
    Score("S", "saliency", "s", "S-measure, alpha 0.5", _itself),
    Score("maxE", "saliency", "e", "max over thresholds of E, mean first", attrgetter("max_e")),
    Score("meanE", "saliency", "e", "E, mean over thresholds", attrgetter("mean_e")),
    Score("adpE", "saliency", "e", "E at twice the map's mean", attrgetter("adaptive_e")),
    Score(
        "AP",
        "saliency",
        "average_precision",
        "average precision",
        _itself,
    ),
    Score(
        "mAUC",
        "saliency",
        "mean_roc",
        "area under the mean ROC curve",
        attrgetter("auc_of_mean_curve"),
    ),
    Score("relaxF", "boundary", "relaxed_f", "relaxed F of boundaries", _itself),
    Score("BIoU", "boundary", "boundary_iou", "boundary IoU, 2 % of the diagonal", _itself),
    Score("mBA", "boundary", "boundary_accuracy", "mean boundary accuracy, 5 radii", _itself),
    Score("AUC_Judd", "fixation", "auc_judd", "ROC area, against all other pixels", _itself),
    Score("AUC_Borji", "fixation", "auc_borji", "ROC area, against random pixels", _itself),
    Score("sAUC", "fixation", "auc_shuffled", "ROC area, against other images' points", _itself),
    Score("NSS", "fixation", "nss", "standardised map (over n-1) at the fixations", _itself),
    Score("CC", "fixation", "cc", "correlation with the density", _itself),
    Score("SIM", "fixation", "sim", "overlap with the density, both from 0", _itself),
    Score("KLD", "fixation", "kld", "divergence from the density, nats", _itself, False),
    Score(
        "EMD", "fixation", "emd", "earth mover's distance to the density, 14 cells", _itself, False
    ),
)

SCORES: dict[str, Score] = {score.key: score for score in _ALL}
"""All scores by key, in the order of reports."""

DEFAULT = ("segmentation", "saliency")
"""The families that are reported where nothing else is asked for."""


def chosen(names: Iterable[str], num_classes: int = 1) -> tuple[Score, ...]:
    """Return the scores of keys, of families and of "all", in the order of the table.

    A family, or "all", stands for those of its scores that ``num_classes`` has.

    Raises:
        ValueError: there is no such score, or not for so many classes; nothing was named.
    """
    names = [resolve(name) for name in names]
    keys: set[str] = set()
    for name in names:
        group = [s for s in _ALL if name in ("all", s.family) and (num_classes <= 2 or s.classes)]
        if name in SCORES:
            group = [SCORES[name]]
            if num_classes > 2 and not SCORES[name].classes:
                there_are = ", ".join(score.key for score in _ALL if score.classes)
                raise ValueError(
                    f"{name}: this score is for one or two classes; with {num_classes} there are "
                    f"{there_are}"
                )
        keys.update(score.key for score in group)
    if not keys:
        raise ValueError(
            f"expected scores for {num_classes} classes, got {', '.join(names) or 'none'}; take "
            "segmentation"
        )
    return tuple(score for score in _ALL if score.key in keys)


# What other toolboxes and papers call them, in small letters without signs.
_ALSO_CALLED = {
    **dict.fromkeys(("m", "meanabsoluteerror"), "MAE"),
    **dict.fromkeys(("sm", "smeasure", "salpha", "structuremeasure"), "S"),
    **dict.fromkeys(("fmax", "maxfm", "fmmax", "maxfmeasure", "fbetamax", "maxfbeta"), "maxF"),
    **dict.fromkeys(("fmean", "meanfm", "fmmean", "meanfmeasure", "fbetamean", "avgf"), "meanF"),
    **dict.fromkeys(("fadp", "adpfm", "fmadp", "adaptivef", "adpfmeasure", "fbetaadp"), "adpF"),
    **dict.fromkeys(("wfm", "fw", "weightedf", "wfmeasure", "weightedfmeasure", "fbw"), "wF"),
    **dict.fromkeys(("fbetaw", "wfbeta"), "wF"),
    **dict.fromkeys(("emax", "maxem", "emmax", "maxemeasure"), "maxE"),
    **dict.fromkeys(("emean", "meanem", "emmean", "meanemeasure", "avge"), "meanE"),
    **dict.fromkeys(("eadp", "adpem", "emadp", "adaptivee", "adpemeasure"), "adpE"),
    **dict.fromkeys(("averageprecision",), "AP"),
    **dict.fromkeys(("relaxfb", "relaxedf", "boundaryf"), "relaxF"),
    **dict.fromkeys(("accuracy", "pixelaccuracy"), "Acc"),
    **dict.fromkeys(("meaniou",), "mIoU"),
    "boundaryiou": "BIoU",
    "sensitivity": "Recall",
}
_GREEK = str.maketrans({"\u03b1": "alpha", "\u03b2": "beta", "\u03be": "xi"})
# What may be any one of several.
_AMBIGUOUS = {
    **dict.fromkeys(
        ("f", "fm", "fmeasure", "fbeta", "fscore"), ("maxF", "maxF_paper", "meanF", "adpF", "wF")
    ),
    **dict.fromkeys(("e", "em", "emeasure", "exi"), ("maxE", "meanE", "adpE")),
    **dict.fromkeys(("iou", "jaccard"), ("mIoU", "BIoU")),
}


def resolve(name: object) -> str:
    """Return the key of a score, a family or "all", by its name in any case or another toolbox.

    Raises:
        ValueError: there is no such score, or the name may be any one of several.
    """
    known = [*SCORES, *FAMILIES, "all"]
    if name in known:
        return str(name)
    plain = {re.sub("[^a-z0-9]", "", each.lower()): each for each in known} | _ALSO_CALLED
    asked = re.sub("[^a-z0-9]", "", str(name).lower().translate(_GREEK))
    if asked in plain:
        return plain[asked]
    if asked in _AMBIGUOUS:
        meanings = (f"{key} ({SCORES[key].meaning})" for key in _AMBIGUOUS[asked])
        raise ValueError(f"{name!r} may be any one of these scores: {', '.join(meanings)}")
    near = difflib.get_close_matches(asked, plain, 1)
    hint = f"did you mean {plain[near[0]]}? " if near else ""
    raise ValueError(f"there is no score {name!r}; {hint}There are {', '.join(known)}")
