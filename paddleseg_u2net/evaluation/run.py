"""One method's maps on one data set: every image scored, in several processes, added up exactly."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from paddleseg_u2net.evaluation.loaders import (
    GroundTruth,
    Size,
    read_alpha,
    read_density,
    read_fixation_map,
    read_map,
    read_truth,
)
from paddleseg_u2net.evaluation.pairing import MapFiles
from paddleseg_u2net.io.images import IMAGE_SUFFIXES, ImageError, memory_named, read_image
from paddleseg_u2net.metrics import Fixations, MapMaskPair, MetricReport, OtherFixations
from paddleseg_u2net.parallel import in_chunks, parallel_map
from paddleseg_u2net.progress import Progress

# Images that one process adds up before it answers. Sums are added in this grouping whatever the
# number of processes, so that it changes no digit of a result.
CHUNK = 16

# What is noted of a map that is black, or that was saved as 0 and 1 of 255.
DARK_MAPS = "maps are never above 1 of 255"

# What is noted of a mask that has values between object and background.
SOFT_MASKS = "masks are soft and were cut"
SOFT_BUT = f"{SOFT_MASKS}, but for the scores of mattes"

# What is noted of a mask that stands for an alpha, and has no value but 0 and 1 of 255.
FAINT_MASKS = "masks are never above 1 of 255, which is all but transparent"

# What is noted of frames that have no score of their motion, beside the first of each clip.
BEHIND_GAP = "come behind a gap between the frames' numbers; their motion is not scored"
BEHIND_BAD = "come behind a frame that could not be read; their motion is not scored"


@dataclass(frozen=True)
class Task:
    """How every image is scored."""

    report: MetricReport  # an empty one: which scores, by which conventions
    resize: bool = False  # maps of another size than their mask, bilinear; else they are an error
    sigma: Optional[float] = None  # pixels; makes a density of points where there is none
    others: Optional[OtherFixations] = None  # of the whole set, see `fixated_by_all`
    keep_rows: bool = True  # scores of every image, which take memory for each


@dataclass
class Outcome:
    """The scores of some images, and what was unusual; outcomes add up."""

    report: MetricReport
    # (name, scores of this image alone), in the order of the images.
    rows: List[Tuple[str, Dict[str, float]]] = field(default_factory=list)
    # Names of images by what was unusual.
    notes: Dict[str, List[str]] = field(default_factory=dict)
    # (name, message) of images that are in no score; only their fixations, where these could be
    # read, are among the others of the shuffled AUC.
    errors: List[Tuple[str, str]] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Add the images of ``other`` behind those that are here."""
        self.report.merge(other.report)
        self.rows += other.rows
        self.errors += other.errors
        for note, names in other.notes.items():
            self.notes.setdefault(note, []).extend(names)


def score(items: Sequence[MapFiles], task: Task, workers: int = 0, title: str = "") -> Outcome:
    """Score all images, in their order; ``workers`` change no bit of the result."""
    total = Outcome(task.report.fresh())
    _add_up(total.add, partial(_score_chunk, task=task), items, workers, title)
    return total


def fixated_by_all(
    items: Sequence[MapFiles], task: Task, workers: int = 0, title: str = ""
) -> OtherFixations:
    """Return where the images of a set were fixated, or where their objects are without fixations.

    Maps are not looked at, so all methods meet the same fixations. Files that cannot be read are
    left to `score`.
    """
    total = OtherFixations()
    bare = replace(task, sigma=None, others=None)
    _add_up(total.merge, partial(_collect_chunk, task=bare), items, workers, title)
    return total


def _add_up(
    add: Callable[[Any], None],
    work: Callable[[Any], Any],
    items: Sequence[MapFiles],
    workers: int,
    title: str,
) -> None:
    chunks = in_chunks(items, CHUNK)
    with (
        Progress(len(items), title) as progress,
        closing(parallel_map(work, chunks, workers)) as parts,
    ):
        for part, chunk in zip(parts, chunks):
            add(part)
            progress.update(len(chunk))


def _score_chunk(items: Sequence[MapFiles], task: Task) -> Outcome:
    outcome, single = Outcome(task.report.fresh()), task.report.fresh()
    last: Dict[str, MapMaskPair] = {}  # the frame before, if it was just read; never more
    for item in items:
        single.reset()
        try:
            with memory_named(item.map):
                pair, notes = _read_pair(item, task)
                if task.report.follows_frames:
                    notes += _follow(item, task, pair, last)
                single.update_pair(pair)
        except (ValueError, OSError) as error:  # of this image; the others go on
            outcome.errors.append((item.name, str(error)))
            continue
        outcome.report.merge(single)
        if task.keep_rows:
            outcome.rows.append((item.name, single.values()))
        for note in notes:
            outcome.notes.setdefault(note, []).append(item.name)
    return outcome


def _collect_chunk(items: Sequence[MapFiles], task: Task) -> OtherFixations:
    found = OtherFixations()
    for item in items:
        # What cannot be read is reported, and fails, when it is scored.
        with suppress(ValueError, OSError), memory_named(item.map):
            found.add(_looked_at(*_read_truths(item, task)))
    return found


def _follow(
    item: MapFiles, task: Task, pair: MapMaskPair, last: Dict[str, MapMaskPair]
) -> List[str]:
    """Give a frame the one before it, ``last`` or read again; return what was unusual about it."""
    notes = [BEHIND_GAP] if item.behind_gap else []
    if item.before is not None:
        try:
            before = last.get(item.before.name) or _read_pair(item.before, task)[0]
        except (ValueError, OSError):  # which is told of the frame before itself
            notes.append(BEHIND_BAD)
        else:
            if before.shape != pair.shape:
                raise ValueError(
                    f"{item.map}: expected the size of the frame before it, {_size(before.shape)}, "
                    f"got {_size(pair.shape)}"
                )
            pair.follow(before)
    last.clear()
    last[item.name] = pair
    return notes


def _read_pair(item: MapFiles, task: Task) -> Tuple[MapMaskPair, List[str]]:
    """Return a map with its ground truth, and what was unusual about it."""
    prediction = read_map(item.map)
    truth, fixations = _read_truths(item, task)
    image = read_image(item.image) if item.image and task.report.needs_images else None
    shape: Size
    if truth is not None:
        shape = truth.mask.shape
    elif fixations is not None:
        shape = fixations.shape
    else:
        assert image is not None  # there is something that the map is scored by
        shape = image.shape[:2]
    if image is not None and image.shape[:2] != shape:
        raise ValueError(
            f"{item.image}: expected the size of the ground truth, {_size(shape)}, got "
            f"{_size(image.shape)}"
        )
    notes = _notes(prediction, truth, task)
    if prediction.shape != shape:
        if not task.resize:
            raise ValueError(
                f"{item.map}: expected the size of its ground truth, {_size(shape)}, got "
                f"{_size(prediction.shape)}; make maps of that size, or resize them with --resize"
            )
        prediction = cv2.resize(prediction, shape[::-1], interpolation=cv2.INTER_LINEAR)
        notes.append("maps were resized")
    others = None
    if task.others is not None:
        looked_at = _looked_at(truth, fixations)
        others = task.others.weights(looked_at.shape, looked_at)
    mask, alpha = (None, None) if truth is None else (truth.mask, truth.alpha)
    pair = MapMaskPair(prediction, mask, None, fixations, others, alpha, image)
    return pair, notes


def _looked_at(truth: Optional[GroundTruth], fixations: Optional[Fixations]) -> Fixations:
    """Return the fixations; without any the object, as `MetricReport` takes it for them."""
    if fixations is not None:
        return fixations
    assert truth is not None  # an item has one or the other
    return Fixations.from_mask(truth.mask)


def _read_truths(item: MapFiles, task: Task) -> Tuple[Optional[GroundTruth], Optional[Fixations]]:
    truth, shape = None, None
    if item.mask is not None:
        report = task.report
        if report.cuts_masks:
            truth = read_truth(item.mask, report.conventions.mask_above, report.reads_alpha)
        else:
            truth = read_alpha(item.mask, report.conventions.mask_above)
        shape = truth.mask.shape
    density = None
    if item.density is not None:
        density = read_density(item.density)
        if shape is not None and density.shape != shape:
            raise ValueError(
                f"{item.density}: expected the size of the mask, {_size(shape)}, got "
                f"{_size(density.shape)}"
            )
        shape = density.shape
    if item.points is None:
        return truth, None if density is None else Fixations.from_density(density)
    grid = _fixation_map(item.points, shape, item.map)
    if density is not None:
        return truth, Fixations.from_density(density, np.argwhere(grid))
    height, width = grid.shape
    return truth, Fixations.from_points(np.argwhere(grid), (height, width), task.sigma)


def _fixation_map(points: Path, shape: Optional[Size], map_file: Path) -> np.ndarray:
    if shape is None and points.suffix.lower() not in IMAGE_SUFFIXES:
        # A list of points does not say how large the image is, and of several arrays the size
        # tells which one is meant.
        with suppress(ImageError):
            return read_fixation_map(points)
        shape = read_map(map_file).shape
    return read_fixation_map(points, shape)


def _notes(prediction: np.ndarray, truth: Optional[GroundTruth], task: Task) -> List[str]:
    notes = []
    # One 255th as the file's precision has it.
    if prediction.max() <= prediction.dtype.type(1 if prediction.dtype == np.uint8 else 1 / 255):
        notes.append(DARK_MAPS)
    if truth is not None and truth.labels01:
        notes.append("masks hold 0 and 1, read as labels")
    if truth is not None and truth.soft:
        above = task.report.conventions.mask_above
        grey = f"masks are grey and have no pixel above {above}, so that no object is left"
        soft = SOFT_BUT if task.report.reads_alpha else SOFT_MASKS
        notes.append(soft if truth.mask.any() else grey)
    if truth is not None and truth.alpha is not None and not task.report.cuts_masks:
        one = truth.alpha.dtype.type(1 if truth.alpha.dtype == np.uint8 else 1 / 255)
        if 0 < truth.alpha.max() <= one:
            notes.append(FAINT_MASKS)
    return notes


def _size(shape: Size) -> str:
    """Return a size as users say it: width x height."""
    return f"{shape[1]}x{shape[0]}"
