"""Tables as text, Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import math
import re

import numpy as np
import pytest

from paddleseg_u2net.evaluation.tables import (
    BEST,
    SECOND,
    Column,
    csv_table,
    exact,
    latex_table,
    markdown_table,
    ranks,
    text_table,
)

F = Column("maxF", "Fb", True)
MAE = Column("MAE", "MAE", False)
NAN = float("nan")
STYLES = [text_table, markdown_table, latex_table, csv_table]
SETS = {
    "DUTS-TE": {
        "u2net": {"maxF": 0.87312345, "MAE": 0.0441},
        "u2netp": {"maxF": 0.8522, "MAE": 0.0539},
        "basnet": {"maxF": 0.8600, "MAE": 0.0541},
    },
    "ECSSD": {
        "u2net": {"maxF": 0.95, "MAE": 0.03},
        "u2netp": {"maxF": NAN, "MAE": None},
        "basnet": {},
    },
}
ONE = {"DUTS-TE": SETS["DUTS-TE"]}


def methods(**scores):
    """One set of methods by their maximum F."""
    return {"S": {name: {"maxF": value} for name, value in scores.items()}}


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (MAE, [0.1, 0.3, 0.2], [BEST, 0, SECOND]),
        (F, [0.8731, 0.8729, 0.87, 0.8701, 0.5], [BEST, BEST, SECOND, SECOND, 0]),
        (Column("maxF", "", True, 1), [-0.01, 0.01], [BEST, BEST]),
        (F, [0.9], [0]),
        (F, [0.9, NAN, None], [0, 0, 0]),
        (MAE, [math.inf, 0.3], [SECOND, BEST]),
        (MAE, [np.float32("nan"), 0.3, None, 0.3], [0, BEST, 0, BEST]),
    ],
)
def test_ranks_by_the_score_as_shown(column, values, expected):
    assert ranks(values, column) == expected


def test_numbers_as_shown_and_exact():
    assert F.shown(0.12345) == "0.123" and F.shown(np.float32(0.5)) == "0.500"
    assert F.shown(-0.0001) == "0.000" and F.shown(-0.25) == "-0.250"
    assert F.shown(None) == F.shown(NAN) == "-"
    assert float(exact(0.1 + 0.2)) == 0.1 + 0.2
    assert exact(np.float64(0.1)) == "0.1"
    assert float(exact(np.float32(0.1))) == float(np.float32(0.1))
    assert exact(None) == exact(NAN) == ""


def test_text():
    assert text_table(SETS, [F, MAE]) == (
        "DUTS-TE\n"
        "method    Fb ↑   MAE ↓\n"
        "------  ------  ------\n"
        "u2net   0.873*  0.044*\n"
        "u2netp  0.852   0.054\n"
        "basnet  0.860   0.054\n"
        "\n"
        "ECSSD\n"
        "method   Fb ↑  MAE ↓\n"
        "------  -----  -----\n"
        "u2net   0.950  0.030\n"
        "u2netp      -      -\n"
        "basnet      -      -\n"
    )


WIDE = [Column(f"score{number}", f"score {number}", True) for number in range(30)]


@pytest.mark.parametrize("width", [20, 40, 200])
def test_wide_text_goes_on_below(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    scores = {name: {column.key: 0.25 for column in WIDE} for name in ("u2net", "u2netp")}
    text = text_table({"A": scores}, WIDE)
    assert text.startswith("A\n") and max(map(len, text.splitlines())) <= width
    heads = [line for line in text.splitlines() if line.startswith("method ")]
    titles = [title for head in heads for title in re.findall(r"score \d+", head)]
    assert titles == [column.title for column in WIDE]
    assert text.count("u2net ") == text.count("u2netp ") == len(heads)
    # No block could have taken the first column of the next one.
    for head, following in zip(heads, heads[1:]):
        assert len(head) + len(re.search(r"  +score \d+ ↑", following)[0]) > width


def test_wide_letters_take_two_places():
    text = text_table({"S": {"图像": {"maxF": 0.5}, "cafe\u0301": {"maxF": 0.25}}}, [F])
    assert text.splitlines()[3:] == ["图像    0.500*", "cafe\u0301    0.250"]


def test_markdown():
    assert markdown_table(SETS, [F, MAE]) == (
        "### DUTS-TE\n"
        "\n"
        "| method | Fb ↑ | MAE ↓ |\n"
        "| --- | ---: | ---: |\n"
        "| u2net | **0.873** | **0.044** |\n"
        "| u2netp | 0.852 | <u>0.054</u> |\n"
        "| basnet | <u>0.860</u> | <u>0.054</u> |\n"
        "\n"
        "### ECSSD\n"
        "\n"
        "| method | Fb ↑ | MAE ↓ |\n"
        "| --- | ---: | ---: |\n"
        "| u2net | 0.950 | 0.030 |\n"
        "| u2netp | - | - |\n"
        "| basnet | - | - |\n"
    )
    wide = markdown_table(SETS, WIDE[:15])
    assert wide.count("| method |") == 4 and wide.count("score") == 30


def test_markdown_escapes():
    name = r"a|b*c_d`e<script>\x#~&$[1]" + "\nz"
    text = markdown_table({name: {name: {}}}, [Column("maxF", "|F|", True)])
    escaped = r"a\|b\*c\_d\`e\<script\>\\x\#\~\&\$\[1\] z"
    assert text.splitlines()[0] == f"### {escaped}"
    assert text.splitlines()[-1] == f"| {escaped} | - |"
    assert r"| \|F\| ↑ |" in text


def test_latex():
    assert latex_table(SETS, [F, MAE]) == (
        "% needs \\usepackage{booktabs,graphicx}\n"
        "\\noindent\n"
        "\\resizebox{\\ifdim\\width>\\linewidth .999\\linewidth\\else\\width\\fi}{!}{%\n"
        "\\begin{tabular}{lrrrr}\n"
        "\\toprule\n"
        "& \\multicolumn{2}{c}{DUTS-TE} & \\multicolumn{2}{c}{ECSSD} \\\\\n"
        "\\cmidrule(lr){2-3}\\cmidrule(lr){4-5}\n"
        "method & Fb $\\uparrow$ & MAE $\\downarrow$"
        " & Fb $\\uparrow$ & MAE $\\downarrow$ \\\\\n"
        "\\midrule\n"
        "u2net & \\textbf{0.873} & \\textbf{0.044} & 0.950 & 0.030 \\\\\n"
        "u2netp & 0.852 & \\underline{0.054} & - & - \\\\\n"
        "basnet & \\underline{0.860} & \\underline{0.054} & - & - \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}}\n"
    )


@pytest.mark.parametrize(("sets", "count", "tables"), [(2, 5, 1), (5, 5, 3), (2, 30, 6)])
def test_latex_has_up_to_12_scores_side_by_side(sets, count, tables):
    scores = {"U2-NetP": {column.key: 0.888 for column in WIDE}}
    text = latex_table({f"S{number}": scores for number in range(sets)}, WIDE[:count])
    assert text.count("tabular}{l") == tables and text.count("score") == sets * count


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (r"50%_&#{}$", r"50\%\_\&\#\{\}\$"),
        (r"a\b", r"a\textbackslash{}b"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
        ("a<b>|c", r"a\textless{}b\textgreater{}\textbar{}c"),
        ("U²-Net", "U$^2$-Net"),
        ("two\nlines", "two lines"),
        # After \\ and \midrule these would be read as arguments.
        ("[*ours]", "{[}{*}ours{]}"),
    ],
)
def test_latex_escapes(name, written):
    text = latex_table({name: {name: {"maxF": 0.5}}}, [F])
    assert f"{{{written}}} \\\\\n\\cmidrule" in text
    assert f"\n{written} & 0.500 \\\\\n" in text
    assert "XeLaTeX" not in text


def test_latex_fonts_and_minus_signs():
    assert "XeLaTeX" in latex_table(methods(图像=0.5), [F]).splitlines()[1]
    text = latex_table(methods(**{"a": -0.5, "a-b": 0.25}), [F])
    assert "a & \\underline{$-$0.500} \\\\" in text and "a-b & \\textbf{0.250}" in text


def test_csv_has_full_precision_and_quotes():
    lines = list(csv.reader(io.StringIO(csv_table(SETS, [F, MAE]))))
    assert lines[0] == ["dataset", "method", "maxF", "MAE"]
    assert lines[1] == ["DUTS-TE", "u2net", "0.87312345", "0.0441"]
    assert lines[5] == ["ECSSD", "u2netp", "", ""]
    assert len(lines) == 7
    name = 'a,"b"'
    text = csv_table({name: {name: {"maxF": np.float64(1 / 3)}}}, [F])
    assert list(csv.reader(io.StringIO(text)))[1] == [name, name, repr(1 / 3)]


@pytest.mark.parametrize("style", STYLES)
def test_every_style_takes_any_name(style):
    name = "图像 ü \udc80 | \\ \x00"
    text = style({name: {name: {}}}, [Column("maxF", name, True)])
    assert "图像 ü" in text.encode("utf-8").decode("utf-8") and text.endswith("\n")
