"""Scores, curves and images as one HTML file that needs nothing else, no network either.

A policy in the page itself lets the browser load nothing from outside and run no script but the
one that sorts the tables. The template, its style and its script are page.html, page.css, page.js.
"""

from __future__ import annotations

import base64
import hashlib
import io
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np
from PIL import Image

from paddleseg_u2net.datasets.pairing import bare_name
from paddleseg_u2net.evaluation.loaders import read_map, read_truth
from paddleseg_u2net.evaluation.pairing import MapFiles
from paddleseg_u2net.evaluation.results import Result, by_set, column
from paddleseg_u2net.evaluation.tables import Column, DataSets, side_by_side, spans
from paddleseg_u2net.io.images import ImageError, find_images, read_image
from paddleseg_u2net.metrics import SCORES
from paddleseg_u2net.text import one_line

_SIDE = 240  # of images, in pixels
_RANKED_BY = ("wF", "S", "maxF", "MAE", "mIoU")


def page(
    data_sets: DataSets,
    columns: Sequence[Column],
    compared: Sequence[Column],
    figures: Mapping[str, bytes],
    galleries: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return a report as one HTML page; the same arguments give the same text.

    Of several data sets the scores ``compared`` stand side by side, then all of them. Figures are
    PNG files by their captions.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["line"] = one_line
    template, style, script = (
        Path(__file__).with_name(f"page.{kind}").read_text("utf-8")
        for kind in ("html", "css", "js")
    )
    text = environment.from_string(template).render(
        notes=notes,
        sections=_sections(data_sets, columns, compared),
        figures=[(caption, _uri("png", png)) for caption, png in figures.items()],
        galleries=galleries,
        style=style,
        script=script,
        script_hash=_base64(hashlib.sha256(script.encode()).digest()),
    )
    return f"{text}\n"


def _sections(
    data_sets: DataSets, columns: Sequence[Column], compared: Sequence[Column]
) -> List[Tuple[str, Dict[str, Any]]]:
    """Return headings and the table below each; no heading for what all sets have in common."""
    if len(data_sets) == 1:
        return [("", _table(data_sets, columns))]
    sections = [("", _table(data_sets, compared))]
    if list(compared) != list(columns):
        for name, scores in data_sets.items():
            table = _table({name: scores}, columns, named=False)
            sections.append((f"All scores on {name}", table))
    return sections


def _table(data_sets: DataSets, columns: Sequence[Column], named: bool = True) -> Dict[str, Any]:
    """Return what the template makes a table of."""
    methods, places = side_by_side(data_sets, columns, named)
    levels = [spans(places, level) for level in range(len(places[0].headings))]
    # Where columns under a heading begin, and with them a line between them and the others.
    starts = {first for level in levels for _, first, _ in level}
    return {"levels": levels, "places": places, "starts": starts, "methods": methods}


def galleries(results: Sequence[Result], count: int) -> List[Dict[str, Any]]:
    """Return for the page the worst and best images of every method on every set with masks.

    An image is shown with the maps of all methods on its set; ``count`` of the worst and the best.
    """
    found = []
    for result in results:
        if result.of.truth.gt_dir is None:
            continue
        keys = [score.key for score in result.report.scores]
        by = column(SCORES[next((key for key in _RANKED_BY if key in keys), keys[0])], 3)
        maps = {
            method: {item.name: item for item in other.items}
            for method, other in by_set(results)[result.of.dataset].items()
        }
        images = photographs(result.of.truth.image_dir) if result.of.truth.image_dir else {}
        ends = [
            (title, [_sample(name, by, score, maps, images, result) for score, name in end])
            for title, end in zip(("Worst", "Best"), _ends(result, by, count))
            if end
        ]
        if ends:
            heading = f"{result.of.dataset}: {result.of.method}, by {by.heading}"
            found.append({"heading": heading, "ends": ends})
    return found


def photographs(folder: Path) -> Dict[str, Path]:
    """Return the photographs of a folder and its subfolders by name, as maps have it."""
    return {bare_name(path, folder): path for path in find_images(folder)}


def _ends(result: Result, by: Column, count: int) -> Tuple[List[Tuple[float, str]], ...]:
    """Return (score, name) of the worst and of the best images, worst and best first."""
    rows = [(values[by.key], name) for name, values in result.outcome.rows]
    # An image without a score is neither.
    ordered = sorted((row for row in rows if row[0] == row[0]), reverse=by.higher_is_better)
    # An image is among the worst or among the best, not both.
    half = min(count, len(ordered) // 2)
    return ordered[::-1][: max(half, 1)], ordered[:half]


def _sample(
    name: str,
    by: Column,
    score: float,
    methods: Mapping[str, Mapping[str, MapFiles]],
    images: Mapping[str, Path],
    result: Result,
) -> Dict[str, Any]:
    """Return what is shown of an image: the photograph, the true mask, maps of all methods."""
    found = []
    if name in images:
        with suppress(ImageError):  # the page is worth having without it
            shown = thumbnail(read_image(images[name]), f"image of {name}")
            found.append({"caption": "image", **shown})
    mask = methods[result.of.method][name].mask
    assert mask is not None  # there is a gallery only where there are masks
    if result.report.cuts_masks:
        shown_mask = read_truth(mask, result.report.conventions.mask_above).mask
    else:
        shown_mask = _in_bytes(read_map(mask))
    found.append({"caption": "mask", **thumbnail(shown_mask, f"mask of {name}")})
    for method, files in methods.items():
        with suppress(ImageError, KeyError):  # a map that is missing or in that method's errors
            values = _in_bytes(read_map(files[name].map))
            found.append({"caption": method, **thumbnail(values, f"map by {method} of {name}")})
    return {"name": name, "score": f"{by.title} {by.shown(score)}", "pictures": found}


def _in_bytes(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == np.uint8 else np.rint(values * 255).astype(np.uint8)


def thumbnail(array: np.ndarray, alt: str) -> Dict[str, Any]:
    """Return an embedded image: its description, data URI, width and height.

    bool, or uint8 (H, W) or RGB (H, W, 3); scaled down to a longer side of 240 pixels, never up.
    """
    kind = "jpeg"
    if array.dtype == np.bool_:
        kind, array = "png", array.astype(np.uint8) * 255
    image = Image.fromarray(np.ascontiguousarray(array))
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, kind, quality=85)
    uri = _uri(kind, stream.getvalue())
    return {"alt": alt, "uri": uri, "width": image.width, "height": image.height}


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{_base64(data)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
