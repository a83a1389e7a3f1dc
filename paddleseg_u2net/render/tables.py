"""Tables of scores, methods by metrics, as text, Markdown, LaTeX and CSV.

Scores count as they are shown: two that round to the same text are equal, and both are marked.
"""

from __future__ import annotations

import csv
import io
import math
import re
import shutil
import unicodedata
from dataclasses import dataclass
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

__all__ = [
    "BEST",
    "SECOND",
    "STYLES",
    "Column",
    "Group",
    "Row",
    "exact",
    "one_line",
    "ranks",
    "table",
]

BEST, SECOND = 1, 2

_MISSING = "-"
_GAP = "  "


@dataclass(frozen=True)
class Column:
    """One score.

    Attributes:
        key: where rows keep it, and its heading in CSV.
        title: its heading elsewhere, without an arrow; plain text, Greek letters are welcome.
        higher_is_better: None for a number that is no score, such as a count: no arrow, no marks.
        digits: behind the point, 0 or more.
    """

    key: str
    title: str
    higher_is_better: Optional[bool]
    digits: int = 3

    @property
    def arrow(self) -> str:
        """↑ or ↓ to the better end, or nothing."""
        return {True: "↑", False: "↓", None: ""}[self.higher_is_better]

    def shown(self, value: Optional[float]) -> str:
        """Return ``value`` with `digits` digits; "-" for None and NaN, never "-0.000"."""
        if value is None or math.isnan(value):
            return _MISSING
        text = f"{float(value):.{self.digits}f}"
        return text.lstrip("-") if float(text) == 0 else text


@dataclass(frozen=True)
class Row:
    """One method.

    Attributes:
        labels: its name, or several texts, one for each of the table's ``label_titles``.
        values: by `Column.key`; a score that is None, NaN or left out is missing.
    """

    labels: Tuple[str, ...]
    values: Mapping[str, Optional[float]]


Group = Tuple[str, Sequence[Row]]
"""A data set and the rows of its methods."""


def table(
    groups: Sequence[Group],
    columns: Sequence[Column],
    style: str = "text",
    width: Optional[int] = None,
    label_titles: Sequence[str] = ("method",),
) -> str:
    r"""Return a table of scores that ends with a line break.

    Within a group the best of each column is marked, and the second best in Markdown and LaTeX
    (see `ranks`). Missing scores are "-", in CSV an empty field, which readers take as missing.

    Args:
        groups: data sets in order. A name of "" leaves the heading of its group out.
        columns: scores in order.
        style: "text": a block of lines per group, best with a ``*``; too many columns for
            ``width`` go on in further blocks below, where the labels are repeated.
            "markdown": one table per group, best bold and second best underlined.
            "latex": one whole ``tabular`` with booktabs, marked in the same way.
            "csv": one line per method with full precision and no marks.
        width: of a line in letters, for "text" only; None is the width of the terminal.
        label_titles: headings of `Row.labels`.

    Raises:
        ValueError: for another style, no groups or columns, or a row with more or fewer labels
            than titles.
    """
    if style not in STYLES:
        raise ValueError(f"style: expected one of {', '.join(STYLES)}, got {style!r}")
    if not groups or not columns:
        raise ValueError("a table needs at least one group and one column")
    for name, rows in groups:
        for row in rows:
            if isinstance(row.labels, str) or len(row.labels) != len(label_titles):
                raise ValueError(
                    f"{name}: expected a tuple of {len(label_titles)} labels "
                    f"({', '.join(label_titles)}), got {row.labels!r}"
                )
    if style == "text":
        room = shutil.get_terminal_size().columns if width is None else width
        return _text(groups, columns, label_titles, room)
    return _WRITERS[style](groups, columns, label_titles)


def ranks(rows: Sequence[Row], column: Column) -> List[int]:
    """Return for each row 1 (`BEST`), 2 (`SECOND`) or 0, by the score as it is shown.

    The second best is the next other score, also behind several best ones. Nothing has a rank
    where fewer than two rows have the score.
    """
    texts = [column.shown(row.values.get(column.key)) for row in rows]
    scores = [None if text == _MISSING else float(text) for text in texts]
    there = [score for score in scores if score is not None]
    if column.higher_is_better is None or len(there) < 2:
        return [0] * len(rows)
    top = sorted(set(there), reverse=column.higher_is_better)[:2]
    return [top.index(score) + 1 if score in top else 0 for score in scores]


def exact(value: Optional[float]) -> str:
    """Return a score with all its digits, as Python reads it back; "" for None and NaN."""
    return "" if value is None or math.isnan(value) else repr(float(value))


def one_line(text: str) -> str:
    """Return ``text`` with a space for every letter that cannot be printed, such as a line break.

    File names that are no UTF-8 hold such letters too, and no file could be written with them.
    """
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _cells(
    rows: Sequence[Row], columns: Sequence[Column], mark: Callable[[str, int], str]
) -> List[List[str]]:
    """Return the scores of ``rows``, each as ``mark(text, rank)``."""
    ranked = [ranks(rows, column) for column in columns]
    return [
        [
            mark(column.shown(row.values.get(column.key)), rank[number])
            for column, rank in zip(columns, ranked)
        ]
        for number, row in enumerate(rows)
    ]


# ---------------------------------------------------------------- text


def _text(
    groups: Sequence[Group], columns: Sequence[Column], label_titles: Sequence[str], room: int
) -> str:
    count = len(label_titles)
    titles = [one_line(f"{column.title} {column.arrow}").strip() for column in columns]
    head = [*map(one_line, label_titles), *titles]
    marked = [any(BEST in ranks(rows, column) for _, rows in groups) for column in columns]
    bodies = [_text_body(rows, columns, marked) for _, rows in groups]
    widths = [
        max(map(_width, column))
        for column in zip(head, *(line for body in bodies for line in body))
    ]
    rule = ["-" * width for width in widths]
    parts = []
    for (name, _), body in zip(groups, bodies):
        blocks = []
        for places in _blocks(widths, count, room):
            lines = (_text_line(line, widths, places, count) for line in [head, rule, *body])
            blocks.append("\n".join(lines) + "\n")
        parts.append((f"{one_line(name)}\n" if name else "") + "\n".join(blocks))
    return "\n".join(parts)


def _text_body(
    rows: Sequence[Row], columns: Sequence[Column], marked: Sequence[bool]
) -> List[List[str]]:
    cells = _cells(rows, columns, lambda text, rank: text + "*" * (rank == BEST))
    return [
        [
            *map(one_line, row.labels),
            # The blank keeps the points of the numbers below each other.
            *(c if c.endswith("*") or not wide else f"{c} " for c, wide in zip(line, marked)),
        ]
        for row, line in zip(rows, cells)
    ]


def _blocks(widths: Sequence[int], count: int, room: int) -> List[List[int]]:
    """Deal the columns out to blocks that fit ``room``; each begins with the ``count`` labels."""
    labels = list(range(count))
    start = sum(widths[:count]) + len(_GAP) * (count - 1)
    blocks: List[List[int]] = []
    used = 0
    for place in range(count, len(widths)):
        used += len(_GAP) + widths[place]
        if not blocks or used > room:
            blocks.append(labels.copy())
            used = start + len(_GAP) + widths[place]
        blocks[-1].append(place)
    return blocks


def _text_line(
    cells: Sequence[str], widths: Sequence[int], places: Sequence[int], count: int
) -> str:
    padded = []
    for place in places:
        blank = " " * (widths[place] - _width(cells[place]))
        padded.append(cells[place] + blank if place < count else blank + cells[place])
    return _GAP.join(padded).rstrip()


def _width(text: str) -> int:
    """Return how many places a terminal gives to ``text``."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


# ---------------------------------------------------------------- Markdown


def _markdown(
    groups: Sequence[Group], columns: Sequence[Column], label_titles: Sequence[str]
) -> str:
    titles = [f"{_markdown_escaped(column.title)} {column.arrow}".strip() for column in columns]
    head = [*map(_markdown_escaped, label_titles), *titles]
    rule = ["---"] * len(label_titles) + ["---:"] * len(columns)
    parts = []
    for name, rows in groups:
        cells = _cells(rows, columns, _markdown_mark)
        body = [[*map(_markdown_escaped, row.labels), *line] for row, line in zip(rows, cells)]
        lines = [f"| {' | '.join(line)} |\n" for line in [head, rule, *body]]
        heading = f"### {_markdown_escaped(name)}\n\n" if name else ""
        parts.append(heading + "".join(lines))
    return "\n".join(parts)


def _markdown_mark(text: str, rank: int) -> str:
    return {BEST: f"**{text}**", SECOND: f"<u>{text}</u>"}.get(rank, text)


def _markdown_escaped(text: str) -> str:
    # The dollar sign begins a formula on some sites.
    return re.sub(r"[\\`*_\[\]<>|~#&$]", r"\\\g<0>", one_line(text))


# ---------------------------------------------------------------- LaTeX

# A star or a bracket at the start of a row would be read as an argument of the \\ before it.
_LATEX = {
    **{letter: f"\\{letter}" for letter in "_%&#{}$"},
    **{letter: f"{{{letter}}}" for letter in "*[]"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "²": "$^2$",
    "³": "$^3$",
    "\u00d7": r"$\times$",
    "\u00b1": r"$\pm$",
}
for _name in ("alpha", "beta", "gamma", "delta", "epsilon", "mu", "xi", "sigma", "phi", "omega"):
    _LATEX[unicodedata.lookup(f"Greek small letter {_name}")] = f"$\\{_name}$"
_LATEX_ESCAPES = str.maketrans(_LATEX)
_LAST_LATIN_LETTER = "\u017f"


def _latex(groups: Sequence[Group], columns: Sequence[Column], label_titles: Sequence[str]) -> str:
    titles = [_latex_escaped(f"{column.title} {column.arrow}".strip()) for column in columns]
    head = [*map(_latex_escaped, label_titles), *titles]
    lines = [_latex_row(head)]
    for name, rows in groups:
        lines.append("\\midrule\n")
        if name:
            span = f"\\multicolumn{{{len(head)}}}{{l}}{{{_latex_escaped(name)}}}"
            lines += [_latex_row([span]), "\\midrule\n"]
        cells = _cells(rows, columns, _latex_mark)
        lines += [
            _latex_row([*map(_latex_escaped, row.labels), *line]) for row, line in zip(rows, cells)
        ]
    kinds = "l" * len(label_titles) + "r" * len(columns)
    body = "".join(lines)
    return (
        "% needs \\usepackage{booktabs}\n"
        + ("% needs XeLaTeX or LuaLaTeX and a font with its letters\n" if _foreign(body) else "")
        + f"\\begin{{tabular}}{{{kinds}}}\n\\toprule\n{body}\\bottomrule\n\\end{{tabular}}\n"
    )


def _latex_row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\\n"


def _latex_mark(text: str, rank: int) -> str:
    if text != _MISSING:
        text = text.replace("-", "$-$")  # a minus sign, no hyphen
    return {BEST: f"\\textbf{{{text}}}", SECOND: f"\\underline{{{text}}}"}.get(rank, text)


def _latex_escaped(text: str) -> str:
    return one_line(text).translate(_LATEX_ESCAPES)


def _foreign(text: str) -> bool:
    """Whether ``text`` has letters that plain pdfLaTeX does not know."""
    return any(letter > _LAST_LATIN_LETTER for letter in text)


# ---------------------------------------------------------------- CSV


def _csv(groups: Sequence[Group], columns: Sequence[Column], label_titles: Sequence[str]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["dataset", *label_titles, *(column.key for column in columns)])
    for name, rows in groups:
        for row in rows:
            values = (exact(row.values.get(column.key)) for column in columns)
            writer.writerow([one_line(name), *map(one_line, row.labels), *values])
    return stream.getvalue()


_WRITERS: Dict[str, Callable[[Sequence[Group], Sequence[Column], Sequence[str]], str]] = {
    "markdown": _markdown,
    "latex": _latex,
    "csv": _csv,
}
STYLES = ("text", *_WRITERS)
