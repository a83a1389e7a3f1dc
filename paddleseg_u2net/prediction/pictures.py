"""The pictures that show one image's prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Optional

import numpy as np

from paddleseg_u2net import render
from paddleseg_u2net.inference import classes_of
from paddleseg_u2net.io.images import NO_TAGS, Tags, write_image, write_png
from paddleseg_u2net.prediction.jobs import ADDED, CUTOUT, PSEUDO, SALIENCY
from paddleseg_u2net.render.overlay import strips

# A fifth of the time of the usual 6 for a photograph, for 4 % more bytes.
_PNG_LEVEL = 1


def write_pictures(
    paths: Mapping[str, Path],
    image: Optional[np.ndarray],
    probability: np.ndarray,
    colors: np.ndarray,
    tags: Tags = NO_TAGS,
) -> None:
    """Write the pictures of one image, each whole or not at all.

    Args:
        paths: where to, for each kind that is wanted: of ``added_prediction`` the image under its
            classes' colours, of ``pseudo_color_prediction`` the classes as a palette PNG, of
            ``saliency`` the foreground's probability (1 - that of class 0) as 8-bit grey, of
            ``cutout`` the foreground with that probability as its opacity, see `render.cutout`.
        image: uint8 (H, W, 1, 3 or 4); only ``added_prediction`` and ``cutout`` need it. What is
            transparent there is so in ``cutout``.
        probability: float32 (K, H, W).
        colors: uint8 (256, 3), RGB.
        tags: of the image, see `images.read_tags`; they go into ``cutout``.

    Raises:
        ValueError: a picture cannot be made or its format cannot hold it.
        OSError: a file cannot be written.
    """
    classes = _classes(probability) if {ADDED, PSEUDO} & set(paths) else np.empty(0)
    grey = render.foreground(probability) if {SALIENCY, CUTOUT} & set(paths) else np.empty(0)
    del probability  # of a large picture the most memory
    if ADDED in paths:
        assert image is not None
        _write_overlay(paths[ADDED], _overlay(image, classes, colors))
    if PSEUDO in paths:
        write_png(paths[PSEUDO], classes, colors.reshape(-1).tolist(), level=_PNG_LEVEL)
    if SALIENCY in paths:
        write_png(paths[SALIENCY], grey, level=_PNG_LEVEL)
    if CUTOUT in paths:
        assert image is not None
        cut = render.cutout(_colour(image), grey)
        write_png(paths[CUTOUT], cut, level=_PNG_LEVEL, tags=tags)


def _write_overlay(path: Path, overlay: np.ndarray) -> None:
    if path.suffix.lower() == ".png":
        write_png(path, overlay, level=_PNG_LEVEL)
    else:
        write_image(path, overlay)


def _classes(probability: np.ndarray) -> np.ndarray:
    classes = np.empty(probability.shape[1:], np.uint8)
    for rows in strips(classes.shape):
        classes[rows] = classes_of(probability[:, rows])
    return classes


def _overlay(image: np.ndarray, classes: np.ndarray, colors: np.ndarray) -> np.ndarray:
    overlay = np.empty((*classes.shape, 3), np.uint8)
    for rows in strips(classes.shape):
        overlay[rows] = render.blend(_colour(image[rows])[..., :3], classes[rows], colors)
    return overlay


def _colour(image: np.ndarray) -> np.ndarray:
    return image if image.shape[2] >= 3 else np.repeat(image, 3, axis=2)
