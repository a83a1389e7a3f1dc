"""Pictures of predictions, for a file, a list or a folder of images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Set

import numpy as np
from tqdm import tqdm

from paddleseg_u2net import render
from paddleseg_u2net.datasets.pairs import read_lines
from paddleseg_u2net.images import IMAGE_SUFFIXES, find_images, read_image, write_image, write_png
from paddleseg_u2net.inference import Pipeline, classes_of

ADDED, PSEUDO, SALIENCY = "added_prediction", "pseudo_color_prediction", "saliency"
# Formats that pictures are written in under their own name; others become PNG.
_WRITABLE = frozenset({".jpg", ".jpeg", ".png", ".bmp"})


class Job(NamedTuple):
    """An image, and the path below the output folders that its pictures get."""

    image: Path
    name: Path


class Failure(NamedTuple):
    """An image that gave no picture, and why."""

    image: Path
    reason: str


def collect(image_path: Path) -> List[Job]:
    """The images of a file, a list (one path a line, relative to the list) or a folder.

    Raises:
        ValueError: there is nothing of the kind, or no image in it.
    """
    if image_path.is_dir():
        found = [Job(path, path.relative_to(image_path)) for path in find_images(image_path)]
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
        names.append({ADDED: added, PSEUDO: png, SALIENCY: png})
    return names


def _free(name: Path, used: Set[str]) -> Path:
    """``name``, or ``name_2`` and so on if it is in ``used``; it is added there."""
    candidate, number = name, 1
    while str(candidate).lower() in used:
        number += 1
        candidate = name.with_name(f"{name.stem}_{number}{name.suffix}")
    used.add(str(candidate).lower())
    return candidate


def predict_files(
    predictor: Pipeline,
    jobs: Sequence[Job],
    save_dir: Path,
    channels: int = 3,
    custom_color: Optional[Sequence[int]] = None,
    on_failure: Callable[[Failure], None] = lambda failure: None,
) -> List[Failure]:
    """Write three pictures for each image; the images that failed are returned, the rest is done.

    ``added_prediction/`` the image under its classes' colours, ``pseudo_color_prediction/`` the
    classes as a palette PNG, ``saliency/`` the foreground's probability (1 - that of class 0) as
    8-bit grey, all at the image's own size.
    """
    colors = render.color_map(256, custom_color)
    failures = []
    names = output_names(jobs)
    for job, name in tqdm(
        list(zip(jobs, names)), desc="predicting", unit="image", leave=False, disable=None
    ):
        try:
            image = read_image(job.image, channels)
            _write(save_dir, name, image, predictor(image), colors)
        except Exception as error:  # whatever it is: the rest is done all the same
            failures.append(Failure(job.image, _reason(job.image, error)))
            on_failure(failures[-1])
    return failures


def _reason(image: Path, error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if str(image) in text else f"{image}: {text}"


def _write(
    save_dir: Path,
    name: Dict[str, Path],
    image: np.ndarray,
    probability: np.ndarray,
    colors: np.ndarray,
) -> None:
    classes = classes_of(probability)
    foreground = probability[0] if len(probability) == 1 else 1 - probability[0]
    rgb = image[..., :3] if image.shape[2] >= 3 else np.repeat(image, 3, axis=2)
    write_image(save_dir / ADDED / name[ADDED], render.added(rgb, classes, colors))
    write_png(save_dir / PSEUDO / name[PSEUDO], classes, palette=colors.reshape(-1).tolist())
    write_png(save_dir / SALIENCY / name[SALIENCY], render.saliency(np.clip(foreground, 0, 1)))
