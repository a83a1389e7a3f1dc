"""Cut-outs: one file per image whose transparency is the mask."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np

from paddleseg_u2net import images
from paddleseg_u2net.annotations.classes import BACKGROUND
from paddleseg_u2net.annotations.look import look_at
from paddleseg_u2net.annotations.mask_files import AlphaFile, kind, some
from paddleseg_u2net.annotations.record import AnnotationError, Collection, Record

# States of a file.
_GOOD, _FLAT, _OPAQUE, _EMPTY, _DAMAGED = range(5)


def read(folder: Path) -> Collection:
    """Read a folder of pictures whose opacity is the mask of what they show.

    Args:
        folder: RGBA, grey with alpha, or palette files with transparency; with subfolders.

    Returns:
        A soft collection. A remark names the files that are transparent everywhere, and those
        whose hidden pixels all have one colour: there a network sees the mask in the image.

    Raises:
        AnnotationError: no pictures, two of one name, or pictures in which nothing is
            transparent, which have no mask (they are named).
        ImageError: the folder cannot be listed. Damaged files show when their masks are read.
    """
    paths = images.find_images(folder)
    if not paths:
        raise AnnotationError(f"{folder}: expected pictures with transparency, found no pictures")
    states = list(look_at(paths, _state, "cut-outs"))
    of = {state: [p.name for p, s in zip(paths, states) if s == state] for state in range(5)}
    if of[_OPAQUE]:
        raise AnnotationError(
            f"{folder}: expected pictures with a transparent background; in {len(of[_OPAQUE])} "
            f"nothing is transparent, so they hold no mask: {some(of[_OPAQUE], 5)}; take them out "
            "or export them with alpha"
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
    return Collection((BACKGROUND, "object"), _records(folder, paths), True, remarks)


def _records(folder: Path, paths: List[Path]) -> List[Record]:
    records: Dict[str, Record] = {}
    for path in paths:
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in records:
            raise AnnotationError(
                f"{folder}: {records[name].image.name} and {path.name} have the same name but for "
                "the suffix; rename one"
            )
        records[name] = Record(path, name, AlphaFile(path))
    return [records[name] for name in sorted(records)]


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
