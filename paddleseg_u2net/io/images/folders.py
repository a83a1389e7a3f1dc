"""The images below a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Optional, Set

from paddleseg_u2net.io.images.opening import IMAGE_SUFFIXES, ImageError, PathLike


def find_images(folder: PathLike) -> List[Path]:
    """List the images among `files_below`, sorted, by their suffix in any letter case."""
    top = Path(folder)
    if not top.is_dir():
        found = "a file" if top.exists() else "nothing"
        raise ImageError(folder, f"expected a folder of pictures, found {found}; check the path")
    return sorted(path for path in files_below(top) if path.suffix.lower() in IMAGE_SUFFIXES)


def files_below(folder: PathLike, subfolders: Optional[List[Path]] = None) -> List[Path]:
    """Return the files of a folder and its subfolders, those of a folder sorted.

    Hidden files and folders (".name") are skipped. Links to folders are followed, each folder
    once. What is neither (a pipe, a device, a link to nothing) is among them; opening it gives an
    error that names it. ``subfolders`` gets the folders below ``folder`` appended.
    """
    found: List[Path] = []
    seen: Set[str] = set()
    for root, below, names in os.walk(folder, followlinks=True, onerror=_raise_listing_error):
        place = str(Path(root).resolve())
        if place in seen:  # a link back up would never end
            below.clear()
            continue
        seen.add(place)
        below[:] = sorted(name for name in below if not name.startswith("."))
        if subfolders is not None:
            subfolders += [Path(root, name) for name in below]
        found += [Path(root, name) for name in sorted(names) if not name.startswith(".")]
    return found


def _raise_listing_error(error: OSError) -> None:
    raise ImageError(
        str(error.filename), f"expected a readable folder: {error.strerror}; check its rights"
    ) from error
