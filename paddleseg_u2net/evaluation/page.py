"""Scores, curves and pictures as one HTML file that needs nothing else, no network either.

It follows the reader's light or dark setting and fits a phone. A policy in the page itself lets
the browser load nothing from outside and run no script but the one that sorts the tables.
"""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from paddleseg_u2net.evaluation.column_layout import pack, spans
from paddleseg_u2net.evaluation.tables import (
    BEST,
    SECOND,
    Column,
    Grid,
    Group,
    exact,
    side_by_side,
)
from paddleseg_u2net.text import one_line

__all__ = ["Figure", "Gallery", "Sample", "page"]

_SIDE = 240
_QUALITY = 85
# Pixels: of all scores of one table, of a letter of theirs, and of the room around them. With
# methods of any name they take a window of 1400 pixels.
_ROOM, _LETTER, _PADDING = 1040, 9, 18


@dataclass(frozen=True, eq=False)
class Figure:
    """A finished picture, such as curves.

    Attributes:
        caption: stands below it.
        png: the bytes of a PNG file, as from `mpl_style.as_png`; embedded as they are.
    """

    caption: str
    png: bytes


@dataclass(frozen=True, eq=False)
class Sample:
    """One picture of a data set with what the methods made of it.

    Pictures are uint8 (0 black, 255 white) or bool, (H, W) or RGB (H, W, 3), of any sizes.

    Attributes:
        name: of the file.
        score: of the gallery's method on this picture.
        mask: the true one.
        maps: by method.
        image: the photograph, if there is one.
    """

    name: str
    score: Optional[float]
    mask: np.ndarray
    maps: Mapping[str, np.ndarray]
    image: Optional[np.ndarray] = None


@dataclass(frozen=True, eq=False)
class Gallery:
    """What one method does worst and best on one data set, by one score."""

    data_set: str
    method: str
    column: Column
    worst: Sequence[Sample]
    best: Sequence[Sample]


def page(
    title: str,
    groups: Sequence[Group],
    columns: Sequence[Column],
    label_titles: Sequence[str] = ("method",),
    compared: Sequence[Column] = (),
    figures: Sequence[Figure] = (),
    galleries: Sequence[Gallery] = (),
    notes: Sequence[str] = (),
    date: str = "",
) -> str:
    """Return a report as one HTML page; the same arguments give the same text.

    Scores are shown and marked as in `tables.table`: of several data sets those ``compared``, side
    by side, then all of them, family by family. The names of the methods stay in sight where a
    table is wider than the window. The pictures of a gallery are scaled down
    to a longer side of 240 pixels, never up, and embedded as JPEG of quality 85, grey ones as
    PNG where that is shorter: some 15 kB for a photograph, 3 to 5 kB for a mask or map, and
    60 kB for pure noise, however large the pictures were. The page grows with the number of
    pictures, which the caller chooses.

    Args:
        title: heading of the page.
        groups: data sets with their rows.
        columns: scores in order.
        label_titles: headings of `Row.labels`.
        compared: scores that data sets are compared by; none takes all ``columns``.
        figures: curves and the like.
        galleries: usually one per method and data set.
        notes: a paragraph each below the tables, such as how maps were scaled.
        date: shown as given; "" leaves it out.

    Raises:
        ValueError: for a picture of a `Sample` that is of another shape or type.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["line"] = one_line
    return (
        environment.from_string(_PAGE).render(
            title=title,
            date=date,
            notes=notes,
            label_titles=label_titles,
            sections=_sections(groups, columns, compared or columns, label_titles),
            figures=[(figure.caption, _uri("png", figure.png)) for figure in figures],
            galleries=[_gallery(gallery) for gallery in galleries],
            style=_STYLE,
            script=_SCRIPT,
            script_hash=_base64(hashlib.sha256(_SCRIPT.encode()).digest()),
        )
        + "\n"
    )


def _sections(
    groups: Sequence[Group],
    columns: Sequence[Column],
    compared: Sequence[Column],
    label_titles: Sequence[str],
) -> List[Tuple[str, List[Dict[str, Any]]]]:
    """Return headings and the tables below each; no heading for what all sets have in common."""
    groups = [group for group in groups if group[1]]
    if not groups or not columns:
        return []
    sections = [("", _tables(side_by_side(groups, compared, label_titles)))]
    if len(groups) == 1:
        sections = [("", _tables(side_by_side(groups, columns, label_titles)))]
    elif list(compared) != list(columns):
        for group in groups:
            heading = f"All scores on {group[0]}" if group[0] else "All scores"
            grid = side_by_side([("", group[1])], columns, label_titles)
            sections.append((heading, _tables(grid)))
    return sections


def _tables(grid: Grid) -> List[Dict[str, Any]]:
    """Return tables that fit a window, each with its rows of headings and of cells."""
    headings = [place.headings for place in grid.places]
    widths = [
        _PADDING + _LETTER * max(map(len, [p.title, *map(p.column.shown, p.values)]))
        for p in grid.places
    ]
    tables = []
    for block in pack(headings, widths, _ROOM):
        places = [grid.places[number] for number in block]
        above = [place.headings for place in places]
        levels = [spans(above, level) for level in range(len(above[0]))]
        # Where columns under a heading begin, and with them a line between them and the others.
        starts = {first for level in levels for _, first, _ in level}
        rows = []
        for number, labels in enumerate(grid.labels):
            cells = []
            for column, place in enumerate(places):
                mark = {BEST: "best", SECOND: "second"}.get(place.ranks[number], "")
                cells.append(
                    {
                        "text": place.column.shown(place.values[number]),
                        "mark": f"{mark} start".strip() if column in starts else mark,
                        "number": exact(place.values[number]),
                    }
                )
            rows.append((labels, cells))
        tables.append({"levels": levels, "places": places, "starts": starts, "rows": rows})
    return tables


def _gallery(gallery: Gallery) -> Dict[str, Any]:
    score = f"{gallery.column.title} {gallery.column.arrow}".strip()
    return {
        "heading": f"{gallery.data_set}: {gallery.method}, by {score}",
        "ends": [
            (title, [_sample(sample, gallery.column) for sample in samples])
            for title, samples in (("Worst", gallery.worst), ("Best", gallery.best))
            if samples
        ],
    }


def _sample(sample: Sample, column: Column) -> Dict[str, Any]:
    pictures = [] if sample.image is None else [("image", "image", sample.image)]
    pictures.append(("mask", "mask", sample.mask))
    pictures += [(method, f"map by {method}", array) for method, array in sample.maps.items()]
    return {
        "name": sample.name,
        "score": f"{column.title} {column.shown(sample.score)}",
        "pictures": [
            {"caption": caption, **_thumbnail(array, f"{what} of {sample.name}")}
            for caption, what, array in pictures
        ],
    }


# ---------------------------------------------------------------- pictures


def _thumbnail(array: np.ndarray, what: str) -> Dict[str, Any]:
    """Return an embedded picture: its description, data URI, width and height."""
    grey = array.ndim == 2
    colored = array.ndim == 3 and array.shape[2] == 3
    if array.dtype not in (np.uint8, np.bool_) or not (grey or colored) or not array.size:
        raise ValueError(
            f"{what}: expected uint8 or bool of shape (H, W) or (H, W, 3), "
            f"got {array.dtype} of {array.shape}"
        )
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    picture = Image.fromarray(np.ascontiguousarray(array))
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    coded = [("jpeg", _encoded(picture, "JPEG", quality=_QUALITY))]
    if grey:
        coded.append(("png", _encoded(picture, "PNG")))
    uri = _uri(*min(coded, key=lambda pair: len(pair[1])))
    width, height = picture.size
    return {"alt": what, "uri": uri, "width": width, "height": height}


def _encoded(picture: Any, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, file_format, **options)
    return stream.getvalue()


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{_base64(data)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


# ---------------------------------------------------------------- the page

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2126; --faint: #5d6670;
  --rule: #d5dade; --best: #e3f1e6; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181b; --ink: #e4e7ea; --faint: #9aa4ae; --rule: #383f46; --best: #1f3b28; }
}
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  margin: 0 auto; max-width: 90rem; padding: 1rem; overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.25; }
.date, figcaption, .note { color: var(--faint); }
.note { max-width: 70rem; }
.wide { overflow-x: auto; margin-bottom: 1.5rem; }
/* Borders of cells of their own: shared ones do not move with a cell that stays in sight. */
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--rule); text-align: right; }
th.span { text-align: left; }
.start { border-left: 1px solid var(--rule); }
th.label { text-align: left; font-weight: normal; vertical-align: bottom; }
th.label:first-child { position: sticky; left: 0; background: var(--paper); z-index: 1; }
th.label > div { width: max-content; max-width: min(18rem, 40vw); white-space: normal;
  overflow-wrap: break-word; }
thead th, thead th.label { font-weight: bold; }
thead button { all: unset; cursor: pointer; }
thead button:focus-visible { outline: 2px solid; }
[aria-sort=ascending] button::after { content: " ▲"; }
[aria-sort=descending] button::after { content: " ▼"; }
td.best { background: var(--best); font-weight: bold; }
td.second { text-decoration: underline; }
figure { margin: 0; }
.curves { margin: 1rem 0; }
.curves img { max-width: min(100%, 60rem); height: auto; background: #fff; border-radius: 4px; }
summary { cursor: pointer; font-weight: bold; padding: .4rem 0; }
.strip { display: flex; gap: .6rem; overflow-x: auto; padding-bottom: .4rem; }
.strip figure { flex: none; max-width: min(240px, 40vw); }
.strip img { display: block; max-width: 100%; height: auto; outline: 1px solid var(--rule); }
.strip figcaption { font-size: .8rem; }
.sample { margin: .8rem 0 .2rem; }
"""

# The first click on a score brings its best end to the top; missing scores stay at the bottom.
_SCRIPT = """
"use strict";
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), body = head.closest("table").tBodies[0];
    const place = Number(head.dataset.place), first = head.dataset.first;
    const other = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    const sign = order === "ascending" ? 1 : -1;
    const compare = (one, two) => {
      const a = one.cells[place], b = two.cells[place];
      if (!("number" in a.dataset)) return sign * a.textContent.localeCompare(b.textContent);
      if (!a.dataset.number || !b.dataset.number) return !a.dataset.number - !b.dataset.number;
      const x = Number(a.dataset.number.replace("inf", "Infinity"));
      const y = Number(b.dataset.number.replace("inf", "Infinity"));
      return x === y ? 0 : sign * (x < y ? -1 : 1);
    };
    for (const cell of head.closest("thead").querySelectorAll("th")) {
      cell.removeAttribute("aria-sort");
    }
    head.setAttribute("aria-sort", order);
    body.append(...[...body.rows].sort(compare));
  });
}
"""

_PAGE = """\
{% macro label_head(label, rows, place) %}
<th class="label" scope="col" rowspan="{{ rows }}" data-first="ascending" \
data-place="{{ place }}"><div><button>{{ label|line }}</button></div></th>
{%- endmacro %}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'; script-src 'sha256-{{ script_hash }}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title|line }}</title>
<style>{{ style|safe }}</style>
</head>
<body>
<h1>{{ title|line }}</h1>
{% if date %}
<p class="date">{{ date|line }}</p>
{% endif %}
{% if sections %}
<h2>Scores</h2>
{% endif %}
{% for heading, tables in sections %}
{% if heading %}
<h3>{{ heading|line }}</h3>
{% endif %}
{% for table in tables %}
<div class="wide" tabindex="0">
<table>
<thead>
{% for level in table.levels %}
<tr>
{% if loop.first %}
{% for label in label_titles %}
{{ label_head(label, table.levels|length + 1, loop.index0) }}
{% endfor %}
{% endif %}
{% for title, first, end in level %}
<th class="span start" scope="colgroup" colspan="{{ end - first }}">{{ title|line }}</th>
{% endfor %}
</tr>
{% endfor %}
<tr>
{% if not table.levels %}
{% for label in label_titles %}
{{ label_head(label, 1, loop.index0) }}
{% endfor %}
{% endif %}
{% for place in table.places %}
{% set first = 'ascending' if place.column.higher_is_better == false else 'descending' %}
<th scope="col" class="{{ 'start' if loop.index0 in table.starts }}" data-first="{{ first }}" \
data-place="{{ loop.index0 + label_titles|length }}"><button>{{ place.title|line }}</button></th>
{% endfor %}
</tr>
</thead>
<tbody>
{% for labels, cells in table.rows %}
<tr>
{% for label in labels %}
<th class="label" scope="row"><div>{{ label|line }}</div></th>
{% endfor %}
{% for cell in cells %}
<td class="{{ cell.mark }}" data-number="{{ cell.number }}">{{ cell.text }}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% endfor %}
{% endfor %}
{% for note in notes %}
<p class="note">{{ note|line }}</p>
{% endfor %}
{% if figures %}
<h2>Curves</h2>
{% endif %}
{% for caption, uri in figures %}
<figure class="curves">
<img src="{{ uri }}" alt="{{ caption|line }}">
<figcaption>{{ caption|line }}</figcaption>
</figure>
{% endfor %}
{% if galleries %}
<h2>Pictures</h2>
{% endif %}
{% for gallery in galleries %}
<details{{ ' open' if loop.first }}>
<summary>{{ gallery.heading|line }}</summary>
{% for end, samples in gallery.ends %}
<h3>{{ end }}</h3>
{% for sample in samples %}
<p class="sample">{{ sample.name|line }}: {{ sample.score|line }}</p>
<div class="strip" tabindex="0">
{% for picture in sample.pictures %}
<figure>
<img src="{{ picture.uri }}" width="{{ picture.width }}" height="{{ picture.height }}" \
alt="{{ picture.alt|line }}">
<figcaption>{{ picture.caption|line }}</figcaption>
</figure>
{% endfor %}
</div>
{% endfor %}
{% endfor %}
</details>
{% endfor %}
<script>{{ script|safe }}</script>
</body>
</html>
"""
