"""Scores of hard class maps, from one confusion matrix over the whole set."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.metric import PixelMetric, mean_of_defined
from paddleseg_u2net.metrics.scores import Score, register


def _score(key: str, meaning: str, attribute: str, *names: str, higher: bool = True) -> Score:
    source = "Vicente et al. 2015" if key == "BER" else "PaddleSeg 2.8.0"
    about = key, "segmentation", meaning, "", source
    return Score(*about, attribute, higher, classes=True, also_called=names)


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
    """Pixels by label class (rows) and predicted class (columns); one channel counts as two.

    The scores are PaddleSeg 2.8.0's (``paddleseg/utils/metrics.py``), with two differences: a class
    that is absent from both labels and predictions of the whole set is NaN and left out of the
    means (there it is 0), and where ``ignore_index`` is itself a class number, its pixels are left
    out altogether.
    """

    def __init__(
        self, num_classes: int = 2, ignore_index: int = 255, threshold: float = 0.5
    ) -> None:
        self.num_classes = 2 if num_classes == 1 else num_classes
        self.ignore_index = ignore_index
        self.threshold = threshold
        super().__init__()

    def _zeros(self) -> dict[str, np.ndarray]:
        return {"counts": np.zeros((self.num_classes, self.num_classes), np.int64)}

    @property
    def counts(self) -> np.ndarray:
        """Pixels, int64 (C, C): rows are what is true, columns what was predicted."""
        return self._sums["counts"].copy()

    def update(self, prediction: np.ndarray, label: np.ndarray) -> None:
        """Count the pixels of one image: class maps (H, W) of integers in [0, num_classes).

        What the prediction says where the label is ``ignore_index`` does not matter.
        """
        prediction, label = np.asarray(prediction), np.asarray(label)
        same, kept = prediction.shape == label.shape, label != self.ignore_index
        if same and not kept.all():
            prediction, label = prediction[kept], label[kept]
        for classes in (prediction, label):
            in_range = (
                same
                and classes.dtype.kind in "iu"
                and (not classes.size or 0 <= classes.min() <= classes.max() < self.num_classes)
            )
            if not in_range:
                raise ValueError(
                    f"expected prediction and label of one shape and of integers in "
                    f"[0, {self.num_classes}), got {classes.dtype} {classes.shape}"
                    + (f", {classes.min()}..{classes.max()}" if classes.size else "")
                )

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
        self.update(predicted, label)

    def compute(self) -> SimpleNamespace:
        """Return the scores of all pixels; what is not defined is NaN and left out of means.

        With I, P, L the pixels of a class in prediction and label at once, in the prediction, in
        the label, and N all pixels: IoU I / (P + L - I), Dice 2 I / (P + L), precision I / P,
        recall I / L, specificity (N - P - L + I) / (N - L), BER 1 - (recall + specificity) / 2
        (Vicente, Hoai, Samaras 2015, "Leave-One-Out Kernel Optimization for Shadow Detection",
        ICCV). Of each there is a ``class_`` array (num_classes,), and the mean over the classes
        (``miou``, ``dice``, ...); ``object_`` is that of class 1 of two, of more classes the mean.
        ``kappa`` is (po - pe) / (1 - pe) with po = ``accuracy``, pe = sum(P L) / N^2, Cohen 1960.
        """
        counts = self._sums["counts"]
        intersection = np.diagonal(counts)
        predicted, labelled = counts.sum(axis=0), counts.sum(axis=1)
        both = predicted + labelled
        unlabelled = labelled.sum() - labelled
        # 0 / 1 where a class that is present was never predicted or never labelled.
        recall = _ratio(intersection, np.where(both > 0, np.maximum(labelled, 1), 0))
        specificity = _ratio(
            unlabelled - predicted + intersection, np.where(both > 0, unlabelled, 0)
        )
        by_class = {
            "iou": _ratio(intersection, both - intersection),
            "dice": _ratio(2 * intersection, both),
            "precision": _ratio(intersection, np.where(both > 0, np.maximum(predicted, 1), 0)),
            "recall": recall,
            "specificity": specificity,
            "ber": np.where(labelled > 0, 1 - (recall + specificity) / 2, np.nan),
        }
        # In float64 as PaddleSeg does: the product of int64 areas of a large set would overflow.
        total = labelled.astype(np.float64).sum()
        with np.errstate(invalid="ignore", divide="ignore"):
            accuracy = intersection.sum() / total
            chance = (predicted.astype(np.float64) * labelled).sum() / (total * total)
            kappa = (accuracy - chance) / (1 - chance)
        scores = SimpleNamespace(accuracy=float(accuracy), kappa=float(kappa))
        for name, values in by_class.items():
            mean = mean_of_defined(values)
            setattr(scores, f"class_{name}", values)
            setattr(scores, "miou" if name == "iou" else name, mean)
            setattr(scores, f"object_{name}", float(values[1]) if len(values) == 2 else mean)
        return scores


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return the quotients, NaN where the denominator is 0."""
    result = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result
