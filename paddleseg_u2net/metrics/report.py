"""The one object that an evaluation loop feeds and reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

import numpy as np

from .maps import check_unit_range
from .metric import Metric
from .picture import Picture
from .saliency import MAE, FMeasure
from .segmentation import ConfusionMatrix
from .structure import SMeasure
from .weighted_f import WeightedFMeasure

HIGHER_IS_BETTER: dict[str, bool] = {
    "mIoU": True,
    "Acc": True,
    "Kappa": True,
    "Dice": True,
    "MAE": False,
    "maxF": True,
    "maxF_paper": True,
    "meanF": True,
    "adpF": True,
    "wF": True,
    "S": True,
}
"""By scalar key of `MetricReport.compute`: whether a larger value is a better model."""

ReportValue = Union[float, list]


class MetricReport:
    """Segmentation and saliency scores of one model on one set.

    ``num_classes == 1`` is a sigmoid model: foreground is probability >= 0.5 against label >= 0.5,
    reported as two classes (background, foreground). ``num_classes >= 2`` is a softmax model: the
    class is the most probable one, the lowest number on a tie. Saliency scores are there for one
    channel, and for two classes by the probability of class 1; for more classes there are none,
    whatever ``saliency`` says.

    Pixels whose label is ``ignore_index`` count in no score; `SMeasure` and `WeightedFMeasure` say
    how these two, which need the whole picture, leave them out. An image of nothing but such pixels
    counts in ``images`` only. Mind that 255 means "ignore" by default: a mask stored as 0 / 255
    must be divided by 255 first, or its foreground is ignored.

    Args:
        num_classes: Output channels of the model, >= 1.
        ignore_index: Label value of pixels that do not count.
        saliency: Whether to compute the saliency scores where they make sense.
        normalise: Stretch each map to [0, 1] before the saliency scores, as published tables
            mostly do; see `map_statistics`. Segmentation scores never are.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int = 255,
        saliency: bool = True,
        *,
        stretch: str = "none",
    ) -> None:
        if num_classes < 1:
            raise ValueError(f"expected num_classes >= 1, got {num_classes}")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.saliency = saliency and num_classes <= 2
        self.stretch = stretch
        self._confusion = ConfusionMatrix(max(num_classes, 2), ignore_index)
        self._mae = MAE(stretch)
        self._f_measure = FMeasure(stretch=stretch)
        self._weighted_f = WeightedFMeasure(stretch=stretch)
        self._s_measure = SMeasure(stretch=stretch)
        self._images = 0

    def update(self, probability: np.ndarray, label: np.ndarray) -> None:
        """Count one image by the model's probabilities.

        Args:
            probability: float16, float32 or float64 in [0, 1]; (H, W) for ``num_classes == 1``,
                else (num_classes, H, W).
            label: (H, W). For ``num_classes == 1`` of any real dtype, in [0, 1] or
                ``ignore_index``; soft labels are cut at 0.5. Else of an integer dtype, in
                [0, num_classes) or ``ignore_index``.

        Raises:
            ValueError: a shape, dtype or value is another, NaN included. Nothing is counted then.
        """
        probability, label = np.asarray(probability), np.asarray(label)
        self._check_probability(probability, label)
        if probability.dtype == np.float16:  # exact, and several times as fast from here on
            probability = probability.astype(np.float32)
        if self.num_classes == 1:
            self._update_binary(probability, label)
        else:
            self._update_multiclass(probability, label)
        self._images += 1

    def update_classes(self, prediction: np.ndarray, label: np.ndarray) -> None:
        """Count one image by its predicted class map, where there are no probabilities.

        Args:
            prediction: (H, W), integer, in [0, num_classes); {0, 1} for ``num_classes == 1``.
            label: As in `update`.

        Raises:
            ValueError: a shape, dtype or value is another; or this report has saliency scores,
                which a class map cannot give. Nothing is counted then.
        """
        if self.saliency:
            raise ValueError(
                "expected probabilities, got a class map: the saliency scores need them; "
                "build MetricReport(..., saliency=False) to score class maps"
            )
        prediction, label = np.asarray(prediction), np.asarray(label)
        if self.num_classes == 1:
            _check_shapes("class map", prediction.shape, label.shape)
            valid, foreground = self._binary_label(label)
            self._confusion.update(prediction[valid], foreground.view(np.uint8))
        else:
            self._confusion.update(prediction, label)
        self._images += 1

    def _check_probability(self, probability: np.ndarray, label: np.ndarray) -> None:
        if not np.issubdtype(probability.dtype, np.floating):
            raise ValueError(
                f"expected probabilities of a float dtype, got {probability.dtype}; "
                f"class maps go to update_classes"
            )
        spatial = probability.shape
        if self.num_classes > 1:
            if probability.ndim != 3 or probability.shape[0] != self.num_classes:
                raise ValueError(
                    f"expected probabilities of shape ({self.num_classes}, H, W), "
                    f"got {probability.shape}"
                )
            spatial = probability.shape[1:]
        elif probability.ndim != 2:
            raise ValueError(f"expected probabilities of shape (H, W), got {probability.shape}")
        _check_shapes("probability map", spatial, label.shape)
        if probability.size:
            check_unit_range("probabilities", probability.min(), probability.max())

    def _valid(self, label: np.ndarray) -> Any:
        """Return the index of the pixels that count."""
        kept = label != self.ignore_index
        # The index `...` spares the copies where nothing is ignored, which is the usual case.
        return ... if kept.all() else kept

    def _binary_label(self, label: np.ndarray) -> tuple[Any, np.ndarray]:
        """Return the index of the pixels that count, and of those the foreground as bool."""
        valid = self._valid(label)
        label = label[valid]
        if label.size:
            hint = f"labels (except the ignored {self.ignore_index})"
            check_unit_range(hint, label.min(), label.max())
        return valid, np.ascontiguousarray(label >= 0.5)

    def _update_binary(self, probability: np.ndarray, label: np.ndarray) -> None:
        valid, foreground = self._binary_label(label)
        predicted = np.ascontiguousarray(probability[valid]) >= 0.5
        self._confusion.update(predicted.view(np.uint8), foreground.view(np.uint8))
        self._update_saliency(probability, foreground, valid)

    def _update_multiclass(self, probability: np.ndarray, label: np.ndarray) -> None:
        self._confusion.update(most_probable(probability), label)
        if self.saliency:
            valid = self._valid(label)
            self._update_saliency(probability[1], label[valid] == 1, valid)

    def _update_saliency(self, picture: np.ndarray, foreground: np.ndarray, valid: Any) -> None:
        """Count a whole map (H, W) by the foreground of its valid pixels."""
        if not (self.saliency and foreground.size):
            return
        mask = np.zeros(picture.shape, np.bool_)
        mask[valid] = foreground
        shared = Picture(picture, mask, None if valid is ... else valid)
        for metric in (self._mae, self._f_measure, self._weighted_f, self._s_measure):
            metric.update_picture(shared)

    def compute(self) -> dict[str, ReportValue]:
        """Return the scores by name, as built-in numbers and lists.

        ``images`` (int); ``mIoU``, ``Acc``, ``Kappa``, ``Dice`` and, one number per class,
        ``class_iou``, ``class_precision``, ``class_recall``, ``class_dice``: `SegmentationScores`.
        With saliency also ``MAE``, ``maxF`` (mean over images first), ``maxF_paper`` (F of mean
        precision and mean recall), ``meanF``, ``adpF``: `FMeasureScores`; ``wF``:
        `WeightedFMeasure`; ``S``: `SMeasure`.

        What is not defined (a class absent from the whole set, kappa of a one-class set, a mean
        over no image) is NaN; `json_ready` turns it into null for strict JSON.
        """
        scores = self._confusion.compute()
        result: dict[str, ReportValue] = {
            "images": self._images,
            "mIoU": scores.miou,
            "Acc": scores.accuracy,
            "Kappa": scores.kappa,
            "Dice": scores.dice,
            "class_iou": scores.class_iou.tolist(),
            "class_precision": scores.class_precision.tolist(),
            "class_recall": scores.class_recall.tolist(),
            "class_dice": scores.class_dice.tolist(),
        }
        if self.saliency:
            f = self._f_measure.compute()
            result.update(
                MAE=self._mae.compute(),
                maxF=f.max_f,
                maxF_paper=f.max_f_of_mean_pr,
                meanF=f.mean_f,
                adpF=f.adaptive_f,
                wF=self._weighted_f.compute(),
                S=self._s_measure.compute(),
            )
        return result

    def _parts(self) -> dict[str, Metric]:
        parts: dict[str, Metric] = {"confusion": self._confusion}
        if self.saliency:
            parts.update(
                mae=self._mae,
                f_measure=self._f_measure,
                weighted_f=self._weighted_f,
                s_measure=self._s_measure,
            )
        return parts

    def reset(self) -> None:
        """Forget every image."""
        self._images = 0
        for part in self._parts().values():
            part.reset()

    def merge(self, other: MetricReport) -> None:
        """Add the images that ``other`` has seen; ``other`` is left as it is.

        Raises:
            ValueError: ``other`` was built with other arguments.
        """
        if other._settings() != self._settings():
            raise ValueError(
                f"reports built with different arguments cannot be merged: "
                f"expected {self._settings()}, got {other._settings()}"
            )
        others = other._parts()
        for name, part in self._parts().items():
            part.merge(others[name])
        self._images += other._images

    def _settings(self) -> dict[str, object]:
        return {
            "num_classes": self.num_classes,
            "ignore_index": self.ignore_index,
            "saliency": self.saliency,
            "stretch": self.stretch,
        }

    def state(self) -> dict[str, np.ndarray]:
        """Return all sums as int64 and float64 arrays, named ``part.sum``; see `Metric`."""
        state = {"images": np.array([self._images], np.int64)}
        for part_name, part in self._parts().items():
            for name, value in part.state().items():
                state[f"{part_name}.{name}"] = value
        return state

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace all sums by those of `state` of a report built with the same arguments.

        Raises:
            ValueError: names, shapes or kinds are not those of this report.
        """
        if set(state) != set(self.state()):
            raise ValueError(
                f"expected a state with {sorted(self.state())}, got {sorted(state)}; "
                f"was the report built with other arguments?"
            )
        for part_name, part in self._parts().items():
            prefix = f"{part_name}."
            part.load_state(
                {key[len(prefix) :]: v for key, v in state.items() if key.startswith(prefix)}
            )
        self._images = int(np.asarray(state["images"]).reshape(-1)[0])


def most_probable(probability: np.ndarray) -> np.ndarray:
    """Return argmax over the classes of (num_classes, H, W), the lowest number on a tie.

    A running maximum over planes, uint8 up to 256 classes: 10 to 30 times as fast as
    ``argmax(axis=0)``, which walks across the planes for every pixel.
    """
    kind = np.uint8 if len(probability) <= 256 else np.int64
    classes = np.zeros(probability.shape[1:], kind)
    best = probability[0].copy()
    for number, plane in enumerate(probability[1:], start=1):
        # Later classes have the larger numbers, so the last one to win is the maximum.
        np.maximum(classes, (plane > best) * kind(number), out=classes)
        np.maximum(best, plane, out=best)
    return classes


def _check_shapes(name: str, got: tuple[int, ...], label: tuple[int, ...]) -> None:
    if got != label:
        raise ValueError(
            f"expected {name} and label of one size (H, W), got {name} {got} and label {label}"
        )


def json_ready(result: Mapping[str, ReportValue]) -> dict[str, object]:
    """Return the result of `MetricReport.compute` with None for NaN, which JSON does not have."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        return None if value != value else value

    return {key: plain(value) for key, value in result.items()}
