"""Tables of scores for papers: a LaTeX ``tabular`` no wider than the text of the class article."""

from __future__ import annotations

import re
import unicodedata
from typing import List, Sequence, Tuple

from paddleseg_u2net.evaluation.column_layout import pack, spans
from paddleseg_u2net.evaluation.tables import (
    BEST,
    MISSING,
    SECOND,
    Column,
    DataSets,
    Grid,
    Place,
    body,
    side_by_side,
)
from paddleseg_u2net.text import one_line

# A star or a bracket at the start of a row would be read as an argument of the \\ before it.
_LETTERS = {
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
    _LETTERS[unicodedata.lookup(f"Greek small letter {_name}")] = f"$\\{_name}$"
_ESCAPES = str.maketrans(_LETTERS)
_LAST_LATIN_LETTER = "\u017f"


# Points. The text of the class article is 345 pt wide. Sizes of letters, from the one that papers
# like best: command, letters' width against the first, room on each side of a column.
_ROOM = 345.0
_LONGEST = 90.0  # name of a method on one line
_BREAKS = r"(?<=[\s_/.-])"  # where longer ones may go on in the next
_WIDTHS = (  # of cmr10, and of the digits of cmbx10, rounded up
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
_WIDEST = 10.3
_SIZES = (
    ("", 1.0, 6.0),
    ("\\small", 0.93, 4.0),
    ("\\footnotesize", 0.86, 3.0),
    ("\\scriptsize", 0.81, 2.0),
)


def latex_table(data_sets: DataSets, columns: Sequence[Column]) -> str:
    """Return a table with booktabs, the best bold and the second best underlined.

    What is wider than 345 pt gets smaller letters, then goes on in further tables.
    """
    grid = side_by_side(data_sets, columns)
    tried = [(command, side, *_blocks(grid, scale, side)) for command, scale, side in _SIZES]
    command, side, blocks, _ = next((tables for tables in tried if tables[-1]), tried[-1])
    tables = [_tabular(grid, [grid.places[number] for number in block]) for block in blocks]
    text = "\\noindent\n" + "\n\\medskip\n\\noindent\n".join(tables)
    if command:
        text = f"\\begingroup{command}\\setlength{{\\tabcolsep}}{{{side:g}pt}}\n{text}"
        text += "\\par\\endgroup\n"
    foreign = any(letter > _LAST_LATIN_LETTER for letter in text)
    needs = "% needs XeLaTeX or LuaLaTeX and a font with its letters\n" if foreign else ""
    packages = "booktabs,array" if "arraybackslash" in text else "booktabs"
    return f"% needs \\usepackage{{{packages}}}\n{needs}{text}"


def _blocks(grid: Grid, scale: float, side: float) -> Tuple[List[List[int]], bool]:
    """Return the columns of each table for letters of this scale, and whether one table will do."""

    def width(texts: Sequence[str]) -> float:
        return scale * max(map(_text_width, texts)) + 2 * side

    widths = [width([place.title, *place.texts]) for place in grid.places]
    room = _ROOM - (scale * _method_column(grid)[1] + 2 * side)
    headings = [place.headings for place in grid.places]
    blocks = pack(headings, widths, room, 0, lambda text: width([text]))
    return blocks, len(blocks) == 1 and sum(widths) <= room


def _method_column(grid: Grid) -> Tuple[str, float]:
    """Return the kind and the width of the methods' column; long names take several lines."""
    names = ["method", *grid.methods]
    width = max(map(_text_width, names))
    if width <= _LONGEST:
        return "l", width
    pieces = (piece for name in names for piece in re.split(_BREAKS, name))
    width = max(_LONGEST, *map(_text_width, pieces))
    return f">{{\\raggedright\\arraybackslash}}p{{{width / 10:.1f}em}}", width


def _tabular(grid: Grid, places: Sequence[Place]) -> str:
    headings = [place.headings for place in places]
    lines = []
    for level in range(len(headings[0])):
        found = spans(headings, level)
        over = [f"\\multicolumn{{{e - s}}}{{c}}{{{_escaped(title)}}}" for title, s, e in found]
        lines.append(_row(["", *over]))
        lines.append("".join(f"\\cmidrule(lr){{{s + 2}-{e + 1}}}" for _, s, e in found) + "\n")
    titles = ["method", *(place.title for place in places)]
    lines += [_row([_escaped(title) for title in titles]), "\\midrule\n"]
    lines += map(_row, body(grid, places, _escaped_method, _mark))
    kinds = _method_column(grid)[0] + "r" * len(places)
    return (
        f"\\begin{{tabular}}{{{kinds}}}\n\\toprule\n{''.join(lines)}"
        "\\bottomrule\n\\end{tabular}\n"
    )


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\\n".lstrip()


def _text_width(text: str) -> float:
    """Return the points that a text takes at most, in Computer Modern of 10 pt."""
    return sum(
        next((width for letters, width in _WIDTHS if letter in letters), _WIDEST)
        for letter in one_line(text)
    )


def _mark(text: str, rank: int) -> str:
    if text != MISSING:
        text = text.replace("-", "$-$")  # a minus sign, no hyphen
    return {BEST: f"\\textbf{{{text}}}", SECOND: f"\\underline{{{text}}}"}.get(rank, text)


def _escaped_method(text: str) -> str:
    pieces = re.split(_BREAKS, text) if _text_width(text) > _LONGEST else [text]
    return "\\allowbreak{}".join(map(_escaped, pieces))


def _escaped(text: str) -> str:
    return one_line(text).translate(_ESCAPES)
