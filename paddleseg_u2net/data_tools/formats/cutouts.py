"""Cut-outs: one file per image whose transparency is the mask."""

from __future__ import annotations

from pathlib import Path

from paddleseg_u2net.data_tools.annotations.classes import BACKGROUND
from paddleseg_u2net.data_tools.annotations.image_index import unique_names
from paddleseg_u2net.data_tools.annotations.label_files import thread_map
from paddleseg_u2net.data_tools.annotations.mask_files import alpha_file
from paddleseg_u2net.data_tools.annotations.sample import AnnotatedDataset, AnnotationError, Sample
from paddleseg_u2net.io.images import ImageError, find_images, read_header, read_image
from paddleseg_u2net.text import short_list

# States of a file.
_GOOD, _FLAT, _OPAQUE, _EMPTY, _DAMAGED = range(5)


def read(folder: Path) -> AnnotatedDataset:
    """Read a folder of images whose opacity is the mask of what they show.

    Args:
        folder: RGBA, grey with alpha, or palette files with transparency; with subfolders.

    Returns:
        A soft data set. A remark names the files that are transparent everywhere, and those
        whose hidden pixels all have one colour: there a network sees the mask in the image.

    Raises:
        AnnotationError: no images, or none in which anything is transparent.
        ImageError: the folder cannot be listed. Damaged and opaque files are found when their
            masks are read.
    """
    paths = find_images(folder)
    states = thread_map(_state, paths, "cut-outs")
    of = {state: [p.name for p, s in zip(paths, states) if s == state] for state in range(5)}
    named = {state: short_list(names, 5) for state, names in of.items()}
    if len(of[_OPAQUE]) == len(paths):
        raise AnnotationError(
            f"{folder}: expected images with a transparent background, but in none anything is "
            f"transparent, so they hold no masks: {named[_OPAQUE] or 'no images found'}; "
            "export them with alpha"
        )
    remarks = []
    if of[_EMPTY]:
        remarks.append(f"{len(of[_EMPTY])} pictures are transparent everywhere: {named[_EMPTY]}")
    if of[_FLAT]:
        remarks.append(
            f"in {len(of[_FLAT])} pictures all hidden pixels have one colour, so the image shows "
            f"where the mask is and a network would only learn that colour: {named[_FLAT]}; "
            "use the original images with these masks"
        )
    samples = [
        Sample(path, path.relative_to(folder).with_suffix("").as_posix(), alpha_file(path))
        for path in paths
    ]
    return AnnotatedDataset((BACKGROUND, "object"), unique_names(samples), True, remarks)


def _state(path: Path) -> int:
    try:
        if not read_header(path).alpha:
            return _OPAQUE
        image = read_image(path, 4)
    except ImageError:
        return _DAMAGED
    alpha = image[..., 3]
    if alpha.min() == 255:
        return _OPAQUE
    if not alpha.any():
        return _EMPTY
    hidden = image[alpha == 0][:, :3]
    return _FLAT if len(hidden) and (hidden == hidden[0]).all() else _GOOD
