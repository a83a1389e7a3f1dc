"""The images that a method is worst and best at, with the maps of all methods."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np

from paddleseg_u2net.datasets.pairing import bare_name
from paddleseg_u2net.evaluation.loaders import read_map, read_truth
from paddleseg_u2net.evaluation.page import thumbnail
from paddleseg_u2net.evaluation.pairing import MapFiles
from paddleseg_u2net.evaluation.results import Result, by_set, column
from paddleseg_u2net.io.images import ImageError, find_images, read_image
from paddleseg_u2net.metrics import SCORES

_RANKED_BY = ("wF", "S", "maxF", "MAE", "mIoU")


def galleries(results: Sequence[Result], count: int = 5) -> List[Dict[str, Any]]:
    """Return for the page the worst and best images of every method on every set with masks.

    An image is shown with the maps of all methods on its set; ``count`` of the worst and the best.
    """
    files = {
        name: {result.of.method: {item.name: item for item in result.items} for result in own}
        for name, own in by_set(results).items()
    }
    found = []
    for result in results:
        if result.of.truth.gt_dir is None:
            continue
        keys = [score.key for score in result.report.scores]
        by = column(SCORES[next((key for key in _RANKED_BY if key in keys), keys[0])], 3)
        images = photographs(result.of.truth.image_dir) if result.of.truth.image_dir else {}
        ends = [
            (
                title,
                [
                    {
                        "name": name,
                        "score": f"{by.title} {by.shown(score)}",
                        "pictures": _pictures(name, files[result.of.dataset], images, result),
                    }
                    for score, name in end
                ],
            )
            for title, end in zip(("Worst", "Best"), _ends(result, by.key, count))
            if end
        ]
        if ends:
            heading = f"{result.of.dataset}: {result.of.method}, by {by.heading}"
            found.append({"heading": heading, "ends": ends})
    return found


def photographs(folder: Path) -> Dict[str, Path]:
    """Return the photographs of a folder and its subfolders by name, as maps have it."""
    return {bare_name(path, folder): path for path in find_images(folder)}


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


def _pictures(
    name: str,
    methods: Mapping[str, Mapping[str, MapFiles]],
    images: Mapping[str, Path],
    result: Result,
) -> List[Dict[str, Any]]:
    """Return what is shown of an image: the photograph, the true mask, maps of all methods."""
    files = {method: by_name[name] for method, by_name in methods.items() if name in by_name}
    found = []
    if name in images:
        with suppress(ImageError):  # the page is worth having without it
            shown = thumbnail(read_image(images[name]), f"image of {name}")
            found.append({"caption": "image", **shown})
    mask = files[result.of.method].mask
    assert mask is not None  # there is a gallery only where there are masks
    truth = read_truth(mask, result.report.conventions.mask_above)
    found.append({"caption": "mask", **thumbnail(truth.mask, f"mask of {name}")})
    for method, item in files.items():
        with suppress(ImageError):  # it stands in the errors of that method
            values = read_map(item.map)
            if values.dtype != np.uint8:
                values = np.rint(values * 255).astype(np.uint8)
            found.append({"caption": method, **thumbnail(values, f"map by {method} of {name}")})
    return found
