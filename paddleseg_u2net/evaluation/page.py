"""Scores, curves and images as one HTML file that needs nothing else, no network either.

A policy in the page itself lets the browser load nothing from outside and run no script but the
one that sorts the tables. The template, its style and its script are page.html, page.css, page.js.
"""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np
from PIL import Image

from paddleseg_u2net.evaluation.tables import (
    BEST,
    SECOND,
    Column,
    DataSets,
    side_by_side,
    spans,
)
from paddleseg_u2net.text import one_line

_SIDE = 240


def page(
    title: str,
    data_sets: DataSets,
    columns: Sequence[Column],
    compared: Sequence[Column],
    figures: Mapping[str, bytes],
    galleries: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return a report as one HTML page; the same arguments give the same text.

    Of several data sets the scores ``compared`` stand side by side, then all of them. Figures are
    PNG files by their captions; galleries are those of `gallery.galleries`.
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
    """Return a table with its rows of headings and of cells."""
    methods, places = side_by_side(data_sets, columns, named)
    levels = [spans(places, level) for level in range(len(places[0].headings))]
    # Where columns under a heading begin, and with them a line between them and the others.
    starts = {first for level in levels for _, first, _ in level}
    rows = []
    for number, method in enumerate(methods):
        cells = []
        for column, place in enumerate(places):
            mark = {BEST: "best", SECOND: "second"}.get(place.ranks[number], "")
            mark = f"{mark} start".strip() if column in starts else mark
            text, exact = place.texts[number], place.exact[number]
            cells.append({"text": text, "mark": mark, "number": exact})
        rows.append((method, cells))
    return {"levels": levels, "places": places, "starts": starts, "rows": rows}


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
