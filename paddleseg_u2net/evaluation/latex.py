"""Tables of scores for papers: LaTeX ``tabular`` no wider than the text around them."""

from __future__ import annotations

import unicodedata
from typing import Iterator, Sequence

from paddleseg_u2net.evaluation.tables import (
    BEST,
    MISSING,
    SECOND,
    SIDE_BY_SIDE,
    Column,
    DataSets,
    side_by_side,
    spans,
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

# Not to all of the width, from which TeX's rounding may lead.
_SHRUNK = r"\resizebox{\ifdim\width>\linewidth .999\linewidth\else\width\fi}{!}{%"


def latex_table(data_sets: DataSets, columns: Sequence[Column]) -> str:
    """Return tables with booktabs, the best bold and the second best underlined.

    As many data sets are side by side as have 12 scores together. What is wider than the text is
    shrunk to its width.
    """
    text = "\n\\medskip\n".join(
        f"\\noindent\n{_SHRUNK}\n{table}}}\n" for table in _tables(data_sets, columns)
    )
    foreign = any(letter > _LAST_LATIN_LETTER for letter in text)
    needs = "% needs XeLaTeX or LuaLaTeX and a font with its letters\n" if foreign else ""
    return f"% needs \\usepackage{{booktabs,graphicx}}\n{needs}{text}"


def _tables(data_sets: DataSets, columns: Sequence[Column]) -> Iterator[str]:
    names = list(data_sets)
    together = max(1, SIDE_BY_SIDE // len(columns))
    for first in range(0, len(names), together):
        some = {name: data_sets[name] for name in names[first : first + together]}
        for start in range(0, len(columns), SIDE_BY_SIDE):
            yield _tabular(some, columns[start : start + SIDE_BY_SIDE])


def _tabular(data_sets: DataSets, columns: Sequence[Column]) -> str:
    methods, places = side_by_side(data_sets, columns)
    lines = []
    for level in range(len(places[0].headings)):
        found = spans(places, level)
        over = [f"\\multicolumn{{{e - s}}}{{c}}{{{_escaped(title)}}}" for title, s, e in found]
        lines.append(_row(["", *over]))
        lines.append("".join(f"\\cmidrule(lr){{{s + 2}-{e + 1}}}" for _, s, e in found) + "\n")
    titles = ["method", *(place.column.heading for place in places)]
    lines += [_row([_escaped(title) for title in titles]), "\\midrule\n"]
    for number, method in enumerate(methods):
        cells = [_mark(place.texts[number], place.ranks[number]) for place in places]
        lines.append(_row([_escaped(method), *cells]))
    return (
        f"\\begin{{tabular}}{{l{'r' * len(places)}}}\n\\toprule\n{''.join(lines)}"
        "\\bottomrule\n\\end{tabular}"
    )


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\\n".lstrip()


def _mark(text: str, rank: int) -> str:
    if text != MISSING:
        text = text.replace("-", "$-$")  # a minus sign, no hyphen
    return {BEST: f"\\textbf{{{text}}}", SECOND: f"\\underline{{{text}}}"}.get(rank, text)


def _escaped(text: str) -> str:
    return one_line(text).translate(_ESCAPES)
