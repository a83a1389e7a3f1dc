"""Rows, columns and the worst and best images of results, ready to be drawn."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from paddleseg_u2net.evaluation import page, tables
from paddleseg_u2net.evaluation.loaders import read_map, read_truth
from paddleseg_u2net.evaluation.pairing import Item
from paddleseg_u2net.evaluation.results import Result
from paddleseg_u2net.io.images import ImageError, find_images, read_image
from paddleseg_u2net.metrics import SCORES, Score

_OF_FIXATIONS = ("AUC_Judd", "sAUC", "NSS", "CC", "SIM", "KLD")
PAPER = ("MAE", "maxF", "wF", "S", "meanE", *_OF_FIXATIONS)
"""What papers compare methods by, in as few columns as print side by side."""
TERMINAL = ("mIoU", *PAPER[:5], "relaxF", "BIoU", *_OF_FIXATIONS)
"""What fits a line of 80 letters."""


def columns(
    results: Sequence[Result], digits: int, usual: Sequence[str] = ()
) -> List[tables.Column]:
    """Return the columns of a table of the ``usual`` scores that there are, else of all."""
    scores = results[0].report.scores
    chosen = [score for score in scores if score.key in usual] or scores
    return [_column(score, digits) for score in chosen]


def _column(score: Score, digits: int) -> tables.Column:
    title = score.key.replace("_", " ")
    return tables.Column(score.key, title, score.higher_is_better, digits, score.family)


def groups(results: Sequence[Result]) -> List[tables.Group]:
    """Return the rows of a table: data sets, and in each its methods."""
    found: Dict[str, List[tables.Row]] = {}
    for result in results:
        row = tables.Row((result.job.method,), result.report.values())
        found.setdefault(result.job.dataset, []).append(row)
    return list(found.items())


def galleries(
    results: Sequence[Result], items: Sequence[Sequence[Item]], count: int = 5
) -> List[page.Gallery]:
    """Return the worst and best images of every method on every set that has masks.

    Args:
        results: All of them; an image is shown with the maps of all methods on its set.
        items: The files that each result was made of.
        count: How many of the worst, and of the best; fewer where there are fewer images.
    """
    maps: Dict[str, List[Tuple[str, Dict[str, Item]]]] = {}
    for result, own in zip(results, items):
        by_name = {item.name: item for item in own}
        maps.setdefault(result.job.dataset, []).append((result.job.method, by_name))
    found = []
    for result in results:
        key = _ranking_score(result)
        if key is None:
            continue
        worst, best = _ends(result, key, count)
        if not worst:
            continue
        column = _column(SCORES[key], 3)
        folder = result.job.truth.image_dir
        images = {} if folder is None else photographs(folder)
        methods = maps[result.job.dataset]
        worst_samples, best_samples = (
            [_sample(name, score, methods, images, result) for score, name in end]
            for end in (worst, best)
        )
        found.append(
            page.Gallery(result.job.dataset, result.job.method, column, worst_samples, best_samples)
        )
    return found


def _ends(
    result: Result, key: str, count: int
) -> Tuple[List[Tuple[float, str]], List[Tuple[float, str]]]:
    """Return (score, name) of the worst and of the best images, worst and best first."""
    rows = [(values[key], name) for name, values in result.outcome.rows]
    # An image without a score is neither.
    defined = [row for row in rows if row[0] == row[0]]
    ordered = sorted(defined, reverse=SCORES[key].higher_is_better)
    # An image is among the worst or among the best, not both.
    half = min(count, len(ordered) // 2)
    return ordered[::-1][: max(half, 1)], ordered[:half]


def _ranking_score(result: Result) -> Optional[str]:
    """Return the score that images are put in order by; None without masks to show."""
    if result.job.truth.gt_dir is None:
        return None
    keys = [score.key for score in result.report.scores]
    preferred = [key for key in ("wF", "S", "maxF", "MAE", "mIoU") if key in keys]
    return (preferred or keys)[0]


def photographs(folder: Path) -> Dict[str, Path]:
    """Return the photographs of a folder and its subfolders by name, as maps have it."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path for path in find_images(folder)
    }


def _sample(
    name: str,
    score: float,
    methods: Sequence[Tuple[str, Dict[str, Item]]],
    images: Dict[str, Path],
    result: Result,
) -> page.Sample:
    """Return an image that the method of ``result`` was scored on, with the maps of all methods."""
    above = result.report.conventions.mask_above
    files = {method: by_name[name] for method, by_name in methods if name in by_name}
    mask = files[result.job.method].mask
    assert mask is not None  # there is a gallery only where there are masks
    pictures = {}
    for method, item in files.items():
        with suppress(ImageError):  # it stands in the errors of that method
            pictures[method] = _eight_bits(read_map(item.map))
    photograph = None
    if name in images:
        with suppress(ImageError):  # the page is worth having without it
            photograph = read_image(images[name])
    return page.Sample(name, score, read_truth(mask, above).mask, pictures, photograph)


def _eight_bits(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == np.uint8 else np.rint(values * 255).astype(np.uint8)
