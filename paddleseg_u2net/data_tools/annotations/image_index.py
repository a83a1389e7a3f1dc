"""Finding the images that label files name, however they write the path."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple
from urllib.parse import unquote

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError, Bad, Sample, counted
from paddleseg_u2net.datasets.name_rules import fold_case
from paddleseg_u2net.io.images import IMAGE_SUFFIXES, find_images
from paddleseg_u2net.text import short_list

Fits = Callable[[Path], bool]

# labelme's own examples name a label file as the image.
_SUFFIXES = IMAGE_SUFFIXES | {".json"}


class ImageIndex:
    """The images below a folder, all or only some ``files``."""

    def __init__(self, folder: Path, files: Optional[List[Path]] = None) -> None:
        self.folder = folder
        self.files = find_images(folder) if files is None else files
        self._by_tail: Dict[Tuple[str, bool], List[Path]] = {}  # whether with suffix
        self._renamed: Dict[Tuple[str, str], Path] = {}
        for path in self.files:
            for with_suffix in (True, False):
                parts = fold_case(self.name_of(path, with_suffix)).split("/")
                for start in range(len(parts)):
                    tail = "/".join(parts[start:]), with_suffix
                    self._by_tail.setdefault(tail, []).append(path)

    def name_of(self, path: Path, with_suffix: bool = False) -> str:
        """The path of an image from the folder on, ``/`` between folders."""
        relative = PurePosixPath(path.relative_to(self.folder).as_posix())
        return str(relative if with_suffix else relative.with_suffix(""))

    def find(
        self, name: str, any_suffix: bool = True, fits: Fits = lambda path: True, place: str = ""
    ) -> Optional[Path]:
        """Find the image that a label file calls so; AnnotationError if several could be meant.

        The name is taken as a path from the folder (or its subfolder ``place``) on; then its
        leading folders are dropped one by one (they may be those of another computer), and images
        of that name in any subfolder are tried. If there is none, the same is tried without the
        suffix, which converters change; `remarks` says so.
        """
        # As Label Studio writes them: `my%20cat.jpg`, local files after `?d=`.
        readings = list(dict.fromkeys((name, unquote(name).replace("?d=", "/"))))
        for with_suffix in (True, False) if any_suffix else (True,):
            for reading in readings:
                parts = _parts(reading if with_suffix else _bare(reading))
                paths = [parts[start:] for start in range(len(parts))]
                if place and parts:
                    inside = posixpath.normpath("/".join([place, *parts]))
                    paths[:0] = [_parts(inside), [*_parts(place), parts[-1]]]
                for path in paths:
                    found = self._alike(path, with_suffix, fits)
                    if len(found) > 1:
                        raise AnnotationError(
                            f"{self.folder}: {name} could be {short_list(found)}; give the folder "
                            "from which the label file counts"
                        )
                    if found:
                        if not with_suffix:
                            self._renamed[place, name] = found[0]
                        return found[0]
        return None

    def find_all(self, names: Sequence[str], fits: Sequence[Fits] = ()) -> List[Optional[Path]]:
        """As `find`; an image of another suffix is taken only if no other name means it."""
        fits = fits or [lambda path: True] * len(names)
        found = [self.find(n, any_suffix=False, fits=f) for n, f in zip(names, fits)]
        used = set(found)

        def unused(fit: Fits) -> Fits:
            return lambda path: path not in used and fit(path)

        again = zip(found, names, fits)
        return [path or self.find(name, fits=unused(fit)) for path, name, fit in again]

    def remarks(self) -> List[str]:
        """A sentence if images of another suffix were taken."""
        if not self._renamed:
            return []
        (_, name), path = next(iter(self._renamed.items()))
        return [
            "taken under another suffix than the label file says: "
            f"{counted(len(self._renamed), 'image')}, such as {path.name} for {_parts(name)[-1]}"
        ]

    def _alike(self, parts: List[str], with_suffix: bool, fits: Fits) -> List[Path]:
        """Images whose path ends so, or the only one whose path is so; `fold_case` if needed."""
        tail = "/".join(parts)
        found = [p for p in self._by_tail.get((fold_case(tail), with_suffix), []) if fits(p)]
        exact = [p for p in found if f"/{self.name_of(p, with_suffix)}".endswith(f"/{tail}")]
        found = exact or found
        depth = len(self.folder.parts) + len(parts)
        at_top = [path for path in found if len(path.parts) == depth]
        return at_top if len(at_top) == 1 else found


def _bare(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}".lower() in _SUFFIXES else name


def _parts(name: str) -> List[str]:
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def unique_names(samples: Sequence[Sample]) -> List[Sample]:
    """Sort samples by name and make their names unique.

    Where names differ only in the suffix (or in what `fold_case` drops), it goes into the name:
    ``cat.jpg`` and ``cat.png`` become cat_jpg and cat_png; what is the same even then is numbered.
    """
    times = Counter(fold_case(sample.name) for sample in samples)
    used = {name for name, count in times.items() if count == 1}
    renamed = []
    for sample in sorted(samples, key=lambda sample: (sample.name, str(sample.image))):
        if times[fold_case(sample.name)] > 1:
            wanted = f"{sample.name}_{sample.suffix[1:]}"
            name, number = wanted, 2
            while fold_case(name) in used:
                name, number = f"{wanted}_{number}", number + 1
            used.add(fold_case(name))
            sample = replace(sample, name=name)
        renamed.append(sample)
    return sorted(renamed, key=lambda sample: sample.name)


def refuse_twice(pairs: Iterable[Tuple[Path, str]]) -> None:
    """Raise AnnotationError if two labels are for one image; pairs of image and its label."""
    seen: Dict[Path, str] = {}
    for image, where in pairs:
        if image in seen:
            labels = f"{seen[image]} and {where}"
            raise AnnotationError(f"{image}: has two labels, {labels}; keep one of them")
        seen[image] = where


def absent(name: str, where: object, folder: Path) -> Bad:
    """An image that a label file names and that does not exist."""
    why = f"{where}: the image {name} is not there; it was looked for below {folder}"
    return Bad(Path(name), why, missing=True)


def refuse_absent(samples: Sequence[object], bad: Sequence[Bad]) -> None:
    """Raise AnnotationError if there are ``bad`` images and no ``samples``."""
    if samples or not bad:
        return
    broken = [item.why for item in bad if not item.missing]
    if broken:
        more = f" (the first of {len(broken)} such images)" if len(broken) > 1 else ""
        raise AnnotationError(f"{broken[0]}{more}")
    names = short_list([item.image.as_posix() for item in bad])
    raise AnnotationError(
        f"{len(bad)} of {len(bad)} images are not there: {names}; {bad[0].why}; give their folder"
    )


def unlabelled(images: Iterable[Path], labelled: Iterable[Path], why: str) -> List[str]:
    """A remark on the images that are not among the labelled ones, if there are any."""
    used = {path.resolve() for path in labelled}
    rest = [path for path in dict.fromkeys(images) if path.resolve() not in used]
    if not rest:
        return []
    top = Path(os.path.commonpath([path.parent for path in rest]))
    names = short_list([path.relative_to(top).as_posix() for path in rest])
    return [f"left out, {why}: {counted(len(rest), 'image')} below {top} ({names})"]
