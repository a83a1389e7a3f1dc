"""Tables of scores, methods by data sets and metrics, as text, Markdown, LaTeX and CSV.

A row has the scores of one method on all data sets, which stand side by side as in papers. Scores
count as they are shown: two that round to the same text are equal, and both are marked.
"""

from __future__ import annotations

import csv
import io
import math
import re
import shutil
import unicodedata
from dataclasses import dataclass
from typing import Callable, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from paddleseg_u2net.evaluation.column_layout import pack, spans, widened
from paddleseg_u2net.text import one_line

BEST, SECOND = 1, 2
MISSING = "-"

_GAP = "  "
_MARKDOWN_SCORES = 12  # side by side

Scores = Mapping[str, Optional[float]]
"""By `Column.key`; a score that is None, NaN or left out is missing."""

DataSets = Mapping[str, Mapping[str, Scores]]
"""Scores by data set and method, in the order of the table."""


@dataclass(frozen=True)
class Column:
    """One score.

    Attributes:
        key: Where scores have it, and its heading in CSV.
        title: Its heading elsewhere, without an arrow; plain text, Greek letters are welcome.
        higher_is_better: Which end is the better one.
        digits: Behind the point, 0 or more.
        family: Stands above the columns that share it, where a table has several.
    """

    key: str
    title: str
    higher_is_better: bool
    digits: int = 3
    family: str = ""

    @property
    def heading(self) -> str:
        """The title with an arrow to the better end."""
        return f"{self.title} {'↑' if self.higher_is_better else '↓'}"

    def shown(self, value: Optional[float]) -> str:
        """Return ``value`` with `digits` digits; "-" for None and NaN, never "-0.000"."""
        if value is None or math.isnan(value):
            return MISSING
        text = f"{float(value):.{self.digits}f}"
        return text.lstrip("-") if float(text) == 0 else text


class Place(NamedTuple):
    """A column of a `Grid`: one score on one data set.

    Attributes:
        headings: Above its title, the outermost first; as many in all columns.
        title: The heading right above the scores, with its arrow.
        column: The score.
        texts: By row, as shown.
        exact: By row, with all digits, as Python reads it back; "" where it is missing.
        ranks: By row, see `ranks`.
    """

    headings: Tuple[str, ...]
    title: str
    column: Column
    texts: List[str]
    exact: List[str]
    ranks: List[int]


class Grid(NamedTuple):
    """Methods, in rows, by scores on data sets."""

    methods: List[str]
    places: List[Place]


def side_by_side(data_sets: DataSets, columns: Sequence[Column], named: bool = True) -> Grid:
    """Return one row for each method and one column for each score on each data set.

    Headings are the data set, where these are ``named``, and the family, where there are several.
    """
    methods = list(dict.fromkeys(method for scores in data_sets.values() for method in scores))
    families = len({column.family for column in columns}) > 1
    places = []
    for name, scores in data_sets.items():
        for column in columns:
            headings = ((name,) if named else ()) + ((column.family,) if families else ())
            values = [scores.get(method, {}).get(column.key) for method in methods]
            texts, found = [column.shown(value) for value in values], ranks(values, column)
            places.append(
                Place(headings, column.heading, column, texts, [*map(exact, values)], found)
            )
    return Grid(methods, places)


def ranks(values: Sequence[Optional[float]], column: Column) -> List[int]:
    """Return for each value 1 (`BEST`), 2 (`SECOND`) or 0, by the score as it is shown.

    The second best is the next other score, also behind several best ones. Nothing has a rank
    where fewer than two methods have the score.
    """
    texts = [column.shown(value) for value in values]
    scores = [None if text == MISSING else float(text) for text in texts]
    there = [score for score in scores if score is not None]
    if len(there) < 2:
        return [0] * len(values)
    top = sorted(set(there), reverse=column.higher_is_better)[:2]
    return [top.index(score) + 1 if score in top else 0 for score in scores]


def exact(value: Optional[float]) -> str:
    """Return a score with all its digits, as Python reads it back; "" for None and NaN."""
    return "" if value is None or math.isnan(value) else repr(float(value))


def body(
    grid: Grid,
    places: Sequence[Place],
    escaped: Callable[[str], str],
    mark: Callable[[str, int], str],
) -> List[List[str]]:
    """Return the rows of a table, methods ``escaped`` and scores as ``mark(text, rank)``."""
    return [
        [escaped(method), *(mark(p.texts[number], p.ranks[number]) for p in places)]
        for number, method in enumerate(grid.methods)
    ]


def text_table(data_sets: DataSets, columns: Sequence[Column], width: Optional[int] = None) -> str:
    """Return a table for a terminal, with a ``*`` behind the best scores.

    Columns that do not fit go on in further blocks below, where the methods are repeated.

    Args:
        data_sets: Scores.
        columns: Which of them, in order.
        width: Of a line in letters; None is the width of the terminal.
    """
    grid = side_by_side(data_sets, columns)
    room = shutil.get_terminal_size().columns if width is None else width
    methods = ["method", *map(one_line, grid.methods)]
    scores = [_text_column(place) for place in grid.places]
    start = max(map(_width, methods))
    widths = [len(_GAP) + max(map(_width, column)) for column in scores]
    headings = [place.headings for place in grid.places]
    blocks = pack(headings, widths, room - start, len(_GAP), _width)
    return "\n".join(
        _text_block(methods, [scores[n] for n in block], [headings[n] for n in block])
        for block in blocks
    )


def _text_column(place: Place) -> List[str]:
    """Return the title and the scores; blanks keep the points of numbers below each other."""
    texts = [text + "*" * (rank == BEST) for text, rank in zip(place.texts, place.ranks)]
    if BEST in place.ranks:
        texts = [text if text.endswith("*") else f"{text} " for text in texts]
    return [one_line(place.title), *texts]


def _text_block(
    methods: List[str], scores: List[List[str]], headings: List[Tuple[str, ...]]
) -> str:
    first = max(map(_width, methods))
    widths = [max(map(_width, column)) for column in scores]
    numbers = [int(n) for n in widened(headings, widths, len(_GAP), _width)]
    lines = []
    for level in range(len(headings[0])):
        found = [
            (one_line(title), sum(numbers[start:end]) + len(_GAP) * (end - start - 1))
            for title, start, end in spans(headings, level)
        ]
        above = " " * first + _GAP
        lines.append(above + _GAP.join(_padded(title, width) for title, width in found))
        lines.append(above + _GAP.join("-" * width for _, width in found))
    for number, (method, *texts) in enumerate(zip(methods, *scores)):
        cells = [" " * (width - _width(text)) + text for text, width in zip(texts, numbers)]
        lines.append(_GAP.join([_padded(method, first), *cells]))
        if number == 0:
            lines.append(_GAP.join("-" * width for width in [first, *numbers]))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Return how many places a terminal gives to ``text``."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def markdown_table(data_sets: DataSets, columns: Sequence[Column]) -> str:
    """Return a table with the best bold and the second best underlined; 12 scores side by side."""
    grid = side_by_side(data_sets, columns)
    sets = [place.headings[:1] for place in grid.places]
    alone = len(data_sets) == 1
    parts = []
    for block in pack(sets, [1] * len(sets), _MARKDOWN_SCORES):
        places = [grid.places[number] for number in block]
        # Markdown knows no heading over several columns.
        above = ["" if alone else f"{_markdown_escaped(place.headings[0])}<br>" for place in places]
        head = [over + _markdown_escaped(place.title) for over, place in zip(above, places)]
        lines = [["method", *head], ["---", *["---:"] * len(places)]]
        lines += body(grid, places, _markdown_escaped, _markdown_mark)
        parts.append("".join(f"| {' | '.join(line)} |\n" for line in lines))
    heading = f"### {_markdown_escaped(sets[0][0])}\n\n" if alone else ""
    return heading + "\n".join(parts)


def _markdown_mark(text: str, rank: int) -> str:
    return {BEST: f"**{text}**", SECOND: f"<u>{text}</u>"}.get(rank, text)


def _markdown_escaped(text: str) -> str:
    # The dollar sign begins a formula on some sites.
    return re.sub(r"[\\`*_\[\]<>|~#&$]", r"\\\g<0>", one_line(text))


def csv_table(data_sets: DataSets, columns: Sequence[Column]) -> str:
    """Return a line per method and data set with full precision, missing scores as empty fields."""
    return csv_text(
        ["dataset", "method", *(column.key for column in columns)],
        (
            [name, method, *(exact(scores.get(column.key)) for column in columns)]
            for name, methods in data_sets.items()
            for method, scores in methods.items()
        ),
    )


def csv_text(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a CSV file whose fields are one line each."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([*map(one_line, line)] for line in (head, *lines))
    return stream.getvalue()
