"""How well a map ranks the pixels, whatever the threshold: areas under ROC and PR curves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Union

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import LEVELS, MapMaskPair
from paddleseg_u2net.metrics.metric import (
    CurveMetric,
    Curves,
    MeanMetric,
    PixelMetric,
    mean_of_defined,
)
from paddleseg_u2net.metrics.normalise import native, valid_pixels
from paddleseg_u2net.metrics.scores import Score, register

_MANTISSA = 7  # bits of the mantissa that a bin keeps: 128 bins to an octave
_OCTAVES = 32  # distances from 0 or from 1 below 2^-32 fall into one bin
_HALF = (_OCTAVES - 1) * 2**_MANTISSA + 1  # the bin that begins at 0.5
_BINS = 2 * _HALF + 1


@register(
    Score(
        "AP",
        "saliency",
        "average precision",
        "over 256 levels, mean over images",
        "Manning et al. 2008",
        also_called=("averageprecision",),
    ),
    stretch="stretch",
)
class AveragePrecision(MeanMetric):
    """Average precision of each map at its 256 levels, mean over images with an object.

    AP = sum over thresholds n of (R_n - R_n-1) P_n, without interpolation; exact for 8-bit maps.
    Source: Manning, Raghavan, Schütze 2008, "Introduction to Information Retrieval", sec. 8.4;
    scikit-learn's ``average_precision_score`` is the same sum.
    """

    def score(self, pair: MapMaskPair) -> float:
        counts = pair.statistics(self.stretch)
        true_positives, false_positives = counts.true_positives, counts.false_positives
        if not true_positives[-1]:
            return float("nan")
        hits = np.diff(true_positives, prepend=0)
        # A level without a pixel at or above it has no hit either; 1 makes the ratio 0.
        precision = true_positives / np.maximum(true_positives + false_positives, 1)
        return float(hits @ precision) / int(true_positives[-1])


@register(
    Score(
        "mAUC",
        "saliency",
        "area under the mean ROC curve",
        "of the images, from the origin",
        "Borji et al. 2015",
        "auc_of_mean_curve",
    ),
    stretch="stretch",
)
class MeanRoc(CurveMetric):
    """Mean over images of the ROC curve of each map at its 256 levels, from the origin.

    Points are joined by straight lines, so equal levels count as half right; 0.5 is chance. Source:
    Fawcett 2006, "An introduction to ROC analysis", Pattern Recognition Letters 27, sec. 4, 7
    and 8.2; Borji et al. 2015, "Salient Object Detection: A Benchmark".
    """

    def _zeros(self) -> dict[str, np.ndarray]:
        counts = {name: np.zeros(1, np.int64) for name in ("images", "undefined")}
        return {"true": np.zeros(LEVELS), "false": np.zeros(LEVELS), **counts}

    def terms(self, pair: MapMaskPair) -> dict[str, Union[np.ndarray, float]]:
        counts = pair.statistics(self.stretch)
        true, false = counts.true_positives, counts.false_positives
        if not (true[-1] and false[-1]):
            return {"undefined": 1}
        return {"true": true / true[-1], "false": false / false[-1]}

    def compute(self) -> SimpleNamespace:
        """Return the area under the mean curve, and its rates, float64 (256,), from 255 down."""
        true, false = self._mean("true"), self._mean("false")
        middle = true - np.diff(true, prepend=0) / 2
        return SimpleNamespace(
            auc_of_mean_curve=float(np.diff(false, prepend=0) @ middle),
            true_positive_rate=true,
            false_positive_rate=false,
        )


@register(
    Score(
        "AUC",
        "segmentation",
        "area under the ROC curve of all pixels",
        "each class against the rest; exact for 8-bit maps, else with a proven error bound in "
        "`RocAuc`",
        "Hanley and McNeil 1982",
        "auc",
        classes=True,
    )
)
class RocAuc(PixelMetric):
    """Area under the ROC curve over all pixels of the set, each class against the rest.

    The chance that a pixel of the class has the larger probability than one of another class, where
    equal ones count half; every class weighs the same. Source: Hanley and McNeil 1982, Radiology
    143; Fawcett 2006, sec. 7 and 9.2; scikit-learn's ``roc_auc_score`` is the same number.

    Pixels are counted by level: maps of 8 bits (uint8, or floats that all are k / 255) are exact.
    All others fall into 7939 bins whose width is less than 1 % of the distance to 0 or to 1,
    whichever is nearer, down to 2^-32, for sigmoids crowd there. Pixels of one bin count as equal;
    ``class_auc_error`` bounds what that may do.
    """

    def __init__(self, num_classes: int = 1, ignore_index: int = 255) -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        super().__init__()

    def _zeros(self) -> dict[str, np.ndarray]:
        # By class; off the class (0) and on it (1); by level or bin.
        return {
            "levels": np.zeros((self.num_classes, 2, LEVELS), np.int64),
            "bins": np.zeros((self.num_classes, 2, _BINS), np.int64),
        }

    def update(self, probability: np.ndarray, label: np.ndarray) -> None:
        """Count the pixels of one image; see `valid_pixels` for the arguments.

        Bytes stand for k / 255; of one class, soft labels are cut at 0.5.
        """
        probability, label = np.asarray(probability), np.asarray(label)
        valid, label = valid_pixels(probability, label, self.num_classes, self.ignore_index)
        if not label.size:
            return
        every = label.size == valid.size
        planes = probability[None] if self.num_classes == 1 else probability
        for number, plane in enumerate(planes):
            inside = label >= 0.5 if self.num_classes == 1 else label == number
            self._count(number, plane.ravel() if every else plane[valid], inside)

    def update_pair(self, pair: MapMaskPair) -> None:
        self._count(0, pair.at_valid(pair.prediction), pair.at_valid(pair.mask))

    def update_classes(
        self, probability: np.ndarray, label: np.ndarray, predicted: np.ndarray
    ) -> None:
        self.update(probability, label)

    def _count(self, number: int, values: np.ndarray, inside: np.ndarray) -> None:
        name, level = _placed(values)
        size = self._sums[name].shape[-1]
        index = np.multiply(inside, size, dtype=np.uint16)
        index += level
        counts = np.bincount(index, minlength=2 * size)
        self._sums[name][number] += counts.reshape(2, size)

    def compute(self) -> SimpleNamespace:
        """Return the areas and curves of all pixels so far.

        ``class_auc`` (num_classes,) is NaN where no label is of the class, or every one; ``auc`` is
        the mean of the others. The exact value is not farther off than ``class_auc_error``, which
        is 0 for maps of 8 bits. The rates are (num_classes, N), by ``thresholds`` (N,), infinity
        and then 1 down to 0: pixels of at least this probability are positive.
        """
        bins, unknown = self._bins()
        off, on = bins[:, 0, ::-1], bins[:, 1, ::-1]
        totals = off.sum(axis=-1, keepdims=True), on.sum(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            # Summed as whole numbers, so that the curves end at exactly 1.
            true, false = np.cumsum(on, axis=-1) / totals[1], np.cumsum(off, axis=-1) / totals[0]
            auc = (off * (np.cumsum(on, axis=-1) - on / 2)).sum(axis=-1, keepdims=True)
            auc = (auc / totals[0] / totals[1])[:, 0]
            error = unknown / (totals[0] * totals[1])[:, 0] / 2
        return SimpleNamespace(
            class_auc=auc,
            auc=mean_of_defined(auc),
            class_auc_error=error,
            auc_error=mean_of_defined(error),
            thresholds=np.concatenate([[np.inf], _edges()[::-1]]),
            true_positive_rate=np.pad(true, ((0, 0), (1, 0))),
            false_positive_rate=np.pad(false, ((0, 0), (1, 0))),
        )

    def curves(self) -> Curves:
        """Return ``ROC`` for one and two classes: false and true positive rate of the object."""
        if self.num_classes > 2:
            return {}
        scores = self.compute()  # of the object, the last class
        x, y = scores.false_positive_rate[-1], scores.true_positive_rate[-1]
        moved = np.append(True, (np.diff(x) != 0) | (np.diff(y) != 0))
        return {"ROC": (x[moved], y[moved])}

    def _bins(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the counts by bin, and how many pairs share a bin but not a level."""
        levels = self._sums["levels"].astype(np.float64)
        bins = self._sums["bins"].astype(np.float64)
        places = _bin_of(np.arange(LEVELS) / (LEVELS - 1))  # no two levels share a bin
        bins[..., places] += levels
        pairs = bins.prod(axis=1)
        pairs[:, places] -= levels.prod(axis=1)
        return bins, pairs.sum(axis=-1)


def _placed(values: np.ndarray) -> tuple[str, np.ndarray]:
    """Return the name of the sums that the pixels (N,) go to, and their places in it.

    Floats that all are k / 255 in their dtype have the level k.
    """
    if values.dtype == np.uint8:
        return "levels", values
    exact = (np.arange(LEVELS) / (LEVELS - 1)).astype(values.dtype)
    # Few maps of floats pass by chance: the whole one is looked at only where its start is so.
    for some in (values[:64], values):
        level = np.rint(some * some.dtype.type(LEVELS - 1)).astype(np.uint8)
        if not np.array_equal(exact[level], some):
            return "bins", _bin_of(values)
    return "levels", level


def _bin_of(values: np.ndarray) -> np.ndarray:
    """Return how many of `_edges` after the first are at or below each value (N,).

    Exponent and first bits of the mantissa of a float, as one whole number, count bins that double
    in width from octave to octave. Above 0.5 the distance to 1 is read, which floats have exactly.
    """
    values = native(values)
    kind, bits = (np.uint64, 52) if values.dtype == np.float64 else (np.uint32, 23)
    shift = bits - _MANTISSA
    zeroth = kind(int(values.dtype.type(2.0**-_OCTAVES).view(kind)) >> shift) - kind(1)
    # Without the sign of a negative zero, whose bits are a large number.
    place = np.abs(np.minimum(values, 1 - values)).view(kind)
    # Above 0.5 rounded up, so that an edge belongs to the bin above it there, too.
    high = values >= 0.5
    place = (place + np.multiply(high, 2**shift - 1, dtype=kind)) >> kind(shift)
    place = (np.maximum(place, zeroth) - zeroth).astype(np.uint16)
    # Then mirrored: place stays below, 2 _HALF - place above; `where` takes thrice as long.
    return place + high * (np.uint16(2 * _HALF) - 2 * place)


def _edges() -> np.ndarray:
    """Return the least value of each bin, float64 (7939,), 0 up to almost 1."""
    ramp = np.arange(_HALF) - 1
    octave, step = ramp >> _MANTISSA, ramp & (2**_MANTISSA - 1)
    lower = np.ldexp(1 + step / 2**_MANTISSA, octave - _OCTAVES)
    return np.concatenate([[0.0], lower[1:], [0.5], 1 - lower[::-1]])
