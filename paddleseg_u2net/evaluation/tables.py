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
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from paddleseg_u2net.evaluation.column_layout import pack, spans, widened
from paddleseg_u2net.text import one_line

__all__ = [
    "BEST",
    "SECOND",
    "STYLES",
    "Column",
    "Grid",
    "Group",
    "Place",
    "Row",
    "exact",
    "ranks",
    "side_by_side",
    "table",
]

BEST, SECOND = 1, 2

STYLES = ("text", "markdown", "latex", "csv")

_MISSING = "-"
_GAP = "  "
_MARKDOWN_SCORES = 12  # side by side


@dataclass(frozen=True)
class Column:
    """One score.

    Attributes:
        key: where rows keep it, and its heading in CSV.
        title: its heading elsewhere, without an arrow; plain text, Greek letters are welcome.
        higher_is_better: None for a number that is no score, such as a count: no arrow, no marks.
        digits: behind the point, 0 or more.
        family: stands above the columns that share it, where a table has several.
    """

    key: str
    title: str
    higher_is_better: Optional[bool]
    digits: int = 3
    family: str = ""

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

    Data sets stand side by side, and in each the families of its scores if there are several.
    Within a data set the best of each column is marked, and the second best in Markdown and LaTeX
    (see `ranks`). Missing scores are "-", in CSV an empty field, which readers take as missing.

    Args:
        groups: data sets in order. A name of "" has no heading.
        columns: scores in order.
        style: "text": the best has a ``*``; too many columns for ``width`` go on in further blocks
            below, where the labels are repeated.
            "markdown": best bold and second best underlined; at most 12 scores side by side.
            "latex": a ``tabular`` with booktabs, marked in the same way, no wider than the text of
            the class article (345 pt): what is too wide gets smaller letters, then goes on in
            further ones.
            "csv": one line per method and data set with full precision and no marks.
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
    if style == "csv":
        return _csv(groups, columns, label_titles)
    grid = side_by_side(groups, columns, label_titles)
    if style == "text":
        return _text(grid, shutil.get_terminal_size().columns if width is None else width)
    return {"markdown": _markdown, "latex": _latex}[style](grid)


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


class Place(NamedTuple):
    """A column of a `Grid`: one score on one data set.

    Attributes:
        headings: above its title, the outermost first; as many in all columns.
        column: the score.
        values: by row; None where there is none.
        ranks: by row, see `ranks`.
    """

    headings: Tuple[str, ...]
    column: Column
    values: List[Optional[float]]
    ranks: List[int]

    @property
    def title(self) -> str:
        """The heading right above the scores, with its arrow."""
        return f"{self.column.title} {self.column.arrow}".strip()


class Grid(NamedTuple):
    """Methods by scores on data sets: titles of the labels, labels by row, columns."""

    label_titles: Sequence[str]
    labels: List[Tuple[str, ...]]
    places: List[Place]


def side_by_side(
    groups: Sequence[Group], columns: Sequence[Column], label_titles: Sequence[str] = ("method",)
) -> Grid:
    """Return one row for each method and one column for each score on each data set.

    Headings are the data set, where one has a name, and the family, where there are several.
    """
    keyed = [(name, _by_label(rows)) for name, rows in groups]
    keys = list(dict.fromkeys(key for _, rows in keyed for key in rows))
    named, families = any(name for name, _ in groups), len({column.family for column in columns})
    places = []
    for name, rows in keyed:
        ordered = [rows.get(key, Row(key[0], {})) for key in keys]
        for column in columns:
            headings = ((name,) if named else ()) + ((column.family,) if families > 1 else ())
            values = [row.values.get(column.key) for row in ordered]
            places.append(Place(headings, column, values, ranks(ordered, column)))
    return Grid(label_titles, [labels for labels, _ in keys], places)


def _by_label(rows: Sequence[Row]) -> Dict[Tuple[Tuple[str, ...], int], Row]:
    """Return rows by their labels and how often these were there before."""
    found: Dict[Tuple[Tuple[str, ...], int], Row] = {}
    for row in rows:
        found[row.labels, sum(labels == row.labels for labels, _ in found)] = row
    return found


def _headings(places: Sequence[Place]) -> List[Tuple[str, ...]]:
    return [place.headings for place in places]


# ---------------------------------------------------------------- text


def _text(grid: Grid, room: int) -> str:
    labels = [
        [one_line(title), *(one_line(row[number]) for row in grid.labels)]
        for number, title in enumerate(grid.label_titles)
    ]
    scores = [_text_column(place) for place in grid.places]
    start = sum(max(map(_width, column)) + len(_GAP) for column in labels) - len(_GAP)
    widths = [len(_GAP) + max(map(_width, column)) for column in scores]
    blocks = pack(_headings(grid.places), widths, room - start, len(_GAP), _width)
    return "\n".join(
        _text_block(labels, [scores[n] for n in block], [grid.places[n].headings for n in block])
        for block in blocks
    )


def _text_column(place: Place) -> List[str]:
    """Return the title and the scores; blanks keep the points of numbers below each other."""
    texts = [
        place.column.shown(value) + "*" * (rank == BEST)
        for value, rank in zip(place.values, place.ranks)
    ]
    if BEST in place.ranks:
        texts = [text if text.endswith("*") else f"{text} " for text in texts]
    return [one_line(place.title), *texts]


def _text_block(
    labels: List[List[str]], scores: List[List[str]], headings: List[Tuple[str, ...]]
) -> str:
    widths = [max(map(_width, column)) for column in labels]
    numbers = widened(headings, [max(map(_width, column)) for column in scores], len(_GAP), _width)
    start = sum(widths) + len(_GAP) * len(widths)
    lines = []
    for level in range(len(headings[0])):
        found = [
            (one_line(title), sum(map(int, numbers[first:end])) + len(_GAP) * (end - first - 1))
            for title, first, end in spans(headings, level)
        ]
        lines.append(" " * start + _GAP.join(_padded(title, width) for title, width in found))
        lines.append(" " * start + _GAP.join("-" * width for _, width in found))
    rules = ["-" * int(width) for width in [*widths, *numbers]]
    for number, texts in enumerate(zip(*labels, *scores)):
        cells = [_padded(text, width) for text, width in zip(texts, widths)]
        cells += [
            " " * (int(width) - _width(text)) + text
            for text, width in zip(texts[len(widths) :], numbers)
        ]
        lines.append(_GAP.join(cells))
        if number == 0:
            lines.append(_GAP.join(rules))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Return how many places a terminal gives to ``text``."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


# ---------------------------------------------------------------- Markdown


def _markdown(grid: Grid) -> str:
    sets = [heading[:1] for heading in _headings(grid.places)]
    alone = len(set(sets)) == 1
    name = sets[0][0] if alone and sets[0] and len(sets[0][0]) else ""
    parts = []
    for block in pack(sets, [1] * len(sets), _MARKDOWN_SCORES):
        places = [grid.places[number] for number in block]
        titles = [place.title for place in places]
        # Markdown knows no heading over several columns.
        above = ["" if alone else f"{_markdown_escaped(place.headings[0])}<br>" for place in places]
        head = [_markdown_escaped(title) for title in grid.label_titles]
        head += [over + _markdown_escaped(title) for over, title in zip(above, titles)]
        rule = ["---"] * len(grid.label_titles) + ["---:"] * len(places)
        body = _body(grid.labels, places, _markdown_escaped, _markdown_mark)
        parts.append("".join(f"| {' | '.join(line)} |\n" for line in [head, rule, *body]))
    return (f"### {_markdown_escaped(name)}\n\n" if name else "") + "\n".join(parts)


def _body(
    labels: Sequence[Tuple[str, ...]],
    places: Sequence[Place],
    escaped: Callable[[str], str],
    mark: Callable[[str, int], str],
) -> List[List[str]]:
    """Return the rows of a table, labels ``escaped`` and scores as ``mark(text, rank)``."""
    return [
        [
            *map(escaped, row),
            *(mark(p.column.shown(p.values[number]), p.ranks[number]) for p in places),
        ]
        for number, row in enumerate(labels)
    ]


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


# Points. The text of the class article is 345 pt wide. Sizes of letters, from the one that papers
# like best: command, letters' width against the first, room on each side of a column.
_LATEX_ROOM = 345.0
_LATEX_LONGEST = 90.0  # name of a method on one line
_LATEX_BREAKS = r"(?<=[\s_/.-])"  # where longer ones may go on in the next
_LATEX_WIDTHS = (  # of cmr10, and of the digits of cmbx10, rounded up
    ("ijl.,:;' -", 3.4),
    ("frstI()", 4.0),
    ("cez", 4.5),
    ("agkoqvxy↑↓", 5.3),
    ("bdhnpu0123456789", 5.8),
    ("SEFLJPZ", 6.9),
    ("w", 7.3),
    ("ABCDGHKNOQRTUVXY_", 7.9),
    ("m", 8.4),
    ("M", 9.2),
)
_LATEX_WIDEST = 10.3
_LATEX_SIZES = (
    ("", 1.0, 6.0),
    ("\\small", 0.93, 4.0),
    ("\\footnotesize", 0.86, 3.0),
    ("\\scriptsize", 0.81, 2.0),
)


def _latex(grid: Grid) -> str:
    tried = [(*size, *_latex_blocks(grid, *size[1:])) for size in _LATEX_SIZES]
    command, _, side, blocks, _ = next((tables for tables in tried if tables[-1]), tried[-1])
    tables = [_latex_tabular(grid, [grid.places[number] for number in block]) for block in blocks]
    body = "\\noindent\n" + "\n\\medskip\n\\noindent\n".join(tables)
    if command:
        body = f"\\begingroup{command}\\setlength{{\\tabcolsep}}{{{side:g}pt}}\n{body}"
        body += "\\par\\endgroup\n"
    foreign = "% needs XeLaTeX or LuaLaTeX and a font with its letters\n" if _foreign(body) else ""
    packages = "booktabs,array" if "arraybackslash" in body else "booktabs"
    return f"% needs \\usepackage{{{packages}}}\n{foreign}{body}"


def _latex_blocks(grid: Grid, scale: float, side: float) -> Tuple[List[List[int]], bool]:
    """Return the columns of each table for letters of this scale, and whether one table will do."""

    def width(texts: Sequence[str]) -> float:
        return scale * max(map(_latex_width, texts)) + 2 * side

    texts = [[p.title, *map(p.column.shown, p.values)] for p in grid.places]
    labels = sum(scale * wide + 2 * side for _, wide in _latex_labels(grid))
    widths, room = list(map(width, texts)), _LATEX_ROOM - labels
    blocks = pack(_headings(grid.places), widths, room, 0, lambda text: width([text]))
    return blocks, len(blocks) == 1 and sum(widths) <= room


def _latex_labels(grid: Grid) -> List[Tuple[str, float]]:
    """Return the kind and the width of each column of labels; long names take several lines."""
    found = []
    for number, title in enumerate(grid.label_titles):
        texts = [title, *(row[number] for row in grid.labels)]
        wide = max(map(_latex_width, texts))
        pieces = (piece for text in texts for piece in re.split(_LATEX_BREAKS, text))
        longest = max(map(_latex_width, pieces))
        if wide <= _LATEX_LONGEST:
            found.append(("l", wide))
        else:
            wide = max(longest, _LATEX_LONGEST)
            found.append((f">{{\\raggedright\\arraybackslash}}p{{{wide / 10:.1f}em}}", wide))
    return found


def _latex_tabular(grid: Grid, places: Sequence[Place]) -> str:
    first = len(grid.label_titles)
    lines = []
    for level in range(len(places[0].headings)):
        found = spans(_headings(places), level)
        over = [
            f"\\multicolumn{{{e - s}}}{{c}}{{{_latex_escaped(title)}}}" for title, s, e in found
        ]
        lines.append(_latex_row([""] * first + over))
        rules = (f"\\cmidrule(lr){{{first + s + 1}-{first + e}}}" for _, s, e in found)
        lines.append("".join(rules) + "\n")
    titles = [*grid.label_titles, *(place.title for place in places)]
    lines += [_latex_row([_latex_escaped(title) for title in titles]), "\\midrule\n"]
    lines += map(_latex_row, _body(grid.labels, places, _latex_label, _latex_mark))
    kinds = "".join(kind for kind, _ in _latex_labels(grid)) + "r" * len(places)
    body = "".join(lines)
    return f"\\begin{{tabular}}{{{kinds}}}\n\\toprule\n{body}\\bottomrule\n\\end{{tabular}}\n"


def _latex_row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\\n".lstrip()


def _latex_width(text: str) -> float:
    """Return the points that a text takes at most, in Computer Modern of 10 pt."""
    return sum(
        next((width for letters, width in _LATEX_WIDTHS if letter in letters), _LATEX_WIDEST)
        for letter in one_line(text)
    )


def _latex_mark(text: str, rank: int) -> str:
    if text != _MISSING:
        text = text.replace("-", "$-$")  # a minus sign, no hyphen
    return {BEST: f"\\textbf{{{text}}}", SECOND: f"\\underline{{{text}}}"}.get(rank, text)


def _latex_label(text: str) -> str:
    pieces = re.split(_LATEX_BREAKS, text) if _latex_width(text) > _LATEX_LONGEST else [text]
    return "\\allowbreak{}".join(map(_latex_escaped, pieces))


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
