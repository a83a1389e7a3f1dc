"""The one object that an evaluation loop feeds and reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Optional, Union

import numpy as np

from paddleseg_u2net.metrics.conventions import PRESETS, Conventions, check
from paddleseg_u2net.metrics.fixation.fixations import Fixations
from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.metric import Curves, MapMetric, Metric, PixelMetric
from paddleseg_u2net.metrics.normalise import native, valid_pixels
from paddleseg_u2net.metrics.scores import DEFAULT, chosen
from paddleseg_u2net.metrics.segmentation import ConfusionMatrix

ReportValue = Union[float, list]

_COUNTS = ("images", "left_out", "ignored")
_PER_CLASS = ("iou", "precision", "recall", "specificity", "dice")


class MetricReport:
    """Scores of one model on one set: any of those in `scores.SCORES`, in one pass.

    ``num_classes == 1`` is a sigmoid model: foreground is probability >= ``conventions.threshold``
    against label >= 0.5, reported as two classes. More is a softmax model: the class is the most
    probable one, the lowest number on a tie. Saliency, boundary and fixation scores are there for
    one channel, and for two classes by the probability of class 1.

    Pixels whose label is ``ignore_index`` are ignored in every score; an image of nothing else
    counts in ``images`` and ``ignored`` only. Mind that a mask stored as 0 / 255 must be divided by
    255 first, or its foreground is ignored.

    ``names`` are keys of scores, families (`scores.FAMILIES`) or "all", which is those of single
    images; ValueError where there is no such score, or not for so many classes.
    """

    def __init__(
        self,
        num_classes: int = 1,
        ignore_index: int = 255,
        names: Iterable[str] = DEFAULT,
        conventions: Conventions = PRESETS["paper"],
    ) -> None:
        check("num_classes", num_classes)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.conventions = conventions
        self.scores = chosen([names] if isinstance(names, str) else names, num_classes)
        self.images = 0
        self.left_out = 0  # images without an object, as ``empty_masks`` says
        self.ignored = 0  # images with ignored pixels only, hence no score
        needed = dict.fromkeys(score.metric for score in self.scores)
        self._parts: dict[type[Metric], Metric] = {each: self._made(each) for each in needed}

    def _made(self, metric: type[Metric]) -> Metric:
        arguments: dict[str, Any] = {
            name: getattr(self.conventions, convention)
            for name, convention in metric.conventions.items()
        }
        if issubclass(metric, PixelMetric):
            arguments.update(num_classes=self.num_classes, ignore_index=self.ignore_index)
        return metric(**arguments)

    def fresh(self) -> MetricReport:
        """Return a report like this one that has seen no image."""
        return MetricReport(**self._arguments())

    @property
    def needs_other_images(self) -> bool:
        """Whether a score compares with the fixations of the other images."""
        return any(metric.needs_other_images for metric in self._parts)

    @property
    def takes_objects_for_fixations(self) -> bool:
        """Whether the object stands for fixations where none are given, in scores of these."""
        return any(score.needs in ("points", "density") for score in self.scores)

    @property
    def needs_images(self) -> bool:
        """Whether a score looks at the images themselves."""
        return any(score.needs == "images" for score in self.scores)

    @property
    def follows_frames(self) -> bool:
        """Whether a score compares the frames of videos with those before them."""
        return any(metric.follows_frames for metric in self._parts)

    @property
    def reads_alpha(self) -> bool:
        """Whether a score compares with the alpha of soft masks."""
        return any(metric.reads_alpha for metric in self._parts)

    @property
    def cuts_masks(self) -> bool:
        """Whether a score compares with the mask that is cut of a soft one."""
        return not all(metric.reads_alpha for metric in self._parts)

    def update(
        self, probability: np.ndarray, label: np.ndarray, others: Optional[np.ndarray] = None
    ) -> None:
        """Count one image by the model's probabilities.

        Args:
            probability: float16, float32 or float64 in [0, 1]; (H, W) for ``num_classes == 1``,
                else (num_classes, H, W).
            label: (H, W). For ``num_classes == 1`` of any real dtype, in [0, 1] or
                ``ignore_index``; soft labels are cut at 0.5, but for the scores of mattes. Else of
                an integer dtype, in [0, num_classes) or ``ignore_index``.
            others: float64 (H, W), for the shuffled AUC only: how often other images were fixated
                here; see `OtherFixations`.

        Raises:
            ValueError: a shape, dtype or value is another, NaN included. Nothing is counted then.
        """
        probability, label = np.asarray(probability), np.asarray(label)
        if probability.dtype == np.uint8:
            raise ValueError("expected probabilities of a float dtype, got uint8; divide by 255")
        valid, _ = valid_pixels(probability, label, self.num_classes, self.ignore_index)
        probability = native(probability)  # float16 is exact as float32, and several times as fast
        pair = None
        if valid.any() and self.num_classes <= 2:
            of_object = probability if self.num_classes == 1 else probability[1]
            alpha = None
            if self.reads_alpha and self.num_classes == 1:
                alpha = np.where(valid, label, 0).astype(np.float64)
            # Made first, since it may refuse what it is given.
            pair = MapMaskPair(of_object, label >= 0.5, valid, others=others, alpha=alpha)
        if self.num_classes > 1:
            predicted = most_probable(probability)
            for part in self._parts.values():
                if isinstance(part, PixelMetric):
                    part.update_classes(probability, label, predicted)
        if pair is not None:
            self._count(pair)
        self.images += 1
        self.ignored += not valid.any()

    def update_map(
        self,
        prediction: np.ndarray,
        mask: Optional[np.ndarray],
        fixations: Optional[Fixations] = None,
        others: Optional[np.ndarray] = None,
    ) -> None:
        """Count one saliency map of any method; for ``num_classes == 1``.

        The arguments are those of `MapMaskPair`. ``mask`` is None where there are fixations only;
        the scores that need a mask must not have been chosen then.
        """
        needs_mask = any(score.needs == "mask" for score in self.scores)
        if mask is None and (fixations is None or needs_mask):
            raise ValueError("expected a mask for scores other than those of fixations, got none")
        self.update_pair(MapMaskPair(prediction, mask, fixations=fixations, others=others))

    def update_pair(self, pair: MapMaskPair) -> None:
        """Count one map of any method, with all that the chosen scores need of it.

        For scores of mattes alone an alpha is enough, for the warp error images are.
        """
        if self.num_classes != 1:
            raise ValueError(f"expected one class to score maps, got {self.num_classes}")
        self._count(pair)
        self.images += 1

    def _count(self, pair: MapMaskPair) -> None:
        """Count a map in every part that scores one; of two classes, pixels are counted before."""
        skipped: tuple[type, ...] = (PixelMetric,) if self.num_classes > 1 else ()
        of_maps = any(isinstance(part, MapMetric) for part in self._parts.values())
        if self.conventions.empty_masks != "count" and of_maps and not pair.foreground_pixels:
            skipped += (MapMetric,)
            self.left_out += 1
        for part in self._parts.values():
            if not isinstance(part, skipped):
                part.update_pair(pair)

    def values(self) -> dict[str, float]:
        """Return the chosen scores by key; NaN where a score is not defined."""
        computed = {metric: part.compute() for metric, part in self._parts.items()}
        values = {}
        for score in self.scores:
            found = computed[score.metric]
            values[score.key] = float(getattr(found, score.attribute) if score.attribute else found)
        return values

    def compute(self) -> dict[str, ReportValue]:
        """Return ``images`` and the chosen scores, as built-in numbers and lists.

        With scores of segmentation also lists by class, ``class_iou`` and so on. What is not
        defined is NaN; `json_ready` turns it into null for strict JSON.
        """
        result: dict[str, ReportValue] = {"images": self.images, **self.values()}
        if any(score.metric is ConfusionMatrix for score in self.scores):
            scores = self._parts[ConfusionMatrix].compute()
            for name in _PER_CLASS:
                result[f"class_{name}"] = getattr(scores, f"class_{name}").tolist()
        return result

    @property
    def confusion(self) -> Optional[np.ndarray]:
        """Pixels by true class (rows) and predicted one (columns), int64; ignored ones left out.

        None where no score of segmentation was chosen. One channel counts as two classes.
        """
        part = self._parts.get(ConfusionMatrix)
        return part.counts if isinstance(part, ConfusionMatrix) else None

    def curves(self) -> Curves:
        """Return the curves of the chosen scores' metrics; those of all pixels come last."""
        parts = sorted(self._parts.values(), key=lambda part: isinstance(part, PixelMetric))
        return {name: curve for part in parts for name, curve in part.curves().items()}

    def undefined(self) -> dict[str, int]:
        """Return, by key, for how many images a score is not defined; without those of none."""
        counts = {s.key: self._parts[s.metric].undefined for s in self.scores}
        return {key: count for key, count in counts.items() if count}

    def reset(self) -> None:
        """Forget every image."""
        self.images = self.left_out = self.ignored = 0
        for part in self._parts.values():
            part.reset()

    def merge(self, other: MetricReport) -> None:
        """Add the images that ``other``, built with the same arguments, has seen."""
        if other._arguments() != self._arguments():
            raise ValueError(
                f"reports built with different arguments cannot be merged: "
                f"expected {self._arguments()}, got {other._arguments()}"
            )
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for metric, part in self._parts.items():
            part.merge(other._parts[metric])

    def _arguments(self) -> dict[str, Any]:
        return {
            "num_classes": self.num_classes,
            "ignore_index": self.ignore_index,
            "names": [score.key for score in self.scores],
            "conventions": self.conventions,
        }

    def state(self) -> dict[str, np.ndarray]:
        """Return all sums as int64 and float64 arrays, named ``metric.sum``; see `Metric`."""
        state = {f"seen.{name}": np.array([getattr(self, name)], np.int64) for name in _COUNTS}
        for metric, part in self._parts.items():
            state.update((f"{metric.__name__}.{key}", sums) for key, sums in part.state().items())
        return state

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace all sums by those of `state` of a report built with the same arguments."""
        found, expected = ({k: np.shape(v) for k, v in s.items()} for s in (state, self.state()))
        if found != expected:
            raise ValueError(
                f"expected a state of {expected}, got {found}; was the report built with other "
                "arguments?"
            )
        for name in _COUNTS:
            setattr(self, name, int(state[f"seen.{name}"][0]))
        for metric, part in self._parts.items():
            part.load_state({key: state[f"{metric.__name__}.{key}"] for key in part.state()})


def most_probable(probability: np.ndarray) -> np.ndarray:
    """Return argmax over the classes of (num_classes, H, W), the lowest number on a tie.

    10 to 30 times as fast as ``argmax(axis=0)``, which walks across the planes for every pixel.
    """
    kind = np.uint8 if len(probability) <= 256 else np.int64
    classes = np.zeros(probability.shape[1:], kind)
    best = probability[0].copy()
    for number, plane in enumerate(probability[1:], start=1):
        # Later classes have the larger numbers, so the last one to win is the maximum.
        np.maximum(classes, (plane > best) * kind(number), out=classes)
        np.maximum(best, plane, out=best)
    return classes


def json_ready(value: Any) -> Any:
    """Return ``value``, dictionaries and lists of numbers such as `MetricReport.compute` gives,
    with None for NaN and infinity, which JSON does not have.
    """
    if isinstance(value, Mapping):
        return {key: json_ready(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
