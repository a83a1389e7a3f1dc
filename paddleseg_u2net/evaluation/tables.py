"""Tables of scores, methods by metrics, as text, Markdown, LaTeX and CSV; for HTML their cells.

Scores count as they are shown: two that round to the same text are equal, and both are marked.
"""

from __future__ import annotations

import csv
import io
import math
import re
import shutil
from dataclasses import dataclass
from itertools import groupby
from typing import Callable, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from paddleseg_u2net.text import one_line, one_width, width_of

BEST, SECOND = 1, 2
_MISSING = "-"
_SIDE_BY_SIDE = 12  # scores, in Markdown and LaTeX
_GAP = "  "

# A star or a bracket at the start of a row would be read as an argument of the \\ before it.
_LATEX = str.maketrans(
    {
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
        # As letters they may come from a bitmap font, which publishers refuse.
        "²": "$^2$",
        "³": "$^3$",
    }
)
_LAST_LATIN_LETTER = "\u017f"
# Not to all of the width, from which TeX's rounding may lead.
_SHRUNK = r"\resizebox{\ifdim\width>\linewidth .999\linewidth\else\width\fi}{!}{%"

Scores = Mapping[str, Optional[float]]
"""By `Column.key`; a score that is None, NaN or left out is missing."""

DataSets = Mapping[str, Mapping[str, Scores]]
"""Scores by data set and method, in the order of the table."""


@dataclass(frozen=True)
class Column:
    """One score."""

    key: str  # where scores have it, and its heading in CSV
    title: str  # its heading elsewhere, without an arrow
    higher_is_better: bool
    digits: int = 3  # behind the point
    family: str = ""

    @property
    def heading(self) -> str:
        """The title with an arrow to the better end."""
        return f"{self.title} {'↑' if self.higher_is_better else '↓'}"

    def shown(self, value: Optional[float]) -> str:
        """Return ``value`` with `digits` digits; "-" for None and NaN, never "-0.000"."""
        if value is None or math.isnan(value):
            return _MISSING
        text = f"{float(value):.{self.digits}f}"
        return text.lstrip("-") if float(text) == 0 else text


class Place(NamedTuple):
    """One score on one data set: what stands above its title, and cells by row."""

    headings: Tuple[str, ...]  # the outermost first; as many in all places of a table
    column: Column
    texts: List[str]
    exact: List[str]
    ranks: List[int]


def side_by_side(
    data_sets: DataSets, columns: Sequence[Column], named: bool = True
) -> Tuple[List[str], List[Place]]:
    """Return the methods, one a row, and a place for each score on each data set.

    Headings are the data set, where these are ``named``, and the family, where there are several.
    """
    methods = list(dict.fromkeys(method for scores in data_sets.values() for method in scores))
    families = len({column.family for column in columns}) > 1
    places = []
    for name, scores in data_sets.items():
        for column in columns:
            headings = ((name,) if named else ()) + ((column.family,) if families else ())
            values = [scores.get(method, {}).get(column.key) for method in methods]
            texts = [column.shown(value) for value in values]
            places.append(
                Place(headings, column, texts, [*map(exact, values)], ranks(values, column))
            )
    return methods, places


def spans(places: Sequence[Place], level: int) -> List[Tuple[str, int, int]]:
    """Return (text, first place, place after the last) of the headings of one level."""
    found = []
    for above, group in groupby(
        range(len(places)), lambda number: places[number].headings[: level + 1]
    ):
        numbers = list(group)
        found.append((above[level], numbers[0], numbers[-1] + 1))
    return found


def ranks(values: Sequence[Optional[float]], column: Column) -> List[int]:
    """Return for each value 1 (`BEST`), 2 (`SECOND`) or 0, by the score as it is shown.

    The second best is the next other score, also behind several best ones. Nothing has a rank
    where fewer than two methods have the score.
    """
    texts = [column.shown(value) for value in values]
    scores = [None if text == _MISSING else float(text) for text in texts]
    there = [score for score in scores if score is not None]
    if len(there) < 2:
        return [0] * len(values)
    top = sorted(set(there), reverse=column.higher_is_better)[:2]
    return [top.index(score) + 1 if score in top else 0 for score in scores]


def exact(value: Optional[float]) -> str:
    """Return a score with all its digits, as Python reads it back; "" for None and NaN."""
    return "" if value is None or math.isnan(value) else repr(float(value))


def text_table(data_sets: DataSets, columns: Sequence[Column]) -> str:
    """Return a table of each data set for a terminal, with a ``*`` behind the best scores.

    Columns that do not fit its width go on in further blocks below, where the methods are repeated.
    """
    return "\n".join(
        f"{one_line(name)}\n" + "\n".join(_text_blocks({name: scores}, columns))
        for name, scores in data_sets.items()
    )


def _text_blocks(data_sets: DataSets, columns: Sequence[Column]) -> List[str]:
    methods, places = side_by_side(data_sets, columns)
    room = shutil.get_terminal_size().columns
    first = _text_column(["method", *map(one_line, methods)], str.ljust)
    blocks = [[first]]
    for place in places:
        texts = [text + "*" * (rank == BEST) for text, rank in zip(place.texts, place.ranks)]
        if BEST in place.ranks:
            # Blanks keep the points of numbers below each other.
            texts = [text if text.endswith("*") else f"{text} " for text in texts]
        column = _text_column([one_line(place.column.heading), *texts], str.rjust)
        wide = sum(width_of(texts[1]) + len(_GAP) for texts in blocks[-1]) + width_of(column[1])
        if len(blocks[-1]) > 1 and wide > room:
            blocks.append([first])
        blocks[-1].append(column)
    return ["".join(f"{_GAP.join(cells).rstrip()}\n" for cells in zip(*block)) for block in blocks]


def _text_column(texts: Sequence[str], side: Callable[[str, int], str]) -> List[str]:
    """Return texts of one width, with a line below the first."""
    head, *cells = one_width(texts, side)
    return [head, "-" * width_of(head), *cells]


def markdown_table(data_sets: DataSets, columns: Sequence[Column]) -> str:
    """Return a table of each data set with the best bold and the second best underlined."""
    parts = []
    for name, scores in data_sets.items():
        parts.append(f"### {_markdown_escaped(name)}\n")
        methods, places = side_by_side({name: scores}, columns)
        for start in range(0, len(places), _SIDE_BY_SIDE):
            block = places[start : start + _SIDE_BY_SIDE]
            lines = [["method", *(_markdown_escaped(place.column.heading) for place in block)]]
            lines.append(["---", *["---:"] * len(block)])
            for number, method in enumerate(methods):
                cells = [_markdown_mark(p.texts[number], p.ranks[number]) for p in block]
                lines.append([_markdown_escaped(method), *cells])
            parts.append("".join(f"| {' | '.join(line)} |\n" for line in lines))
    return "\n".join(parts)


def _markdown_mark(text: str, rank: int) -> str:
    return {BEST: f"**{text}**", SECOND: f"<u>{text}</u>"}.get(rank, text)


def _markdown_escaped(text: str) -> str:
    # The dollar sign begins a formula on some sites.
    return re.sub(r"[\\`*_\[\]<>|~#&$]", r"\\\g<0>", one_line(text))


def latex_table(data_sets: DataSets, columns: Sequence[Column]) -> str:
    """Return tables with booktabs, the best bold and the second best underlined.

    As many data sets are side by side as have 12 scores together. What is wider than the text is
    shrunk to its width.
    """
    names, tables = list(data_sets), []
    together = max(1, _SIDE_BY_SIDE // len(columns))
    for first in range(0, len(names), together):
        some = {name: data_sets[name] for name in names[first : first + together]}
        for start in range(0, len(columns), _SIDE_BY_SIDE):
            table = _tabular(some, columns[start : start + _SIDE_BY_SIDE])
            tables.append(f"\\noindent\n{_SHRUNK}\n{table}}}\n")
    text = "\n\\medskip\n".join(tables)
    foreign = any(letter > _LAST_LATIN_LETTER for letter in text)
    needs = "% needs XeLaTeX or LuaLaTeX and a font with its letters\n" if foreign else ""
    return f"% needs \\usepackage{{booktabs,graphicx}}\n{needs}{text}"


def _tabular(data_sets: DataSets, columns: Sequence[Column]) -> str:
    methods, places = side_by_side(data_sets, columns)
    lines = []
    for level in range(len(places[0].headings)):
        found = spans(places, level)
        over = [f"\\multicolumn{{{e - s}}}{{c}}{{{_latex_escaped(t)}}}" for t, s, e in found]
        lines.append(_latex_row(["", *over]))
        lines.append("".join(f"\\cmidrule(lr){{{s + 2}-{e + 1}}}" for _, s, e in found) + "\n")
    titles = ["method", *(place.column.heading for place in places)]
    lines += [_latex_row([_latex_escaped(title) for title in titles]), "\\midrule\n"]
    for number, method in enumerate(methods):
        cells = [_latex_mark(place.texts[number], place.ranks[number]) for place in places]
        lines.append(_latex_row([_latex_escaped(method), *cells]))
    return (
        f"\\begin{{tabular}}{{l{'r' * len(places)}}}\n\\toprule\n{''.join(lines)}"
        "\\bottomrule\n\\end{tabular}"
    )


def _latex_row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\\n".lstrip()


def _latex_mark(text: str, rank: int) -> str:
    if text != _MISSING:
        text = text.replace("-", "$-$")  # a minus sign, no hyphen
    return {BEST: f"\\textbf{{{text}}}", SECOND: f"\\underline{{{text}}}"}.get(rank, text)


def _latex_escaped(text: str) -> str:
    return one_line(text).translate(_LATEX)


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
