"""Finding the images that label files name, however they write the path."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from paddleseg_u2net.annotations.record import AnnotationError, Bad, Record
from paddleseg_u2net.images import find_images

_SHOWN = 3


def folded(name: str) -> str:
    """The same for names that differ in letter case or the way accents are stored alone.

    macOS and some archives store a letter and its accent apart, where label files have them as one.
    """
    return unicodedata.normalize("NFC", name.casefold())


class ImageIndex:
    """The images below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = find_images(folder)
        self._by_tail: Dict[str, List[Path]] = {}
        for path in self.files:
            parts = folded(path.relative_to(folder).as_posix()).split("/")
            for start in range(len(parts)):
                self._by_tail.setdefault("/".join(parts[start:]), []).append(path)

    def at(self, name: str) -> Optional[Path]:
        """The image at a path from the folder on, or the only one that is `folded` so, or None."""
        name = "/".join(_parts(name))
        found = self._by_tail.get(folded(name), [])
        found = [
            path for path in found if len(path.relative_to(self.folder).parts) == len(_parts(name))
        ]
        exact = [path for path in found if self.name_of(path, True) == name]
        return exact[0] if exact else found[0] if len(found) == 1 else None

    def find(self, name: str, fits: Callable[[Path], bool] = lambda path: True) -> Optional[Path]:
        """The image that a label file calls so, or None.

        The name is taken as a path from the folder on; then its leading folders are dropped one by
        one (they may be those of another computer), and images of that name in any subfolder
        count. Backslashes part folders as slashes do; what `folded` drops counts only if it has to.
        Only images that fit are taken.

        Raises:
            AnnotationError: several images could be meant.
        """
        parts = _parts(name)
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            found = [path for path in self._by_tail.get(folded(tail), []) if fits(path)]
            found = [path for path in found if path.as_posix().endswith(f"/{tail}")] or found
            at_top = self.at(tail)
            best = at_top if at_top in found else found[0] if len(found) == 1 else None
            if best is None and found:
                raise AnnotationError(
                    f"{self.folder}: {name} could be {listed(found)}; give the folder from which "
                    "the label file counts, or write the path in the label file in full"
                )
            if best is not None:
                return best
        return None

    def name_of(self, path: Path, with_suffix: bool = False) -> str:
        """The path of an image from the folder on, ``/`` between folders, without its suffix."""
        relative = PurePosixPath(path.relative_to(self.folder).as_posix())
        return str(relative if with_suffix else relative.with_suffix(""))


def unique_names(records: Sequence[Record]) -> List[Record]:
    """The records in the order of their names, which are made to differ.

    Images whose names differ only in the suffix (or in what `folded` drops, which some file
    systems do not keep) get the suffix into the name: ``cat.jpg`` and ``cat.png`` become cat_jpg
    and cat_png; what is the same even then is numbered.
    """
    taken: Dict[str, int] = {}
    for record in records:
        taken[folded(record.name)] = taken.get(folded(record.name), 0) + 1
    used = {name for name, times in taken.items() if times == 1}
    renamed = []
    for record in sorted(records, key=lambda record: (record.name, str(record.image))):
        if taken[folded(record.name)] > 1:
            wanted = f"{record.name}_{record.image.suffix[1:]}"
            name, number = wanted, 2
            while folded(name) in used:
                name, number = f"{wanted}_{number}", number + 1
            used.add(folded(name))
            record = replace(record, name=name)
        renamed.append(record)
    return sorted(renamed, key=lambda record: record.name)


def refuse_twice(pairs: Iterable[Tuple[Path, str]]) -> None:
    """Refuse that two labels are for one image.

    Args:
        pairs: Image and where its label is.

    Raises:
        AnnotationError: naming the first such image and both places.
    """
    seen: Dict[Path, str] = {}
    for image, where in pairs:
        if image in seen:
            raise AnnotationError(
                f"{image}: has two labels, {seen[image]} and {where}; keep one of them"
            )
        seen[image] = where


def _parts(name: str) -> List[str]:
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def absent(name: str, where: object, folder: Path) -> Bad:
    """What is said of an image that a label file names and that is not there."""
    why = f"{where}: the image {name} is not there; it was looked for below {folder}"
    return Bad(Path(name), why, missing=True)


def unlabelled(images: Iterable[Path], records: Iterable[Record], why: str) -> List[str]:
    """A remark on the images that no record has, if there are any."""
    used = {record.image.resolve() for record in records}
    rest = [path for path in dict.fromkeys(images) if path.resolve() not in used]
    if not rest:
        return []
    top = Path(os.path.commonpath([path.parent for path in rest]))
    names = listed([path.relative_to(top).as_posix() for path in rest])
    count = "1 image" if len(rest) == 1 else f"{len(rest)} images"
    return [f"left out, {why}: {count} below {top} ({names})"]


def listed(things: Sequence[object], most: int = _SHOWN) -> str:
    """The first few of a list and how many more there are."""
    text = ", ".join(map(str, things[:most]))
    return f"{text} and {len(things) - most} more" if len(things) > most else text
