"""Predictions of many images, written as pictures, at the full speed of the machine."""

from __future__ import annotations

import errno
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path
from typing import (
    Any,
    Callable,
    Deque,
    Generator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np

from paddleseg_u2net import render
from paddleseg_u2net.env import cores
from paddleseg_u2net.inference import Pipeline, classes_of
from paddleseg_u2net.io.files import check_writable
from paddleseg_u2net.io.images import (
    Header,
    image_size,
    read_header,
    read_image,
    write_image,
    write_png,
)
from paddleseg_u2net.prediction.jobs import (
    ADDED,
    CUTOUT,
    PSEUDO,
    SALIENCY,
    USUAL,
    Job,
    output_names,
)
from paddleseg_u2net.progress import Progress
from paddleseg_u2net.render.overlay import strips

# Pixels of all images that are in memory at a time; a larger image is alone. Each takes about 12
# bytes until its pictures are written, and four times that where the network sees it whole.
_MOST_PIXELS = 48_000_000
_SEEN_WHOLE = 4

# A fifth of the time of the usual 6 for a photograph, for 4 % more bytes.
_PNG_LEVEL = 1

# After these no further picture can be written either.
_DISK_ERRORS = {errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}

# An image, and where its pictures go, by their kind.
_Work = Tuple[Path, Mapping[str, Path]]


class Failure(NamedTuple):
    """An image that gave no picture, and why."""

    image: Path
    reason: str


def predict_files(
    predictor: Pipeline,
    jobs: Sequence[Job],
    save_dir: Path,
    channels: int = 3,
    custom_color: Optional[Sequence[int]] = None,
    on_failure: Callable[[Failure], None] = lambda failure: None,
    pictures: Sequence[str] = USUAL,
    share: slice = slice(None),
) -> List[Failure]:
    """Write pictures of each image; the images that failed are returned, the rest is done.

    Args:
        channels: of the images that the network takes: 1, 3 or 4.
        custom_color: R, G, B of class 0, of class 1, ...
        on_failure: is told of each failure, in the order of the jobs, while others go on.
        pictures: which are written, of `PICTURES`; see `write_pictures`.
        share: which of the jobs this process does; names of pictures are those of all jobs.

    Raises:
        ValueError: an image would be overwritten.
        OSError: the folder cannot be made or written to; or the disk is full or read-only, and the
            message says how many images were done.
    """
    steps = _Prediction(predictor, channels, render.color_map(256, custom_color))
    works: List[_Work] = [
        (job.image, {kind: save_dir / kind / name[kind] for kind in pictures})
        for job, name in zip(jobs, output_names(jobs))
    ]
    images = {job.image.resolve() for job in jobs}
    for path in (path for _, paths in works for path in paths.values()):
        if path.resolve() in images:
            raise ValueError(
                f"{path} is one of the images and would be overwritten; choose another --save_dir"
            )
    check_writable(save_dir, folder=True, name=f"--save_dir {save_dir}")
    works = works[share]
    failures: List[Failure] = []
    done = 0
    outcomes = pipelined(works, steps, _MOST_PIXELS)
    bar = Progress(len(works), "predicting") if len(works) > 1 else nullcontext()
    with closing(outcomes), bar as progress:
        for (image, _), error in outcomes:
            if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
                left = len(works) - done - len(failures)
                raise OSError(
                    error.errno,
                    f"{error.filename}: {error.strerror}; {done} of {len(works)} images are done, "
                    f"{len(failures)} failed, and {left} are left: predict them again",
                ) from error
            if error is None:
                done += 1
            else:
                text = str(error) or type(error).__name__
                text = text if str(image) in text else f"{image}: {text}"
                failures.append(Failure(image, text))
                on_failure(failures[-1])
            if progress:
                progress.update()
    return failures


class _Prediction:
    """The steps of one image, for `pipelined`."""

    def __init__(self, predictor: Pipeline, channels: int, colors: np.ndarray) -> None:
        self._predictor, self._channels, self._colors = predictor, channels, colors
        whole = predictor.window is not None or predictor.preprocess.size is None
        self._weight = _SEEN_WHOLE if whole else 1

    def weight(self, work: _Work) -> int:
        try:
            height, width = image_size(work[0])
        except Exception:  # reading it says what is wrong
            return 0
        return height * width * self._weight

    def read(self, work: _Work) -> Tuple[Any, ...]:
        """The network's input, what the network has seen or its shape where that will do, what is
        in the pictures, and its header.
        """
        path, pictures = work
        shown, header = None, None
        if CUTOUT in pictures:
            # its transparency, and its colours where the network sees grey
            shown, header = read_image(path, 4), read_header(path)
            rgb = np.ascontiguousarray(shown[..., :3])
            seen = rgb if self._channels == 3 else read_image(path, self._channels)
        else:
            seen = read_image(path, self._channels)
            shown = seen if ADDED in pictures else None
        needed = seen.shape[:2] if self._predictor.upsampling == "bilinear" else seen
        return self._predictor.prepare(seen), needed, shown, header

    def compute(self, read: Tuple[Any, ...]) -> Tuple[Any, ...]:
        return (self._predictor.probabilities(read[0][None])[0], *read[1:])

    def write(self, work: _Work, computed: Tuple[Any, ...]) -> None:
        probability, seen, shown, header = computed
        restored = self._predictor.restore(probability, seen)
        write_pictures(work[1], shown, restored, self._colors, header)


Outcomes = Generator[Tuple[Any, Optional[BaseException]], None, None]
"""Each item, in order, and what stopped it in one of its steps, or None."""

# More readers than this only wait for the network.
_MOST_THREADS = 8
_ITEMS_A_THREAD = 4


def pipelined(
    items: Sequence[Any], steps: Any, most: int, threads: Optional[int] = None
) -> Outcomes:
    """Do the steps of every item: reading runs ahead and writing behind, in ``threads`` each. When
    the generator is closed, steps that have begun are ended and no more are begun. An exception in
    a step ends that item only.

    Args:
        steps: an object with ``weight(item)``; ``read(item)`` and ``write(item, computed)``, called
            in several threads; and ``compute(read)``, called in the caller's thread, in order.
        most: the weight of all items that are begun and not yet done; a heavier one is alone.
    """
    threads = threads or min(max(2, cores()), _MOST_THREADS)  # two: writers wait for the disk
    readers, writers = ThreadPoolExecutor(threads), ThreadPoolExecutor(threads)
    reading: Deque[Tuple[Any, int, Future]] = deque()
    writing: Deque[Tuple[Any, int, Future]] = deque()
    load = 0

    def compute(read: Future, item: Any) -> Future:
        try:
            computed = steps.compute(read.result())
        except Exception as error:
            failed: Future = Future()
            failed.set_exception(error)
            return failed
        return writers.submit(steps.write, item, computed)

    def advance() -> Outcomes:
        """Yield the oldest item if it is done, else compute the next one."""
        nonlocal load
        if writing and (not reading or writing[0][2].done()):
            item, weight, future = writing.popleft()
            error = future.exception()
            load -= weight
            yield item, error
        else:
            item, weight, future = reading.popleft()
            writing.append((item, weight, compute(future, item)))

    try:
        for item in items:
            weight = steps.weight(item)
            full = _ITEMS_A_THREAD * threads
            while (begun := len(reading) + len(writing)) and (
                begun >= full or load + weight > most
            ):
                yield from advance()
            load += weight
            reading.append((item, weight, readers.submit(steps.read, item)))
        while reading or writing:
            yield from advance()
    finally:
        for pool in (readers, writers):
            pool.shutdown(wait=True, cancel_futures=True)


def write_pictures(
    paths: Mapping[str, Path],
    image: Optional[np.ndarray],
    probability: np.ndarray,
    colors: np.ndarray,
    header: Optional[Header] = None,
) -> None:
    """Write the pictures of one image, each whole or not at all.

    Args:
        paths: where to, for each kind that is wanted: of ``added_prediction`` the image under its
            classes' colours, of ``pseudo_color_prediction`` the classes as a palette PNG, of
            ``saliency`` the foreground's probability (1 - that of class 0) as 8-bit grey, of
            ``cutout`` the foreground with that probability as its opacity, see `render.cutout`.
        image: uint8 (H, W, C) for ``added_prediction`` (C = 1, 3 or 4) and ``cutout`` (3 or 4).
        probability: float32 (K, H, W).
        colors: uint8 (256, 3), RGB.
    """
    if ADDED in paths or PSEUDO in paths:
        classes = np.empty(probability.shape[1:], np.uint8)
        for rows in strips(classes.shape):
            classes[rows] = classes_of(probability[:, rows])
    if SALIENCY in paths or CUTOUT in paths:
        grey = render.foreground(probability)
    del probability  # of a large picture the most memory
    if ADDED in paths:
        assert image is not None
        overlay, path = np.empty((*classes.shape, 3), np.uint8), paths[ADDED]
        for rows in strips(classes.shape):
            colour = image[rows] if image.shape[2] >= 3 else np.repeat(image[rows], 3, axis=2)
            overlay[rows] = render.blend(colour[..., :3], classes[rows], colors)
        if path.suffix.lower() == ".png":
            write_png(path, overlay, level=_PNG_LEVEL)
        else:
            write_image(path, overlay)
    if PSEUDO in paths:
        write_png(paths[PSEUDO], classes, colors.reshape(-1).tolist(), level=_PNG_LEVEL)
    if SALIENCY in paths:
        write_png(paths[SALIENCY], grey, level=_PNG_LEVEL)
    if CUTOUT in paths:
        assert image is not None
        write_png(paths[CUTOUT], render.cutout(image, grey), level=_PNG_LEVEL, like=header)
