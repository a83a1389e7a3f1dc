"""Scores of hard class maps, from one confusion matrix over the whole set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.metric import PixelMetric
from paddleseg_u2net.metrics.scores import Score, register


@dataclass(frozen=True, eq=False)
class SegmentationScores:
    """What a `ConfusionMatrix` says of all pixels seen; every ratio in [0, 1], kappa in [-1, 1].

    Per-class arrays have the shape (num_classes,); a one-channel model has the classes background
    (0) and foreground (1), so its numbers of the object are those at index 1. With I, P, L the
    pixels of a class in prediction and label at once, in the prediction, in the label, and N all
    pixels:

    - ``class_iou`` = I / (P + L - I), ``miou`` its mean;
    - ``class_dice`` = 2 I / (P + L), ``dice`` its mean;
    - ``class_precision`` = I / P, ``class_recall`` = I / L, ``precision`` and ``recall`` their
      means;
    - ``class_specificity`` = (N - P - L + I) / (N - L), the share of the other classes' pixels
      that are not predicted as this class, ``specificity`` its mean;
    - ``class_ber`` = 1 - (class_recall + class_specificity) / 2, the balanced error rate, the only
      one here that is better lower, ``ber`` its mean. Two classes have the same. Vicente, Hoai,
      Samaras 2015, "Leave-One-Out Kernel Optimization for Shadow Detection", ICCV (in percent);
    - ``accuracy`` = sum I / sum P;
    - ``kappa`` = (po - pe) / (1 - pe) with po = accuracy and pe = sum(P L) / (sum L)^2, Cohen
      1960, "A coefficient of agreement for nominal scales"; NaN where chance alone explains
      everything (pe = 1: one and the same class everywhere in prediction and label).
      PySODMetrics 1.6.2 has another pe, with true positives where false ones belong.

    A class absent from labels and predictions is NaN throughout. Of the others, precision and
    recall are 0 where nothing was predicted or labelled, as in PaddleSeg. Specificity is NaN where
    every label is of the class, and BER where one of its two rates has no pixel to measure
    (PySODMetrics 1.6.2 takes such a rate as 0, which makes a perfect empty prediction half wrong).
    Means leave NaN out and are NaN where nothing else is there.
    """

    class_iou: np.ndarray
    miou: float
    accuracy: float
    kappa: float
    class_dice: np.ndarray
    dice: float
    class_precision: np.ndarray
    precision: float
    class_recall: np.ndarray
    recall: float
    class_specificity: np.ndarray
    specificity: float
    class_ber: np.ndarray
    ber: float
    class_intersection_area: np.ndarray
    class_prediction_area: np.ndarray
    class_label_area: np.ndarray

    @property
    def object_precision(self) -> float:
        """Precision of the object, class 1 of two; of more classes their mean."""
        return self._of_object(self.class_precision, self.precision)

    @property
    def object_recall(self) -> float:
        """The same of recall."""
        return self._of_object(self.class_recall, self.recall)

    @property
    def object_specificity(self) -> float:
        """The same of specificity."""
        return self._of_object(self.class_specificity, self.specificity)

    def _of_object(self, by_class: np.ndarray, mean: float) -> float:
        return float(by_class[1]) if len(by_class) == 2 else mean


def _score(key: str, meaning: str, attribute: str, *also_called: str, higher: bool = True) -> Score:
    return Score(
        key,
        "segmentation",
        meaning,
        attribute=attribute,
        higher_is_better=higher,
        classes=True,
        source="Vicente et al. 2015" if key == "BER" else "PaddleSeg 2.8.0",
        also_called=also_called,
    )


@register(
    _score("mIoU", "IoU, mean over the classes", "miou", "meaniou", "iou", "jaccard"),
    _score("Acc", "share of the pixels that are right", "accuracy", "accuracy", "pixelaccuracy"),
    _score("Kappa", "Cohen's kappa", "kappa"),
    _score("Dice", "Dice, mean over the classes", "dice"),
    _score("Precision", "of the object", "object_precision"),
    _score("Recall", "of the object", "object_recall", "sensitivity"),
    _score("Specificity", "of the object", "object_specificity"),
    _score("BER", "balanced error rate", "ber", higher=False),
    order=10,
    threshold="threshold",
)
class ConfusionMatrix(PixelMetric):
    """Pixels by label class (rows) and predicted class (columns), as int64.

    The scores are PaddleSeg 2.8.0's (``paddleseg/utils/metrics.py``: ``mean_iou``,
    ``class_measurement``, ``kappa``, ``dice``), with two differences:

    - A class that is absent from both labels and predictions of the whole set scores NaN and is
      left out of the means. PaddleSeg counts it as 0, which lowers a mean for a class that could
      not be found.
    - Where ``ignore_index`` is itself a class number, its pixels are left out altogether.
      PaddleSeg still counts them in that class's label area.

    A one-channel (binary) model is reported as two classes: background 0, foreground 1.

    Args:
        num_classes: Channels of the model; one counts as two.
        ignore_index: Label value of ignored pixels.
        threshold: Where the map of a one-channel model becomes a mask, in (0, 1].
    """

    def __init__(
        self, num_classes: int = 2, ignore_index: int = 255, threshold: float = 0.5
    ) -> None:
        if num_classes < 1:
            raise ValueError(f"expected num_classes >= 1, got {num_classes}")
        self.num_classes = max(num_classes, 2)
        self.ignore_index = ignore_index
        self.threshold = threshold
        super().__init__()

    def _zeros(self) -> dict[str, np.ndarray]:
        return {"counts": np.zeros((self.num_classes, self.num_classes), np.int64)}

    @property
    def counts(self) -> np.ndarray:
        """A copy of the int64 counts, (num_classes, num_classes): [label, prediction]."""
        return self._sums["counts"].copy()

    def update(self, prediction: np.ndarray, label: np.ndarray) -> None:
        """Count the pixels of one image (or of a batch: any equal shapes will do).

        Args:
            prediction: Class map (H, W), any integer dtype, values in [0, num_classes) wherever
                the label is not ``ignore_index``.
            label: Class map (H, W), any integer dtype, values in [0, num_classes) or
                ``ignore_index``.

        Raises:
            ValueError: shapes differ, a dtype is not an integer, a value is out of range. Nothing
                is counted then.
        """
        prediction, label = np.asarray(prediction), np.asarray(label)
        for name, array in (("prediction", prediction), ("label", label)):
            if not np.issubdtype(array.dtype, np.integer):
                raise ValueError(f"expected {name} of an integer dtype, got {array.dtype}")
        if prediction.shape != label.shape:
            raise ValueError(
                f"expected prediction and label of one shape, "
                f"got prediction {prediction.shape} and label {label.shape}"
            )
        kept = label != self.ignore_index
        if not kept.all():
            prediction, label = prediction[kept], label[kept]
        self._check_range("label", label, f" or the ignored {self.ignore_index}")
        self._check_range("prediction", prediction, "")

        # Widened while multiplied, since num_classes * label would overflow the usual uint8.
        index = np.multiply(label, self.num_classes, dtype=np.int64, casting="unsafe")
        np.add(index, prediction, out=index, casting="unsafe")
        counts = np.bincount(index.ravel(), minlength=self.num_classes**2)
        self._sums["counts"] += counts.reshape(self.num_classes, self.num_classes)

    def update_pair(self, pair: MapMaskPair) -> None:
        """Count the map of one image, cut at the threshold, as classes 0 and 1."""
        positive = pair.positive(self.threshold)
        hits, found = np.count_nonzero(positive & pair.mask), np.count_nonzero(positive)
        missed, false = pair.foreground_pixels - hits, found - hits
        right = pair.valid_pixels - hits - missed - false
        self._sums["counts"] += np.array([[right, false], [missed, hits]])

    def update_classes(
        self, probability: np.ndarray, label: np.ndarray, predicted: np.ndarray
    ) -> None:
        """Count one image of several classes."""
        self.update(predicted, label)

    def _check_range(self, name: str, array: np.ndarray, also: str) -> None:
        if not array.size:
            return
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= self.num_classes:
            raise ValueError(
                f"expected {name} values in [0, {self.num_classes}){also}, got {low}..{high}"
            )

    def compute(self) -> SegmentationScores:
        """Return the scores of all pixels counted so far; without any pixel they are NaN."""
        counts = self._sums["counts"]
        intersection = np.diagonal(counts).copy()
        predicted, labelled = counts.sum(axis=0), counts.sum(axis=1)
        both = predicted + labelled
        unlabelled = labelled.sum() - labelled
        iou = _ratio(intersection, both - intersection)
        dice = _ratio(2 * intersection, both)
        # 0 / 1 where a class that is present was never predicted or never labelled.
        precision = _ratio(intersection, np.where(both > 0, np.maximum(predicted, 1), 0))
        recall = _ratio(intersection, np.where(both > 0, np.maximum(labelled, 1), 0))
        specificity = _ratio(
            unlabelled - predicted + intersection, np.where(both > 0, unlabelled, 0)
        )
        ber = np.where(labelled > 0, 1 - (recall + specificity) / 2, np.nan)
        accuracy, kappa = _agreement(intersection, predicted, labelled)
        return SegmentationScores(
            class_iou=iou,
            miou=_mean(iou),
            accuracy=accuracy,
            kappa=kappa,
            class_dice=dice,
            dice=_mean(dice),
            class_precision=precision,
            precision=_mean(precision),
            class_recall=recall,
            recall=_mean(recall),
            class_specificity=specificity,
            specificity=_mean(specificity),
            class_ber=ber,
            ber=_mean(ber),
            class_intersection_area=intersection,
            class_prediction_area=predicted,
            class_label_area=labelled,
        )


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return the quotients, NaN where the denominator is 0."""
    result = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def _mean(score: np.ndarray) -> float:
    """Return the mean of what is not NaN, NaN where nothing is left."""
    defined = score[~np.isnan(score)]
    return float(defined.mean()) if defined.size else float("nan")


def _agreement(
    intersection: np.ndarray, predicted: np.ndarray, labelled: np.ndarray
) -> tuple[float, float]:
    """Return accuracy and Cohen's kappa, NaN where they are not defined."""
    # In float64 as PaddleSeg does: the product of two int64 areas of a large set would overflow.
    total = labelled.astype(np.float64).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = intersection.sum() / total
        chance = (predicted.astype(np.float64) * labelled).sum() / (total * total)
        kappa = (observed - chance) / (1 - chance)
    return float(observed), float(kappa)
