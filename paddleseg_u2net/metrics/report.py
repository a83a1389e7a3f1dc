"""The one object that an evaluation loop feeds and reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional, Union

import numpy as np

from paddleseg_u2net.metrics.conventions import PRESETS, Conventions
from paddleseg_u2net.metrics.fixation.fixation_pair import FixationPair
from paddleseg_u2net.metrics.fixation.fixations import Fixations
from paddleseg_u2net.metrics.fixation.metric import FixationMetric
from paddleseg_u2net.metrics.map_mask_pair import Picture
from paddleseg_u2net.metrics.metric import Metric, PictureMetric
from paddleseg_u2net.metrics.normalise import check_unit_range
from paddleseg_u2net.metrics.ranking import RocAuc
from paddleseg_u2net.metrics.scores import DEFAULT, METRICS, chosen
from paddleseg_u2net.metrics.segmentation import ConfusionMatrix

ReportValue = Union[float, list]

# name -> (x, y): the curves that metrics give beside their scores.
Curves = dict[str, tuple[np.ndarray, np.ndarray]]

_PER_CLASS = ("iou", "precision", "recall", "specificity", "dice")


class _Images(Metric):
    """How many images a report has seen, and how many of them some scores have not."""

    def _zeros(self) -> dict[str, np.ndarray]:
        return {name: np.zeros(1, np.int64) for name in ("images", "left_out", "ignored")}

    def count(self, name: str) -> None:
        """Count one image."""
        self._sums[name] += 1

    def compute(self) -> dict[str, int]:
        """Return the counts by name."""
        return {name: int(value[0]) for name, value in self._sums.items()}


class MetricReport:
    """Scores of one model on one set: any of those in `scores.SCORES`, in one pass.

    ``num_classes == 1`` is a sigmoid model: foreground is probability >= ``conventions.threshold``
    against label >= 0.5, reported as two classes (background, foreground). ``num_classes >= 2`` is
    a softmax model: the class is the most probable one, the lowest number on a tie. Saliency,
    boundary and fixation scores are there for one channel, and for two classes by the probability
    of class 1.

    Pixels whose label is ``ignore_index`` count in no score; the metrics that need the whole
    picture say how they leave them out. An image of nothing but such pixels counts in ``images``
    and ``ignored`` only. Mind that 255 means "ignore" by default: a mask stored as 0 / 255 must be
    divided by 255 first, or its foreground is ignored.

    Args:
        num_classes: Output channels of the model, >= 1.
        ignore_index: Label value of pixels that do not count.
        names: Keys of scores, families ("segmentation", "saliency", "boundary", "fixation") or
            "all".
        conventions: What toolboxes disagree about; see `Conventions`.

    Raises:
        ValueError: no such score, or not for so many classes.
    """

    def __init__(
        self,
        num_classes: int = 1,
        ignore_index: int = 255,
        names: Iterable[str] = DEFAULT,
        conventions: Conventions = PRESETS["paper"],
    ) -> None:
        if num_classes < 1:
            raise ValueError(f"expected num_classes >= 1, got {num_classes}")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.conventions = conventions
        self.scores = chosen([names] if isinstance(names, str) else names, num_classes)
        needed = dict.fromkeys(["confusion", *(score.metric for score in self.scores)])
        self._parts: dict[str, Metric] = {
            name: METRICS[name](conventions, num_classes, ignore_index) for name in needed
        }
        self._seen = _Images()

    def fresh(self) -> MetricReport:
        """Return a report like this one that has seen no image."""
        keys = [score.key for score in self.scores]
        return MetricReport(self.num_classes, self.ignore_index, keys, self.conventions)

    @property
    def needs_other_images(self) -> bool:
        """Whether a score wants to know where the fixations of the other images are."""
        return "auc_shuffled" in self._parts

    @property
    def takes_objects_for_fixations(self) -> bool:
        """Whether the object stands for fixations where none are given, in scores of these."""
        return any(score.family == "fixation" for score in self.scores)

    # -- one image ---------------------------------------------------------------------------

    def update(
        self, probability: np.ndarray, label: np.ndarray, others: Optional[np.ndarray] = None
    ) -> None:
        """Count one image by the model's probabilities.

        Args:
            probability: float16, float32 or float64 in [0, 1]; (H, W) for ``num_classes == 1``,
                else (num_classes, H, W).
            label: (H, W). For ``num_classes == 1`` of any real dtype, in [0, 1] or
                ``ignore_index``; soft labels are cut at 0.5. Else of an integer dtype, in
                [0, num_classes) or ``ignore_index``.
            others: float64 (H, W), for the shuffled AUC only: how often other images were fixated
                here; see `OtherFixations`.

        Raises:
            ValueError: a shape, dtype or value is another, NaN included. Nothing is counted then.
        """
        probability, label = np.asarray(probability), np.asarray(label)
        self._check_probability(probability, label)
        if probability.dtype == np.float16:  # exact, and several times as fast from here on
            probability = probability.astype(np.float32)
        counted = label != self.ignore_index
        if self.num_classes == 1:
            self._check_binary_label(label[counted])
            if counted.any():
                self._count(Picture(probability, label >= 0.5, counted), None, others)
        else:
            self._update_classes(probability, label, counted, others)
        self._seen.count("images")
        if not counted.any():
            self._seen.count("ignored")

    def _update_classes(
        self,
        probability: np.ndarray,
        label: np.ndarray,
        counted: np.ndarray,
        others: Optional[np.ndarray],
    ) -> None:
        picture = fixated = None
        if self.num_classes == 2 and counted.any():
            # Made first, since these may refuse what they are given.
            picture = Picture(probability[1], label == 1, counted)
            fixated = self._fixated(picture, None, others)
        self._confusion.update(most_probable(probability), label)
        if self._roc:
            self._roc.update(probability, label)
        if picture is not None:
            self._count_picture(picture, fixated)

    def update_map(
        self,
        prediction: np.ndarray,
        mask: Optional[np.ndarray],
        fixations: Optional[Fixations] = None,
        others: Optional[np.ndarray] = None,
    ) -> None:
        """Count one saliency map of any method; for ``num_classes == 1``.

        Args:
            prediction: Saliency map (H, W): float in [0, 1], or uint8 0..255 standing for k / 255.
            mask: bool (H, W), True on the salient object. None where there are fixations only; the
                scores that need a mask must not have been chosen then.
            fixations: Where people looked; None takes the object for it.
            others: As in `update`.

        Raises:
            ValueError: a shape, dtype or value is another, or a mask is missing. Nothing is
                counted then.
        """
        if self.num_classes != 1:
            raise ValueError(f"expected one class to score maps, got {self.num_classes}")
        if mask is not None:
            self._count(Picture(prediction, mask), fixations, others)
        elif fixations is None or any(score.family != "fixation" for score in self.scores):
            raise ValueError("expected a mask for scores other than those of fixations, got none")
        else:
            self._count_fixations(FixationPair(prediction, fixations, others))
        self._seen.count("images")

    def _count(
        self, picture: Picture, fixations: Optional[Fixations], others: Optional[np.ndarray]
    ) -> None:
        """Count a map of one class in every part."""
        # Made first, since it may refuse what it is given.
        fixated = self._fixated(picture, fixations, others)
        self._confusion.update_counts(_counts(picture, self.conventions.threshold))
        if self._roc:
            self._roc.update_picture(picture)
        self._count_picture(picture, fixated)

    def _count_picture(self, picture: Picture, fixated: Optional[FixationPair]) -> None:
        """Count a map in the parts that want one."""
        of_maps = [part for part in self._parts.values() if isinstance(part, PictureMetric)]
        if self.conventions.empty_masks == "count" or picture.foreground_pixels:
            for part in of_maps:
                part.update_picture(picture)
        elif of_maps:
            self._seen.count("left_out")
        if fixated is not None:
            self._count_fixations(fixated)

    def _count_fixations(self, fixated: FixationPair) -> None:
        for part in self._parts.values():
            if isinstance(part, FixationMetric):
                part.update_fixated(fixated)

    def _fixated(
        self, picture: Picture, fixations: Optional[Fixations], others: Optional[np.ndarray]
    ) -> Optional[FixationPair]:
        if not any(isinstance(part, FixationMetric) for part in self._parts.values()):
            return None
        if fixations is None:
            fixations = Fixations.from_mask(picture.mask, picture.counted)
        return FixationPair(picture.prediction, fixations, others)

    @property
    def _confusion(self) -> ConfusionMatrix:
        part = self._parts["confusion"]
        assert isinstance(part, ConfusionMatrix)
        return part

    @property
    def _roc(self) -> Optional[RocAuc]:
        part = self._parts.get("roc")
        assert part is None or isinstance(part, RocAuc)
        return part

    def _check_probability(self, probability: np.ndarray, label: np.ndarray) -> None:
        if not np.issubdtype(probability.dtype, np.floating):
            raise ValueError(f"expected probabilities of a float dtype, got {probability.dtype}")
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

    def _check_binary_label(self, label: np.ndarray) -> None:
        if label.size:
            hint = f"labels (except the ignored {self.ignore_index})"
            check_unit_range(hint, label.min(), label.max())

    # -- all images --------------------------------------------------------------------------

    def values(self) -> dict[str, float]:
        """Return the chosen scores by key; NaN where a score is not defined."""
        computed = {name: part.compute() for name, part in self._parts.items()}
        return {score.key: float(score.read(computed[score.metric])) for score in self.scores}

    def compute(self) -> dict[str, ReportValue]:
        """Return ``images`` and the chosen scores, as built-in numbers and lists.

        With scores of segmentation also one number per class: ``class_iou``, ``class_precision``,
        ``class_recall``, ``class_specificity``, ``class_dice``; see `SegmentationScores`.

        What is not defined (a class absent from the whole set, kappa of a one-class set, a mean
        over no image) is NaN; `json_ready` turns it into null for strict JSON.
        """
        result: dict[str, ReportValue] = {"images": self.images, **self.values()}
        if any(score.metric == "confusion" for score in self.scores):
            scores = self._confusion.compute()
            for name in _PER_CLASS:
                result[f"class_{name}"] = getattr(scores, f"class_{name}").tolist()
        return result

    def curves(self) -> Curves:
        """Return the curves of F, E and AUC, where these were chosen, for one and two classes.

        ``PR`` (mean recall; mean precision of the images in which something is found, at the
        thresholds where that is any image, since without it there is no precision), ``F`` and
        ``E`` (threshold 0..1, mean score), ``ROC`` (false positive rate, true positive rate, of
        all pixels), each float64.
        """
        found: Curves = {}
        if "f" in self._parts:
            f = self._parts["f"].compute()
            seen = f.found_curve != 0  # also where there is no image at all, which is NaN
            precision = f.precision_curve[seen] / f.found_curve[seen]
            found["PR"] = (f.recall_curve[seen], precision)
            found["F"] = (f.thresholds[::-1] / 255, f.f_curve[::-1])
        if "e" in self._parts:
            e = self._parts["e"].compute()
            found["E"] = (e.thresholds[::-1] / 255, e.e_curve[::-1])
        if self._roc and self.num_classes <= 2:
            roc = self._roc.compute()  # of the object, the last class
            found["ROC"] = _corners(roc.false_positive_rate[-1], roc.true_positive_rate[-1])
        return found

    @property
    def images(self) -> int:
        """How many images were counted."""
        return self._seen.compute()["images"]

    @property
    def left_out(self) -> int:
        """How many images without an object were left out, as ``empty_masks`` says."""
        return self._seen.compute()["left_out"]

    @property
    def ignored(self) -> int:
        """How many images have no pixel that counts, hence no score."""
        return self._seen.compute()["ignored"]

    def undefined(self) -> dict[str, int]:
        """Return, by key, for how many images a score is not defined; without those of none."""
        counts = {s.key: getattr(self._parts[s.metric], "undefined", 0) for s in self.scores}
        return {key: count for key, count in counts.items() if count}

    def reset(self) -> None:
        """Forget every image."""
        for part in self._all().values():
            part.reset()

    def merge(self, other: MetricReport) -> None:
        """Add the images that ``other`` has seen; ``other`` is left as it is.

        Raises:
            TypeError: ``other`` is no report.
            ValueError: ``other`` was built with other arguments.
        """
        if not isinstance(other, MetricReport):
            raise TypeError(f"expected a MetricReport to merge, got a {type(other).__name__}")
        if other._settings() != self._settings():
            raise ValueError(
                f"reports built with different arguments cannot be merged: "
                f"expected {self._settings()}, got {other._settings()}"
            )
        others = other._all()
        for name, part in self._all().items():
            part.merge(others[name])

    def _all(self) -> dict[str, Metric]:
        return {"seen": self._seen, **self._parts}

    def _settings(self) -> dict[str, object]:
        return {
            "num_classes": self.num_classes,
            "ignore_index": self.ignore_index,
            "names": [score.key for score in self.scores],
            "conventions": self.conventions,
        }

    def state(self) -> dict[str, np.ndarray]:
        """Return all sums as int64 and float64 arrays, named ``part.sum``; see `Metric`."""
        return {
            f"{part_name}.{name}": value
            for part_name, part in self._all().items()
            for name, value in part.state().items()
        }

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace all sums by those of `state` of a report built with the same arguments.

        Raises:
            ValueError: names, shapes or kinds are not those of this report. Nothing is replaced
                then.
        """
        if set(state) != set(self.state()):
            raise ValueError(
                f"expected a state with {sorted(self.state())}, got {sorted(state)}; "
                f"was the report built with other arguments?"
            )
        loaded = self.fresh()
        for part_name, part in loaded._all().items():
            prefix = f"{part_name}."
            part.load_state(
                {key[len(prefix) :]: v for key, v in state.items() if key.startswith(prefix)}
            )
        self._seen, self._parts = loaded._seen, loaded._parts


def _corners(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve without the points that are where the one before them is."""
    moved = np.append(True, (np.diff(x) != 0) | (np.diff(y) != 0))
    return x[moved], y[moved]


def _counts(picture: Picture, threshold: float) -> np.ndarray:
    """Return the counts (2, 2) of a map cut at a threshold: [label, prediction]."""
    positive = picture.positive(threshold)
    hits, found = int(np.count_nonzero(positive & picture.mask)), int(np.count_nonzero(positive))
    missed, false = picture.foreground_pixels - hits, found - hits
    return np.array([[picture.counted_pixels - hits - missed - false, false], [missed, hits]])


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
