"""Scores, curves and images as one HTML file that needs nothing else, no network either.

It follows the reader's light or dark setting and fits a phone. A policy in the page itself lets
the browser load nothing from outside and run no script but the one that sorts the tables. The
template, its style and its script are the files page.html, page.css and page.js beside this one.
"""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from paddleseg_u2net.evaluation.column_layout import pack, spans
from paddleseg_u2net.evaluation.tables import (
    BEST,
    SECOND,
    Column,
    DataSets,
    Grid,
    side_by_side,
)
from paddleseg_u2net.text import one_line

_SIDE = 240
_QUALITY = 85
# Pixels: of all scores of one table, of a letter of theirs, and of the room around them. With
# methods of any name they take a window of 1400 pixels.
_ROOM, _LETTER, _PADDING = 1040, 9, 18


@dataclass(frozen=True, eq=False)
class Sample:
    """One image of a data set with the maps of the methods.

    Images are uint8 (0 black, 255 white) or bool, (H, W) or RGB (H, W, 3), of any sizes.

    Attributes:
        name: Of the file.
        score: Of the gallery's method on this image.
        mask: The true one.
        maps: By method.
        image: The photograph, if there is one.
    """

    name: str
    score: Optional[float]
    mask: np.ndarray
    maps: Mapping[str, np.ndarray]
    image: Optional[np.ndarray] = None


@dataclass(frozen=True, eq=False)
class Gallery:
    """The images that one method is worst and best at on one data set, by one score."""

    data_set: str
    method: str
    column: Column
    worst: Sequence[Sample]
    best: Sequence[Sample]


def page(
    title: str,
    data_sets: DataSets,
    columns: Sequence[Column],
    compared: Sequence[Column],
    figures: Mapping[str, bytes],
    galleries: Sequence[Gallery] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return a report as one HTML page; the same arguments give the same text.

    Scores are shown and marked as in `tables`: of several data sets those ``compared``, side
    by side, then all of them, family by family. The names of the methods stay in sight where a
    table is wider than the window. The images of a gallery are scaled down to a longer side of 240
    pixels, never up, and embedded as JPEG of quality 85, grey ones as PNG where that is shorter:
    some 15 kB for a photograph, 3 to 5 kB for a mask or map, and 60 kB for pure noise.

    Args:
        title: Heading of the page.
        data_sets: Scores.
        columns: Which of them, in order.
        compared: Those that data sets are compared by.
        figures: PNG files of curves and the like by their captions; embedded as they are.
        galleries: Usually one per method and data set.
        notes: A paragraph each below the tables, such as how maps were normalised.

    Raises:
        ValueError: An array of a `Sample` is of another shape or type.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["line"] = one_line
    template, style, script = (
        Path(__file__).with_name(f"page.{kind}").read_text("utf-8")
        for kind in ("html", "css", "js")
    )
    text = environment.from_string(template).render(
        title=title,
        notes=notes,
        sections=_sections(data_sets, columns, compared),
        figures=[(caption, _uri("png", png)) for caption, png in figures.items()],
        galleries=[_gallery(gallery) for gallery in galleries],
        style=style,
        script=script,
        script_hash=_base64(hashlib.sha256(script.encode()).digest()),
    )
    return f"{text}\n"


def _sections(
    data_sets: DataSets, columns: Sequence[Column], compared: Sequence[Column]
) -> List[Tuple[str, List[Dict[str, Any]]]]:
    """Return headings and the tables below each; no heading for what all sets have in common."""
    if len(data_sets) == 1:
        return [("", _tables(side_by_side(data_sets, columns)))]
    sections = [("", _tables(side_by_side(data_sets, compared)))]
    if list(compared) != list(columns):
        for name, scores in data_sets.items():
            grid = side_by_side({name: scores}, columns, named=False)
            sections.append((f"All scores on {name}", _tables(grid)))
    return sections


def _tables(grid: Grid) -> List[Dict[str, Any]]:
    """Return tables that fit a window, each with its rows of headings and of cells."""
    headings = [place.headings for place in grid.places]
    widths = [_PADDING + _LETTER * max(map(len, [p.title, *p.texts])) for p in grid.places]
    tables = []
    for block in pack(headings, widths, _ROOM):
        places = [grid.places[number] for number in block]
        above = [place.headings for place in places]
        levels = [spans(above, level) for level in range(len(above[0]))]
        # Where columns under a heading begin, and with them a line between them and the others.
        starts = {first for level in levels for _, first, _ in level}
        rows = []
        for number, method in enumerate(grid.methods):
            cells = []
            for column, place in enumerate(places):
                mark = {BEST: "best", SECOND: "second"}.get(place.ranks[number], "")
                mark = f"{mark} start".strip() if column in starts else mark
                text, exact = place.texts[number], place.exact[number]
                cells.append({"text": text, "mark": mark, "number": exact})
            rows.append((method, cells))
        tables.append({"levels": levels, "places": places, "starts": starts, "rows": rows})
    return tables


def _gallery(gallery: Gallery) -> Dict[str, Any]:
    return {
        "heading": f"{gallery.data_set}: {gallery.method}, by {gallery.column.heading}",
        "ends": [
            (title, [_sample(sample, gallery.column) for sample in samples])
            for title, samples in (("Worst", gallery.worst), ("Best", gallery.best))
            if samples
        ],
    }


def _sample(sample: Sample, column: Column) -> Dict[str, Any]:
    shown = [] if sample.image is None else [("image", "image", sample.image)]
    shown.append(("mask", "mask", sample.mask))
    shown += [(method, f"map by {method}", array) for method, array in sample.maps.items()]
    return {
        "name": sample.name,
        "score": f"{column.title} {column.shown(sample.score)}",
        "pictures": [
            {"caption": caption, **_thumbnail(array, f"{what} of {sample.name}")}
            for caption, what, array in shown
        ],
    }


def _thumbnail(array: np.ndarray, what: str) -> Dict[str, Any]:
    """Return an embedded image: its description, data URI, width and height."""
    grey = array.ndim == 2
    colored = array.ndim == 3 and array.shape[2] == 3
    if array.dtype not in (np.uint8, np.bool_) or not (grey or colored) or not array.size:
        raise ValueError(
            f"{what}: expected uint8 or bool of shape (H, W) or (H, W, 3), "
            f"got {array.dtype} of {array.shape}"
        )
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    image = Image.fromarray(np.ascontiguousarray(array))
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    coded = [("jpeg", _encoded(image, "JPEG", quality=_QUALITY))]
    if grey:
        coded.append(("png", _encoded(image, "PNG")))
    uri = _uri(*min(coded, key=lambda pair: len(pair[1])))
    width, height = image.size
    return {"alt": what, "uri": uri, "width": width, "height": height}


def _encoded(image: Any, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{_base64(data)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
