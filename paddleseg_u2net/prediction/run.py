"""Predictions of many images, written as pictures, at the full speed of the machine."""

from __future__ import annotations

import errno
from contextlib import closing
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from paddleseg_u2net import render
from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.io.files import check_writable
from paddleseg_u2net.io.images import NO_TAGS, Tags, image_size, read_image, read_tags
from paddleseg_u2net.prediction.jobs import ADDED, CUTOUT, PICTURES, USUAL, Job, output_names
from paddleseg_u2net.prediction.pictures import write_pictures
from paddleseg_u2net.prediction.pipelined import Outcomes, one_by_one, pipelined
from paddleseg_u2net.progress import tracked

# Pixels of all images that are in memory at a time; a larger image is alone. Each takes about 12
# bytes until its pictures are written, and four times that where the network sees it whole.
_MOST_PIXELS = 48_000_000
_SEEN_WHOLE = 4

# After these no further picture can be written either.
_DISK_ERRORS = {errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}


class _Image(NamedTuple):
    """What the last step needs of an image."""

    name: str
    seen: Union[np.ndarray, Tuple[int, ...]]  # by the network; its shape where that will do
    shown: Optional[np.ndarray]  # in its pictures, if one of them needs it
    tags: Tags


class Failure(NamedTuple):
    """An image that gave no picture, and why."""

    image: Path
    reason: str


class DiskError(OSError):
    """No more pictures can be written; the message says why, and how many images were done."""


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

    While the network computes one image, the next ones are decoded and the pictures of the last
    ones written. The pictures are those of images predicted one by one, at the image's own size.

    Args:
        channels: of the images that the network takes: 1, 3 or 4.
        custom_color: R, G, B of class 0, of class 1, ...
        on_failure: is told of each failure, in the order of the jobs, while others go on.
        pictures: which are written, of `PICTURES`: ``added_prediction`` the image under its
            classes' colours, ``pseudo_color_prediction`` the classes as a palette PNG,
            ``saliency`` the foreground's probability (1 - that of class 0) as 8-bit grey,
            ``cutout`` the foreground in its own colours, the rest transparent; each kind in a
            folder of its name below ``save_dir``.
        share: which of the jobs this process does; names of pictures are those of all jobs.

    Raises:
        ValueError: a kind of picture is not known, or none is given; an image would be overwritten.
        OSError: the folder cannot be made or written to; nothing has been predicted.
        DiskError: the disk is full or read-only; no more images are begun then.
    """
    _check_kinds(pictures)
    steps = _Prediction(predictor, channels, render.color_map(256, custom_color))
    works = [
        _Work(job.image, {kind: save_dir / kind / name[kind] for kind in pictures})
        for job, name in zip(jobs, output_names(jobs))
    ]
    _check_places(save_dir, works)
    works = works[share]
    failures: List[Failure] = []
    done = 0
    with closing(_outcomes(works, steps)) as outcomes:
        several = len(works) > 1
        for work, error in tracked(outcomes, "predicting", total=len(works), shown=several):
            if error is None:
                done += 1
            elif not isinstance(error, _DiskFull):
                failures.append(Failure(work.image, _reason(work.image, error)))
                on_failure(failures[-1])
    if steps.disk_error is not None:
        raise _with_counts(steps.disk_error, done, len(failures), len(works))
    return failures


class _Work(NamedTuple):
    image: Path
    paths: Dict[str, Path]


class _DiskFull(Exception):
    """This image was not written, or not even begun, for want of a disk."""


class _Prediction:
    """The steps of one image, for `pipelined`."""

    def __init__(self, predictor: Pipeline, channels: int, colors: np.ndarray) -> None:
        self._predictor, self._channels, self._colors = predictor, channels, colors
        whole = predictor.window is not None or predictor.preprocess.size is None
        self._weight = _SEEN_WHOLE if whole else 1
        self.disk_error: Optional[OSError] = None

    def weight(self, work: _Work) -> int:
        if self.disk_error is not None:
            return 0
        try:
            height, width = image_size(work.image)
        except Exception:  # reading it says what is wrong
            return 0
        return height * width * self._weight

    def read(self, work: _Work) -> Tuple[_Image, np.ndarray]:
        self._go_on()
        shown, tags = None, NO_TAGS
        if CUTOUT in work.paths:
            # its transparency, and its colours where the network sees grey
            shown, tags = read_image(work.image, 4), read_tags(work.image)
        if shown is not None and self._channels == 3:
            seen = np.ascontiguousarray(shown[..., :3])
        else:
            seen = read_image(work.image, self._channels)
        if shown is None and ADDED in work.paths:
            shown = seen
        follows_edges = self._predictor.upsampling != "bilinear"
        image = _Image(work.image.name, seen if follows_edges else seen.shape[:2], shown, tags)
        return image, self._predictor.prepare(seen)

    def compute(self, read: Tuple[_Image, np.ndarray]) -> Tuple[_Image, np.ndarray]:
        self._go_on()
        image, prepared = read
        return image, self._predictor.shown(prepared[None], image.name)[0]

    def write(self, work: _Work, computed: Tuple[_Image, np.ndarray]) -> None:
        self._go_on()
        image, probability = computed
        try:
            write_pictures(
                work.paths,
                image.shown,
                self._predictor.restore(probability, image.seen),
                self._colors,
                image.tags,
            )
        except OSError as error:
            if error.errno in _DISK_ERRORS:
                self.disk_error = self.disk_error or error
                raise _DiskFull from error
            raise

    def _go_on(self) -> None:
        if self.disk_error is not None:
            raise _DiskFull


def _check_kinds(pictures: Sequence[str]) -> None:
    unknown = [kind for kind in pictures if kind not in PICTURES]
    if unknown or not pictures:
        raise ValueError(
            f"pictures: expected some of {', '.join(PICTURES)}, got {', '.join(unknown) or 'none'}"
        )


def _check_places(save_dir: Path, works: Sequence[_Work]) -> None:
    """Refuse what would fail for every image, or cost one, before the first is read."""
    images = {work.image.resolve() for work in works}
    for work in works:
        for path in work.paths.values():
            if path.resolve() in images:
                raise ValueError(
                    f"{path} is one of the images and would be overwritten; "
                    "choose another --save_dir"
                )
    check_writable(save_dir, folder=True, name=f"--save_dir {save_dir}")


def _outcomes(works: Sequence[_Work], steps: _Prediction) -> Outcomes[_Work]:
    if len(works) == 1:
        return one_by_one(works, steps)  # threads would only cost their start
    return pipelined(works, steps, _MOST_PIXELS)


def _reason(image: Path, error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text if str(image) in text else f"{image}: {text}"


def _with_counts(error: OSError, done: int, failed: int, count: int) -> DiskError:
    left = count - done - failed
    return DiskError(
        error.errno,
        f"{error.strerror}; {done} of {count} images are done, {failed} failed, and {left} are "
        "left: predict them again",
    )
