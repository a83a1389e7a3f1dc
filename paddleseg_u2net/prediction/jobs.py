"""Which images are predicted, and the names that their pictures get."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Set

from paddleseg_u2net.files import read_lines
from paddleseg_u2net.images import IMAGE_SUFFIXES, files_below

ADDED, PSEUDO, SALIENCY = "added_prediction", "pseudo_color_prediction", "saliency"
CUTOUT = "cutout"
USUAL = (ADDED, PSEUDO, SALIENCY)
PICTURES = (*USUAL, CUTOUT)
"""The kinds of picture that an image can get, which are also the names of their folders; `USUAL`
are those that it gets if nobody asks for others."""

# Formats that pictures are written in under their own name; others become PNG.
_WRITABLE = frozenset({".jpg", ".jpeg", ".png", ".bmp"})


class Job(NamedTuple):
    """An image, and the path below the output folders that its pictures get."""

    image: Path
    name: Path


def collect(
    image_path: Path,
    save_dir: Optional[Path] = None,
    on_left_out: Callable[[str], None] = lambda words: None,
) -> List[Job]:
    """The images of a file, a list (one path a line, relative to the list) or a folder.

    Of a folder that is being written to, those that are there now.

    Args:
        save_dir: where pictures go; those that are there already are no images, if it is in the
            folder.
        on_left_out: is told which files of the folder are left out.

    Raises:
        ValueError: there is nothing of the kind, or no image in it.
    """
    if image_path.is_dir():
        own = [save_dir / kind for kind in PICTURES] if save_dir else []
        files = _in_folder(image_path, own, on_left_out)
        found = [Job(path, path.relative_to(image_path)) for path in files]
    elif image_path.is_file() and image_path.suffix.lower() in IMAGE_SUFFIXES:
        return [Job(image_path, Path(image_path.name))]
    elif image_path.is_file() and image_path.suffix.lower() in (".txt", ".lst", ".list"):
        found = [_listed(line, image_path) for _, line in read_lines(image_path)]
    else:
        raise ValueError(
            f"--image_path {image_path}: expected an image ({', '.join(sorted(IMAGE_SUFFIXES))}), "
            "a list of images (.txt) or a folder; "
            + ("this is none of them" if image_path.exists() else "there is no such file")
        )
    if not found:
        raise ValueError(f"--image_path {image_path}: expected images, found none")
    return found


def _in_folder(folder: Path, own: Sequence[Path], on_left_out: Callable[[str], None]) -> List[Path]:
    """The images of a folder without those below ``own``, where earlier pictures are."""
    top = folder.resolve()
    written = [path.resolve() for path in own if top in path.resolve().parents]
    images: List[Path] = []
    before, others = 0, Counter[str]()
    for path in sorted(files_below(folder)):
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            others[path.suffix.lower() or "no suffix"] += 1
        elif written and set(written) & set(path.resolve().parents):
            before += 1
        else:
            images.append(path)
    if before:
        on_left_out(f"Left out {before} below --save_dir that an earlier prediction wrote")
    if others:
        kinds = ", ".join(f"{suffix} ({count})" for suffix, count in sorted(others.items()))
        count = sum(others.values())
        on_left_out(f"Left out {count} whose suffix is none of a picture that is read: {kinds}")
    return images


def _listed(line: str, list_path: Path) -> Job:
    """A line names an image; behind a tab or space it may name a mask, as in training lists."""
    words = line.split("\t")[0].split(" ")
    folder = list_path.parent
    heads = [" ".join(words[:count]) for count in range(len(words), 0, -1)]
    path = Path(next((head for head in heads if (folder / head).is_file()), words[0]))
    # Paths that lead out of the list's folder keep their last part only.
    outside = path.is_absolute() or ".." in path.parts
    return Job(folder / path, Path(path.name) if outside else path)


def output_names(jobs: Sequence[Job]) -> List[Dict[str, Path]]:
    """Where each image's pictures go below the save folder; no two share a name.

    ``a.jpg`` gives ``a.png``; where there is an ``a.png`` too, they give ``a.jpg.png`` and
    ``a.png.png``.

    Returns:
        For each job the path of each of `PICTURES` below that kind's folder.
    """
    stems = Counter(str(job.name.with_suffix("")).lower() for job in jobs)
    maps: Set[str] = set()
    overlays: Set[str] = set()
    names = []
    for job in jobs:
        alone = stems[str(job.name.with_suffix("")).lower()] == 1
        png = _free(job.name.with_suffix(".png") if alone else Path(f"{job.name}.png"), maps)
        writable = job.name.suffix.lower() in _WRITABLE
        added = _free(job.name if writable else png, overlays)
        names.append({ADDED: added, PSEUDO: png, SALIENCY: png, CUTOUT: png})
    return names


def _free(name: Path, used: Set[str]) -> Path:
    """``name``, or ``name_2`` and so on if it is in ``used``; it is added there."""
    candidate, number = name, 1
    while str(candidate).lower() in used:
        number += 1
        candidate = name.with_name(f"{name.stem}_{number}{name.suffix}")
    used.add(str(candidate).lower())
    return candidate
