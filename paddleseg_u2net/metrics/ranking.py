"""How well a map ranks the pixels, whatever the threshold: areas under ROC and PR curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import LEVELS, MapMaskPair
from paddleseg_u2net.metrics.metric import CurveMetric, Curves, MeanMetric, PixelMetric
from paddleseg_u2net.metrics.normalise import check_labels, check_probabilities, native
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
    order=60,
    stretch="stretch",
)
class AveragePrecision(MeanMetric):
    """Average precision of each map at its 256 levels, mean over images.

    AP = sum over thresholds n of (R_n - R_n-1) P_n, the precision P averaged over the recall R by
    steps, without interpolation. Higher is better, in (0, 1]. The level of a pixel is that of
    `map_statistics`, so AP is exact for 8-bit maps; levels 1/255 apart are ties to it. Source:
    Manning, Raghavan, Schütze 2008, "Introduction to Information Retrieval", sec. 8.4;
    scikit-learn's ``average_precision_score`` is the same sum.

    Corner cases:

    - Empty mask: recall has nothing to divide by, so there is no AP. The image counts in
      ``undefined`` and is left out of the mean; scikit-learn warns and says 0.
    - Full mask: 1, every ranking being right.
    - Perfect map: 1. Constant map, and the inverted mask: the object's share of the image.

    Args:
        stretch: How to normalise each map first; see `normalise.normalise`.
            A dim map has few levels without it.
    """

    def score(self, pair: MapMaskPair) -> float:
        """Return the score of one image, NaN without an object."""
        counts = pair.statistics(self.stretch)
        true_positives, false_positives = counts.true_positives, counts.false_positives
        if not true_positives[-1]:
            return float("nan")
        hits = np.diff(true_positives, prepend=0)
        # A level without a pixel at or above it has no hit either; 1 makes the ratio 0.
        precision = true_positives / np.maximum(true_positives + false_positives, 1)
        return float(hits @ precision) / int(true_positives[-1])


@dataclass(frozen=True, eq=False)
class MeanRocScores:
    """What a `MeanRoc` says of all images seen; NaN without an image that has a curve.

    Attributes:
        auc: Mean over images of the area under the image's own curve, in [0, 1], higher is better.
        auc_of_mean_curve: Area under the mean curve, in [0, 1], higher is better. MATLAB toolboxes
            report this one, but from the first threshold on: they leave out the triangle between
            the origin and the rates at level 255.
        thresholds: int64 (256,), 255 down to 0: pixels of at least this level are positive.
        true_positive_rate: float64 (256,), mean over images by threshold; hit rate.
        false_positive_rate: The same of the background pixels that are positive; false alarm.
    """

    auc: float
    auc_of_mean_curve: float
    thresholds: np.ndarray
    true_positive_rate: np.ndarray
    false_positive_rate: np.ndarray


@register(
    Score(
        "mAUC",
        "saliency",
        "area under the mean ROC curve",
        "of the images, from the origin",
        "Borji et al. 2015",
        "auc_of_mean_curve",
    ),
    order=70,
    stretch="stretch",
)
class MeanRoc(CurveMetric):
    """ROC curve of each map at its 256 levels, mean over images.

    A curve is the rate of true positives (TP / object pixels) against the rate of false ones (FP /
    background pixels). It starts at the origin and is joined by straight lines, so equal levels
    count as half right. An AUC of 0.5 is chance, below it the map is rather an inverted one.
    Source: Fawcett 2006, "An introduction to ROC analysis", Pattern Recognition Letters 27, sec. 4
    and 7; the mean of curves threshold by threshold: sec. 8.2, and Borji et al. 2015, "Salient
    Object Detection: A Benchmark".

    Corner cases:

    - Empty or full mask: one of the rates has nothing to divide by. The image counts in
      ``undefined`` and is left out of all means; `FMeasure` counts an empty mask as recall 0.
    - Constant map: AUC 0.5.
    - Perfect map: 1. Inverted map: 0.

    `RocAuc` is the area over all pixels of a set, where a map that is darker than another counts.

    Args:
        stretch: How to normalise each map first; see `normalise.normalise`.
    """

    def _zeros(self) -> dict[str, np.ndarray]:
        return {
            "auc": np.zeros(1),
            "true": np.zeros(LEVELS),
            "false": np.zeros(LEVELS),
            "images": np.zeros(1, np.int64),
            "undefined": np.zeros(1, np.int64),
        }

    def terms(self, pair: MapMaskPair) -> dict[str, Union[np.ndarray, float]]:
        """Return what one image adds to the sums, by name."""
        counts = pair.statistics(self.stretch)
        true, false = counts.true_positives, counts.false_positives
        if not (true[-1] and false[-1]):
            return {"undefined": 1}
        true, false = true / true[-1], false / false[-1]
        return {"auc": _area(false, true), "true": true, "false": false}

    def compute(self) -> MeanRocScores:
        """Return the scores of the images so far."""
        defined = self.images - self.undefined
        auc, true, false = (
            self._sums[name] / defined if defined else np.full_like(self._sums[name], np.nan)
            for name in ("auc", "true", "false")
        )
        return MeanRocScores(
            auc=float(auc[0]),
            auc_of_mean_curve=_area(false, true),
            thresholds=np.arange(LEVELS - 1, -1, -1),
            true_positive_rate=true,
            false_positive_rate=false,
        )


def _area(x: np.ndarray, y: np.ndarray) -> float:
    """Return the area under the points (x, y) joined by lines, the origin before them."""
    middle = y - np.diff(y, prepend=0) / 2
    return float(np.diff(x, prepend=0) @ middle)


@dataclass(frozen=True, eq=False)
class RocAucScores:
    """What a `RocAuc` says of all pixels seen.

    Attributes:
        class_auc: float64 (num_classes,), in [0, 1], higher is better, 0.5 is chance. NaN where no
            label is of the class, or every one.
        auc: Its mean over the classes that have one, NaN without any.
        class_auc_error: float64 (num_classes,): the exact value is not farther than this from
            ``class_auc``. 0 for maps of 8 bits. NaN where that is.
        auc_error: The same of ``auc``.
        thresholds: float64 (N,), infinity and then 1 down to 0: pixels of at least this
            probability are positive.
        true_positive_rate: float64 (num_classes, N), by threshold, 0 up to 1; NaN without a pixel
            of the class.
        false_positive_rate: The same of the pixels of the other classes; NaN without any.
    """

    class_auc: np.ndarray
    auc: float
    class_auc_error: np.ndarray
    auc_error: float
    thresholds: np.ndarray
    true_positive_rate: np.ndarray
    false_positive_rate: np.ndarray


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
    ),
    order=20,
)
class RocAuc(PixelMetric):
    """Area under the ROC curve over all pixels of the set, each class against the rest.

    The chance that a pixel of the class has the larger probability than one of another class,
    where equal ones count half. Source: Hanley and McNeil 1982, "The meaning and use of the area
    under a receiver operating characteristic (ROC) curve", Radiology 143; Fawcett 2006, "An
    introduction to ROC analysis", sec. 7 and, one class against the rest, 9.2 (here every class
    weighs the same); scikit-learn's ``roc_auc_score`` is the same number.

    The memory is constant, 131 kB a class, since pixels are counted by level:

    - Maps of 8 bits (uint8, or floats that all are k / 255 in their own dtype) keep their 256
      levels and are exact.
    - All others fall into 7939 bins whose width is less than 1 % of the distance to 0 or to 1,
      whichever is nearer, down to 2^-32: sigmoids crowd there, and even bins would mix up what
      they tell apart. Pixels of one bin count as equal. ``class_auc_error`` bounds what that may
      do; the true error is mostly far less, for opposite mistakes cancel. On maps of U²-Netp it
      was 2e-8 with a bound of 1e-5, where 65536 even bins were wrong by 2e-4.

    Corner cases: a class that no label or every label has is undefined, NaN, and left out of the
    mean. A constant map is 0.5. An image of ignored pixels only counts nothing.

    Args:
        num_classes: Channels of the model, >= 1. One is a sigmoid model, whose class is the
            foreground.
        ignore_index: Label value of ignored pixels.
    """

    def __init__(self, num_classes: int = 1, ignore_index: int = 255) -> None:
        if num_classes < 1:
            raise ValueError(f"expected num_classes >= 1, got {num_classes}")
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
        """Count the pixels of one image.

        Args:
            probability: Float in [0, 1], or uint8 standing for k / 255; (H, W) for
                ``num_classes == 1``, else (num_classes, H, W).
            label: (H, W). For ``num_classes == 1`` of any real dtype, in [0, 1] or
                ``ignore_index``; soft labels are cut at 0.5. Else of an integer dtype, in
                [0, num_classes) or ``ignore_index``.

        Raises:
            ValueError: a shape, dtype or value is another, NaN included. Nothing is counted then.
        """
        probability, label = np.asarray(probability), np.asarray(label)
        check_probabilities(probability, label, self.num_classes)
        valid = label != self.ignore_index
        every = bool(valid.all())
        label = label.ravel() if every else label[valid]
        check_labels(label, self.num_classes, self.ignore_index)
        if not label.size:
            return
        planes = probability[None] if self.num_classes == 1 else probability
        for number, plane in enumerate(planes):
            inside = label >= 0.5 if self.num_classes == 1 else label == number
            values = np.ascontiguousarray(plane).ravel() if every else plane[valid]
            self._count(number, values, inside)

    def update_pair(self, pair: MapMaskPair) -> None:
        """Count one map of one class, whose `MapMaskPair` may serve other metrics too."""
        self._count(0, pair.at_valid(pair.prediction).ravel(), pair.at_valid(pair.mask).ravel())

    def update_classes(
        self, probability: np.ndarray, label: np.ndarray, predicted: np.ndarray
    ) -> None:
        """Count one image of several classes."""
        self.update(probability, label)

    def _count(self, number: int, values: np.ndarray, inside: np.ndarray) -> None:
        """Count pixels (N,) of one class, and whether they are of it."""
        name, level = _placed(values)
        size = self._sums[name].shape[-1]
        index = np.multiply(inside, size, dtype=np.uint16)
        index += level
        counts = np.bincount(index, minlength=2 * size)
        self._sums[name][number] += counts.reshape(2, size)

    def compute(self) -> RocAucScores:
        """Return the areas and curves of all pixels so far."""
        bins, unknown = self._bins()
        off, on = bins[:, 0, ::-1], bins[:, 1, ::-1]
        totals = off.sum(axis=-1, keepdims=True), on.sum(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            # Summed as whole numbers, so that the curves end at exactly 1.
            true, false = np.cumsum(on, axis=-1) / totals[1], np.cumsum(off, axis=-1) / totals[0]
            auc = (off * (np.cumsum(on, axis=-1) - on / 2)).sum(axis=-1, keepdims=True)
            auc = (auc / totals[0] / totals[1])[:, 0]
            error = unknown / (totals[0] * totals[1])[:, 0] / 2
        return RocAucScores(
            class_auc=auc,
            auc=_mean_of_defined(auc),
            class_auc_error=error,
            auc_error=_mean_of_defined(error),
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
        """Return the counts of all pixels by bin, and how many pairs are not known to be ties.

        Such a pair is of one pixel on the class and one off it, in one bin but not of one level.
        """
        levels = self._sums["levels"].astype(np.float64)
        bins = self._sums["bins"].astype(np.float64)
        places = _bin_of(np.arange(LEVELS) / (LEVELS - 1))  # no two levels share a bin
        bins[..., places] += levels
        pairs = bins.prod(axis=1)
        pairs[:, places] -= levels.prod(axis=1)
        return bins, pairs.sum(axis=-1)


def _mean_of_defined(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _placed(values: np.ndarray) -> tuple[str, np.ndarray]:
    """Return the name of the sums that the pixels (N,) go to, and their places in it."""
    if values.dtype == np.uint8:
        return "levels", values
    level = _level_of(values[:64])
    # Few maps of floats pass by chance: the whole one is looked at only where its start is so.
    if level is not None:
        level = _level_of(values)
    return ("bins", _bin_of(values)) if level is None else ("levels", level)


def _level_of(values: np.ndarray) -> Optional[np.ndarray]:
    """Return k of floats that all are k / 255 in their dtype, None of others."""
    level = np.rint(values * values.dtype.type(LEVELS - 1)).astype(np.uint8)
    exact = (np.arange(LEVELS) / (LEVELS - 1)).astype(values.dtype)
    return level if np.array_equal(exact[level], values) else None


def _bin_of(values: np.ndarray) -> np.ndarray:
    """Return how many of `_edges` after the first are at or below each value (N,).

    Read off the bits: exponent and first bits of the mantissa of a float, as one whole number,
    count bins that double in width from octave to octave. Above 0.5 it is the distance to 1 that
    is read, which floats have exactly.
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
