"""Which images are predicted, and the names that their pictures get."""

from __future__ import annotations

import glob
import itertools
import os
from collections import Counter
from pathlib import Path
from typing import (
    Callable,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

from paddleseg_u2net.io.files import read_lines, what_is, with_slashes
from paddleseg_u2net.io.images import IMAGE_SUFFIXES, files_below
from paddleseg_u2net.log import logger

ADDED, PSEUDO, SALIENCY = "added_prediction", "pseudo_color_prediction", "saliency"
CUTOUT = "cutout"
USUAL = (ADDED, PSEUDO, SALIENCY)
PICTURES = (*USUAL, CUTOUT)
"""The kinds of picture that an image can get, which are also the names of their folders; `USUAL`
are those that it gets by default."""

LIST_SUFFIXES = (".txt", ".lst", ".list")
"""Of lists of images, a path a line."""

# Formats that pictures are written in under their own name; others become PNG.
_WRITABLE = frozenset({".jpg", ".jpeg", ".png", ".bmp"})


class Job(NamedTuple):
    """An image, and the path below the output folders that its pictures get."""

    image: Path
    name: Path


class Results(NamedTuple):
    """Pictures that an earlier run wrote, which are no images where they lie among some.

    Args:
        said: what they are, for the log.
        folders: all that is below one of these, where it is below the folder that is searched.
        named: whether a file is one by its name.
    """

    said: str
    folders: Sequence[Path] = ()
    named: Callable[[Path], bool] = lambda path: False


def collect(
    image_paths: Union[Path, str, Sequence[Union[Path, str]]],
    save_dir: Optional[Path] = None,
    results: Optional[Results] = None,
    flag: str = "--image_path ",
) -> List[Job]:
    """The images of files, lists (one path a line, relative to the list), folders and patterns.

    A file that is given is an image whatever its name; in folders and patterns those are that are
    called so.
    Where several are given, a folder's name stands before its images' paths. What fits a pattern
    has its path below the folder before the first sign of a pattern. An image that is given twice
    is one. ValueError, which begins with ``flag``, if there are none.

    Args:
        save_dir: predictions that are in it already are no images.
        results: what else is none.
    """
    kinds = [save_dir / kind for kind in PICTURES] if save_dir else []
    results = results or Results("below --save_dir that an earlier prediction wrote", kinds)
    given = [image_paths] if isinstance(image_paths, (str, Path)) else list(image_paths)
    places: Dict[Path, Optional[Path]] = {}
    for path in given:
        places.update(_places(str(path), results, flag))
    if len(given) == len(places) == 1 and None in places.values():
        return _images_of(next(iter(places)), results, flag)
    single = [place for place in places if _is_one(place)]
    apart = _names_apart([place for place in single if places[place] is None])
    jobs: List[Job] = []
    seen: Set[Path] = set()
    for place, name in places.items():
        if place in single:  # whatever it is: of many images, one that fails stops no other
            found = [Job(place, name or apart[place])]
        else:
            found = _images_of(place, results, flag)
        if place.is_dir():
            folder = name or Path(place.resolve().name)
            found = [Job(job.image, folder / job.name) for job in found]
        own = [job.image.resolve() for job in found]
        jobs += [job for job, path in zip(found, own) if path not in seen]
        seen.update(own)
    return jobs


def _names_apart(images: Sequence[Path]) -> Dict[Path, Path]:
    """The names of single images, with as many of their folders as it takes to tell them apart."""
    paths = [os.path.abspath(image) for image in images]  # noqa: PTH100 (links stay)
    names, different = [Path(image.name) for image in images], {path.lower() for path in paths}
    for count in range(2, max((len(Path(path).parts) for path in paths), default=0)):
        if len({str(name).lower() for name in names}) == len(different):
            break
        names = [Path(*Path(path).parts[1:][-count:]) for path in paths]
    return dict(zip(images, names))


def _places(path: str, results: Results, flag: str) -> Iterable[Tuple[Path, Optional[Path]]]:
    """The files and folders of one of the paths that are given, and the names that they have."""
    if os.path.lexists(path) or not glob.has_magic(path):
        return [(Path(path), None)]
    fitting = sorted(Path(name) for name in glob.glob(path, recursive=True))  # noqa: PTH207
    usable = [place for place in fitting if place.is_dir() or is_image(place)]
    if len(usable) < len(fitting):
        logger.info(f"Left out {len(fitting) - len(usable)} that fit {path} and are no images")
    fixed = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), Path(path).parts))
    usable = _new(usable, fixed, results)
    if not usable:
        raise ValueError(f"{flag}{path}: expected images that fit it, found none")
    if "**" in path:  # which gives the folders, and what is in them too
        usable = [place for place in usable if not place.is_dir()] or usable
    return [(place, place.relative_to(fixed)) for place in usable]


def is_image(path: Path) -> bool:
    """Whether a path is called as images are."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def _is_one(path: Path) -> bool:
    """Whether a path that is given stands for one image: of a file that is there its content says
    what it is, whatever its name.
    """
    if path.is_dir():
        return False
    return is_image(path) or (path.is_file() and path.suffix.lower() not in LIST_SUFFIXES)


def _images_of(path: Path, results: Results, flag: str) -> List[Job]:
    if path.is_dir():
        files = _new(sorted(filter(is_image, files_below(path))), path, results)
        found = [Job(file, file.relative_to(path)) for file in files]
    elif path.is_file() and _is_one(path):
        return [Job(path, Path(path.name))]
    elif path.is_file():
        found = [_listed(line, path) for _, line in read_lines(path)]
    else:
        raise ValueError(
            f"{flag}{path}: expected an image ({', '.join(sorted(IMAGE_SUFFIXES))}), "
            f"a list of images (.txt) or a folder; found {what_is(path)}"
        )
    if not found:
        raise ValueError(f"{flag}{path}: expected images, found none")
    return found


def _new(paths: List[Path], folder: Path, results: Results) -> List[Path]:
    """Those paths below a folder that no earlier run wrote to it."""
    top = folder.resolve()
    written = {path for path in (path.resolve() for path in results.folders) if top in path.parents}
    new = [path for path in paths if not results.named(path)]
    if written:
        new = [path for path in new if not written & {path.resolve(), *path.resolve().parents}]
    if len(new) < len(paths):
        logger.info(f"Left out {len(paths) - len(new)} {results.said}")
    return new


def _listed(line: str, list_path: Path) -> Job:
    """A line names an image; behind a tab or space it may name a mask, as in training lists."""
    words = line.split("\t")[0].split(" ")
    folder = list_path.parent
    heads = [" ".join(words[:count]) for count in range(len(words), 0, -1)]
    heads = [with_slashes(head.rstrip(), folder) for head in heads]
    path = Path(next((head for head in heads if (folder / head).is_file()), heads[-1]))
    # Paths that lead out of the list's folder keep their last part only.
    outside = path.is_absolute() or ".." in path.parts
    return Job(folder / path, Path(path.name) if outside else path)


def output_names(jobs: Sequence[Job]) -> List[Dict[str, Path]]:
    """Where each image's pictures go below that kind's folder; no two share a name: ``a.jpg`` gives
    ``a.png``; where there is an ``a.png`` too, they give ``a.jpg.png`` and ``a.png.png``.
    """
    maps: Set[str] = set()
    overlays: Set[str] = set()
    names = []
    for job, stem in zip(jobs, stems_apart([job.name for job in jobs])):
        png = free_name(job.name.with_name(f"{stem}.png"), maps)
        writable = job.name.suffix.lower() in _WRITABLE
        added = free_name(job.name if writable else png, overlays)
        names.append({ADDED: added, PSEUDO: png, SALIENCY: png, CUTOUT: png})
    return names


def stems_apart(images: Sequence[Path]) -> List[str]:
    """Names without their suffix; with it where two would be the same file then."""
    stems = Counter(str(image.with_suffix("")).lower() for image in images)
    alone = (stems[str(image.with_suffix("")).lower()] == 1 for image in images)
    return [image.stem if single else image.name for image, single in zip(images, alone)]


def free_name(name: Path, used: Set[str]) -> Path:
    """``name``, or ``name_2`` and so on if it is in ``used``; it is added there."""
    candidate, number = name, 1
    while str(candidate).lower() in used:
        number += 1
        candidate = name.with_name(f"{name.stem}_{number}{name.suffix}")
    used.add(str(candidate).lower())
    return candidate


def refuse_overwriting(images: Iterable[Path], pictures: Iterable[Path], instead: str) -> None:
    """Raise ValueError if one of the pictures would be written over one of the images."""
    own = {image.resolve() for image in images}
    for path in pictures:
        if path.resolve() in own:
            raise ValueError(f"{path} is one of the images and would be overwritten; {instead}")
