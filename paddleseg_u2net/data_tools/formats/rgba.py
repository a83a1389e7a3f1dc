"""Cut-outs: one file per image whose transparency is the mask."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

import numpy as np

from paddleseg_u2net.data_tools.formats.classes import BACKGROUND
from paddleseg_u2net.data_tools.formats.image_index import unique_names
from paddleseg_u2net.data_tools.formats.mask_files import AlphaFile, kind, some
from paddleseg_u2net.data_tools.formats.sample import AnnotatedDataset, AnnotationError, Sample
from paddleseg_u2net.data_tools.formats.thread_map import look_at
from paddleseg_u2net.io import images

# States of a file.
_GOOD, _FLAT, _OPAQUE, _EMPTY, _DAMAGED = range(5)


def read(folder: Path) -> AnnotatedDataset:
    """Read a folder of pictures whose opacity is the mask of what they show.

    Args:
        folder: RGBA, grey with alpha, or palette files with transparency; with subfolders.

    Returns:
        A soft collection. A remark names the files that are transparent everywhere, and those
        whose hidden pixels all have one colour: there a network sees the mask in the image.

    Raises:
        AnnotationError: no pictures, or none in which anything is transparent.
        ImageError: the folder cannot be listed. Damaged and opaque files show when their masks are
            read.
    """
    paths = images.find_images(folder)
    if not paths:
        raise AnnotationError(f"{folder}: expected pictures with transparency, found no pictures")
    states = list(look_at(paths, _state, "cut-outs"))
    of = {state: [p.name for p, s in zip(paths, states) if s == state] for state in range(5)}
    if len(of[_OPAQUE]) == len(paths):
        raise AnnotationError(
            f"{folder}: expected pictures with a transparent background, but in none anything is "
            f"transparent, so they hold no masks: {some(of[_OPAQUE], 5)}; export them with alpha"
        )
    remarks = []
    if of[_EMPTY]:
        remarks.append(
            f"{len(of[_EMPTY])} pictures are transparent everywhere: {some(of[_EMPTY], 5)}"
        )
    if of[_FLAT]:
        remarks.append(
            f"in {len(of[_FLAT])} pictures all hidden pixels have one colour, so the image shows "
            f"where the mask is and a network would only learn that colour: {some(of[_FLAT], 5)}; "
            "use the original images with these masks"
        )
    records = [
        Sample(path, path.relative_to(folder).with_suffix("").as_posix(), AlphaFile(path))
        for path in paths
    ]
    return AnnotatedDataset((BACKGROUND, "object"), unique_names(records), True, remarks)


def _state(path: Path) -> int:
    try:
        if not kind(path).alpha:
            return _OPAQUE
        picture = images.read_image(path, 4)
    except images.ImageError:
        return _DAMAGED
    alpha = picture[..., 3]
    if alpha.min() == 255:
        return _OPAQUE
    if not alpha.any():
        return _EMPTY
    hidden = picture[alpha == 0][:, :3]
    return _FLAT if len(hidden) and _one_colour(hidden) else _GOOD


def _one_colour(pixels: np.ndarray) -> bool:
    first: Tuple[int, ...] = tuple(pixels[0])
    return bool((pixels == first).all())
