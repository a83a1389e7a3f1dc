"""Predictions of many images, written as pictures, at the full speed of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from paddleseg_u2net import render
from paddleseg_u2net.inference import Pipeline, classes_of
from paddleseg_u2net.io.files import check_writable
from paddleseg_u2net.io.images import Header, read_header, read_image, write_image, write_png
from paddleseg_u2net.prediction.jobs import (
    ADDED,
    CUTOUT,
    PSEUDO,
    SALIENCY,
    USUAL,
    Job,
    output_names,
    refuse_overwriting,
)
from paddleseg_u2net.prediction.pipelining import Failure, pixels_of, worked
from paddleseg_u2net.render.overlay import strips

# A fifth of the time of the usual 6 for a photograph, for 4 % more bytes.
_PNG_LEVEL = 1


class _Work(NamedTuple):
    """An image, and where its pictures go, by their kind."""

    image: Path
    pictures: Mapping[str, Path]


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
    works = [
        _Work(job.image, {kind: save_dir / kind / name[kind] for kind in pictures})
        for job, name in zip(jobs, output_names(jobs))
    ]
    written = (path for work in works for path in work.pictures.values())
    refuse_overwriting((job.image for job in jobs), written, "choose another --save_dir")
    check_writable(save_dir, folder=True, name=f"--save_dir {save_dir}")
    return worked(works[share], steps, "predicting", "predict them again", on_failure)


class _Prediction:
    """The steps of one image, for `pipelined`."""

    def __init__(self, predictor: Pipeline, channels: int, colors: np.ndarray) -> None:
        self._predictor, self._channels, self._colors = predictor, channels, colors

    def weight(self, work: _Work) -> int:
        return pixels_of(work.image, self._predictor)

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
        write_pictures(work.pictures, shown, restored, self._colors, header)


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
