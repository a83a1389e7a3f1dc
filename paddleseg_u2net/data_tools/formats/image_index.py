"""Finding the images that label files name, however they write the path."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import AbstractSet, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union
from urllib.parse import unquote

from paddleseg_u2net.data_tools.formats.import_stats import count_images
from paddleseg_u2net.data_tools.formats.sample import AnnotationError, Bad, Sample
from paddleseg_u2net.io.images import IMAGE_SUFFIXES, find_images
from paddleseg_u2net.text import short_list

Fits = Callable[[Path], bool]

_SUFFIXES = IMAGE_SUFFIXES | {".json"}


def folded(name: str) -> str:
    """The same for names that differ in letter case or the way accents are stored alone.

    macOS and some archives store a letter and its accent apart, where label files have them as one.
    """
    return unicodedata.normalize("NFC", name.casefold())


class ImageIndex:
    """The images below a folder, all or only some ``files``."""

    def __init__(self, folder: Path, files: Optional[List[Path]] = None) -> None:
        self.folder = folder
        self.files = find_images(folder) if files is None else files
        self._by_tail: Dict[Tuple[str, bool], List[Path]] = {}  # whether with suffix
        self._renamed: Dict[str, Path] = {}
        for path in self.files:
            for with_suffix in (True, False):
                parts = folded(self.name_of(path, with_suffix)).split("/")
                for start in range(len(parts)):
                    tail = "/".join(parts[start:]), with_suffix
                    self._by_tail.setdefault(tail, []).append(path)

    def at(self, name: str, any_suffix: bool = False) -> Optional[Path]:
        """The image at a path from the folder on, or the only one that is `folded` so, or None.

        ``any_suffix`` as in `find`.
        """
        return self._at(_parts(name), True) or (
            self._noted(name, self.named(name)) if any_suffix else None
        )

    def named(self, name: str) -> Optional[Path]:
        """The only image at a path from the folder on, whatever its suffix, or None."""
        return self._at(_parts(_bare(name)), False)

    def find(
        self,
        name: str,
        any_suffix: bool = True,
        fits: Fits = lambda path: True,
    ) -> Optional[Path]:
        """The image that a label file calls so, or None.

        The name is taken as a path from the folder on; then its leading folders are dropped one by
        one (they may be those of another computer), and images of that name in any subfolder
        count. Backslashes part folders as slashes do; what `folded` drops counts only if it has to.
        If there is none, the same is tried without the suffix, which converters change; `remarks`
        says so. Names may be written as in addresses (``my%20cat.jpg``), as Label Studio does.

        Args:
            name: What the label file says.
            any_suffix: Whether ``a.jpg`` will do for ``a.png``.
            fits: Which images may be taken.

        Raises:
            AnnotationError: several images could be meant.
        """
        readings = list(dict.fromkeys((name, _plain(name))))
        for reading in readings:
            found = self._find(name, _parts(reading), True, fits)
            if found is not None:
                return found
        if any_suffix:
            for reading in readings:
                found = self._find(name, _parts(_bare(reading)), False, fits)
                if found is not None:
                    return self._noted(name, found)
        return None

    def find_all(self, names: Sequence[str], fits: Sequence[Fits] = ()) -> List[Optional[Path]]:
        """The images of one label file, as `find`.

        An image of another suffix is taken only if no other name means it.

        Args:
            names: What the label file says.
            fits: Which images may be taken, for each name; empty: any.
        """
        fits = fits or [lambda path: True] * len(names)
        exact = [self.find(n, any_suffix=False, fits=f) for n, f in zip(names, fits)]
        used = set(exact)
        return [
            path or self.find(name, fits=_unless(used, fit))
            for path, name, fit in zip(exact, names, fits)
        ]

    def remarks(self) -> List[str]:
        """A sentence if `find` took images of another suffix."""
        if not self._renamed:
            return []
        name, path = next(iter(self._renamed.items()))
        return [
            "taken under another suffix than the label file says: "
            f"{count_images(len(self._renamed))}, such as {path.name} for {_parts(name)[-1]}"
        ]

    def _noted(self, name: str, found: Optional[Path]) -> Optional[Path]:
        if found is not None:
            self._renamed[name] = found
        return found

    def _find(self, name: str, parts: List[str], with_suffix: bool, fits: Fits) -> Optional[Path]:
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            found = [p for p in self._by_tail.get((folded(tail), with_suffix), []) if fits(p)]
            exact = [p for p in found if f"/{self.name_of(p, with_suffix)}".endswith(f"/{tail}")]
            found = exact or found
            at_top = self._at(parts[start:], with_suffix)
            best = at_top if at_top in found else _only(found)
            if best is None and found:
                raise AnnotationError(
                    f"{self.folder}: {name} could be {short_list(found)}; give the folder from "
                    "which the label file counts, or write the path in the label file in full"
                )
            if best is not None:
                return best
        return None

    def _at(self, parts: List[str], with_suffix: bool) -> Optional[Path]:
        name = "/".join(parts)
        found = [
            path
            for path in self._by_tail.get((folded(name), with_suffix), [])
            if len(path.relative_to(self.folder).parts) == len(parts)
        ]
        return _only([p for p in found if self.name_of(p, with_suffix) == name]) or _only(found)

    def name_of(self, path: Path, with_suffix: bool = False) -> str:
        """The path of an image from the folder on, ``/`` between folders, without its suffix."""
        relative = PurePosixPath(path.relative_to(self.folder).as_posix())
        return str(relative if with_suffix else relative.with_suffix(""))


def unique_names(records: Sequence[Sample]) -> List[Sample]:
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
            wanted = f"{record.name}_{record.suffix[1:]}"
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


def _unless(used: AbstractSet[Optional[Path]], fits: Fits) -> Fits:
    return lambda path: path not in used and fits(path)


def _only(paths: List[Path]) -> Optional[Path]:
    return paths[0] if len(paths) == 1 else None


def _bare(name: str) -> str:
    """Without the suffix of a picture, or of the label file that labelme's own examples name."""
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}".lower() in _SUFFIXES else name


def _plain(name: str) -> str:
    """A path written as a part of an address; Label Studio's local files follow ``?d=``."""
    return unquote(name).replace("?d=", "/")


def _parts(name: str) -> List[str]:
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def absent(name: str, where: object, folder: Path) -> Bad:
    """What is said of an image that a label file names and that is not there."""
    why = f"{where}: the image {name} is not there; it was looked for below {folder}"
    return Bad(Path(name), why, missing=True)


def refuse_absent(records: Sequence[object], bad: Sequence[Bad]) -> None:
    """Refuse label files of which no image is there, or none can be used.

    Raises:
        AnnotationError: ``bad`` are some, ``records`` none.
    """
    broken = [item.why for item in bad if not item.missing]
    if broken and not records:
        more = f" (the first of {len(broken)} such images)" if len(broken) > 1 else ""
        raise AnnotationError(f"{broken[0]}{more}")
    if bad and not records:
        raise AnnotationError(
            f"{len(bad)} of {len(bad)} images are not there: "
            f"{short_list([item.image.as_posix() for item in bad])}; {bad[0].why}; give the folder "
            "with the images of these labels"
        )


def unlabelled(
    images: Iterable[Path], records: Iterable[Union[Sample, Bad]], why: str
) -> List[str]:
    """A remark on the images that no record has, if there are any."""
    used = {record.image.resolve() for record in records}
    rest = [path for path in dict.fromkeys(images) if path.resolve() not in used]
    if not rest:
        return []
    top = Path(os.path.commonpath([path.parent for path in rest]))
    names = short_list([path.relative_to(top).as_posix() for path in rest])
    count = "1 image" if len(rest) == 1 else f"{len(rest)} images"
    return [f"left out, {why}: {count} below {top} ({names})"]
