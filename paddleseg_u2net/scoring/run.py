"""One method's maps on one data set: every image scored, in several processes, added up exactly."""

from __future__ import annotations

import multiprocessing
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Callable, Deque, Dict, Iterator, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from paddleseg_u2net.metrics import Fixations, MetricReport, ShuffleMap
from paddleseg_u2net.scoring.pairing import Item
from paddleseg_u2net.scoring.reading import (
    read_density,
    read_fixation_points,
    read_map,
    read_truth,
)

# Images that one process adds up before it answers. Sums are added in this grouping whatever the
# number of processes, so that it changes no digit of a result.
CHUNK = 16


@dataclass(frozen=True)
class Task:
    """What is done to every image.

    Attributes:
        report: An empty report: which scores, by which conventions.
        resize: Whether a map of another size than its mask is resized to it (bilinear), instead of
            being an error.
        sigma: In pixels; makes a density of fixation points where there is none.
        others: Fixations of the whole set, for the shuffled AUC.
    """

    report: MetricReport
    resize: bool = False
    sigma: Optional[float] = None
    others: Optional[ShuffleMap] = None


@dataclass
class Outcome:
    """What came of some images; outcomes add up.

    Attributes:
        report: The scores of all of them.
        rows: (name, scores of this image alone), in the order of the images.
        notes: Names of images by what was unusual about them ("soft mask", "resized").
        errors: (name, message) of images that could not be scored and count nowhere.
    """

    report: MetricReport
    rows: List[Tuple[str, Dict[str, float]]] = field(default_factory=list)
    notes: Dict[str, List[str]] = field(default_factory=dict)
    errors: List[Tuple[str, str]] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Add the images of ``other`` behind those that are here."""
        self.report.merge(other.report)
        self.rows += other.rows
        self.errors += other.errors
        for note, names in other.notes.items():
            self.notes.setdefault(note, []).extend(names)

    def note(self, what: str, name: str) -> None:
        """Remember that something was unusual about an image."""
        self.notes.setdefault(what, []).append(name)


def score(
    items: Sequence[Item],
    task: Task,
    workers: int = 0,
    progress: Callable[[int], object] = lambda images: None,
) -> Outcome:
    """Score all images.

    Args:
        items: Names and files, in the order of the result.
        task: What is done to each.
        workers: Processes; 0 works in this one. The result is the same to the last bit.
        progress: Called with the number of images that are done since the last call.

    Raises:
        ChildProcessError: a process died, for instance for want of memory.
    """
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    total = Outcome(task.report.fresh())
    for outcome in _mapped(_score_chunk, chunks, task, min(workers, len(chunks))):
        total.add(outcome)
        progress(len(outcome.rows) + len(outcome.errors))
    return total


def fixated_by_all(items: Sequence[Item], task: Task, workers: int = 0) -> ShuffleMap:
    """Return where the images of a set were fixated; files that cannot be read are left to `score`.

    Raises:
        ChildProcessError: as `score`.
    """
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    total = ShuffleMap()
    for part in _mapped(_collect_chunk, chunks, task, min(workers, len(chunks))):
        total.merge(part)
    return total


def _mapped(work: Callable, chunks: List, task: object, workers: int) -> Iterator:
    """Yield ``work(chunk, task)`` in the order of the chunks."""
    if workers < 1:
        for chunk in chunks:
            yield work(chunk, task)
        return
    # Not forked: a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_one_thread) as pool:
        waiting: Deque[Future] = deque()
        try:
            for chunk in chunks:
                waiting.append(pool.submit(work, chunk, task))
                if len(waiting) > 2 * workers:  # or the results of a slow reader would pile up
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise ChildProcessError(
                f"one of {workers} worker processes died, most often for want of memory; take "
                "fewer with --workers"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _score_chunk(items: Sequence[Item], task: Task) -> Outcome:
    outcome, single = Outcome(task.report.fresh()), task.report.fresh()
    for item in items:
        single.reset()
        try:
            _score_item(item, task, single, outcome)
        except (ValueError, OSError) as error:  # of this image; the others go on
            outcome.errors.append((item.name, str(error)))
            continue
        outcome.report.merge(single)
        outcome.rows.append((item.name, single.values()))
    return outcome


def _score_item(item: Item, task: Task, report: MetricReport, outcome: Outcome) -> None:
    prediction = read_map(item.map)
    truth = read_truth(item.mask, report.conventions.mask_above) if item.mask else None
    fixations = _fixations(item, None if truth is None else _shape(truth.mask), task.sigma)
    if truth is not None:
        shape = _shape(truth.mask)
    else:
        assert fixations is not None  # an item has one or the other
        shape = fixations.shape
    resized = prediction.shape != shape
    if resized:
        prediction = _resized(prediction, shape, item, task)
    mask = None if truth is None else truth.mask
    others = None
    if task.others is not None:
        own = fixations
        if own is None and mask is not None:
            own = Fixations.from_mask(mask)
        others = task.others.weights(shape, own)
    report.update_map(prediction, mask, fixations, others)
    # Last, so that an image that fails leaves no note.
    if resized:
        outcome.note("maps were resized", item.name)
    if truth is not None and truth.soft:
        outcome.note("masks are soft and were cut", item.name)
    if truth is not None and truth.labels01:
        outcome.note("masks hold 0 and 1, read as labels", item.name)


def _fixations(
    item: Item, shape: Optional[Tuple[int, int]], sigma: Optional[float]
) -> Optional[Fixations]:
    """Return the fixations of an item, None where it has a mask only."""
    density = read_density(item.density) if item.density else None
    if density is not None:
        if shape is not None and density.shape != shape:
            raise ValueError(
                f"{item.density}: expected the size of the mask, {_size(shape)}, got "
                f"{_size(density.shape)}"
            )
        shape = _shape(density)
    if item.points is None:
        return None if density is None else Fixations.from_density(density)
    if shape is None:
        shape = _shape(read_map(item.map))  # lists of points do not say how large the picture is
    points = read_fixation_points(item.points, shape)
    if density is None:
        return Fixations.from_points(points, shape, sigma)
    return Fixations.from_density(density, points)


def _resized(prediction: np.ndarray, shape: Tuple[int, int], item: Item, task: Task) -> np.ndarray:
    if not task.resize:
        raise ValueError(
            f"{item.map}: expected the size of its ground truth, {_size(shape)}, got "
            f"{_size(prediction.shape)}; make maps of that size, or resize them with --resize"
        )
    return cv2.resize(prediction, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


def _shape(array: np.ndarray) -> Tuple[int, int]:
    height, width = array.shape
    return height, width


def _size(shape: Tuple[int, ...]) -> str:
    """Return a size as users say it: width x height."""
    return f"{shape[1]}x{shape[0]}"


def _collect_chunk(items: Sequence[Item], task: Task) -> ShuffleMap:
    found = ShuffleMap()
    for item in items:
        try:
            fixations = _fixations(item, None, None)
            if fixations is None and item.mask:
                mask = read_truth(item.mask, task.report.conventions.mask_above).mask
                fixations = Fixations.from_mask(mask)
        except (ValueError, OSError):
            continue  # it is reported, and fails, when it is scored
        if fixations is not None:
            found.add(fixations)
    return found
