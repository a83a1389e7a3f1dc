from __future__ import annotations

import csv
import io
import itertools
import math
import re
import shutil
import subprocess

import numpy as np
import pytest

from paddleseg_u2net.evaluation.tables import (
    BEST,
    SECOND,
    STYLES,
    Column,
    Row,
    exact,
    ranks,
    table,
)
from paddleseg_u2net.text import one_line

F = Column("maxF", "Fβ", True)
MAE = Column("MAE", "MAE", False)
COUNT = Column("images", "images", None, 0)
NAN = float("nan")


def row(name, **values):
    return Row((name,), values)


def ranked(column, *values):
    return ranks([row("m", **{column.key: value}) for value in values], column)


GROUPS = [
    (
        "DUTS-TE",
        [
            row("u2net", maxF=0.87312345, MAE=0.0441, images=5019),
            row("u2netp", maxF=0.8522, MAE=0.0539, images=5019),
            row("basnet", maxF=0.8600, MAE=0.0541, images=5019),
        ],
    ),
    (
        "ECSSD",
        [row("u2net", maxF=0.95, MAE=0.03), row("u2netp", maxF=NAN, MAE=None), row("basnet")],
    ),
]


# ---------------------------------------------------------------- ranks


def test_the_arrow_says_which_end_is_best():
    assert ranked(F, 0.1, 0.3, 0.2) == [0, BEST, SECOND]
    assert ranked(MAE, 0.1, 0.3, 0.2) == [BEST, 0, SECOND]
    assert ranked(COUNT, 1, 3, 2) == [0, 0, 0]


def test_ties_after_rounding_are_all_marked():
    assert ranked(F, 0.8731, 0.8729, 0.87, 0.8701, 0.5) == [BEST, BEST, SECOND, SECOND, 0]
    assert ranked(F, 0.8731, 0.8724) == [BEST, SECOND]
    assert ranked(F, 0.5, 0.5) == [BEST, BEST]
    assert ranked(Column("maxF", "", True, 1), -0.01, 0.01) == [BEST, BEST]


@pytest.mark.parametrize("column", [F, MAE])
@pytest.mark.parametrize("missing", [None, NAN, np.float32("nan")])
def test_missing_scores_are_never_best(column, missing):
    assert sorted(ranked(column, missing, 0.3, missing, 0.3)) == [0, 0, BEST, BEST]
    assert ranked(column, missing, 0.3, missing, 0.3)[::2] == [0, 0]
    assert ranked(column, missing, missing) == [0, 0]


def test_nothing_is_marked_where_only_one_method_has_the_score():
    assert ranked(F, 0.9) == [0]
    assert ranked(F, 0.9, NAN, None) == [0, 0, 0]


def test_infinity_is_a_score():
    assert ranked(MAE, math.inf, 0.3) == [SECOND, BEST]


# ---------------------------------------------------------------- numbers and texts


def test_numbers_as_shown():
    assert F.shown(0.12345) == "0.123" and F.shown(np.float32(0.5)) == "0.500"
    assert F.shown(-0.0001) == "0.000" and F.shown(-0.25) == "-0.250"
    assert F.shown(None) == F.shown(NAN) == "-"
    assert COUNT.shown(5019) == "5019"


def test_exact_numbers_read_back():
    assert float(exact(0.1 + 0.2)) == 0.1 + 0.2
    assert exact(np.float64(0.1)) == "0.1"
    assert float(exact(np.float32(0.1))) == float(np.float32(0.1))
    assert exact(None) == exact(NAN) == ""


def test_one_line():
    assert one_line("U²-Net 图像") == "U²-Net 图像"
    assert one_line("a\nb\tc\x1b[0m\udc80") == "a b c [0m "


# ---------------------------------------------------------------- text


def test_text():
    assert table(GROUPS, [F, MAE, COUNT], width=80) == (
        "        DUTS-TE                 ECSSD\n"
        "        ----------------------  --------------------\n"
        "method    Fβ ↑   MAE ↓  images   Fβ ↑  MAE ↓  images\n"
        "------  ------  ------  ------  -----  -----  ------\n"
        "u2net   0.873*  0.044*    5019  0.950  0.030       -\n"
        "u2netp  0.852   0.054     5019      -      -       -\n"
        "basnet  0.860   0.054     5019      -      -       -\n"
    )


def test_text_of_sets_that_do_not_fit_side_by_side():
    assert table(GROUPS, [F, MAE], width=24) == (
        "        DUTS-TE\n"
        "        --------------\n"
        "method    Fβ ↑   MAE ↓\n"
        "------  ------  ------\n"
        "u2net   0.873*  0.044*\n"
        "u2netp  0.852   0.054\n"
        "basnet  0.860   0.054\n"
        "\n"
        "        ECSSD\n"
        "        ------------\n"
        "method   Fβ ↑  MAE ↓\n"
        "------  -----  -----\n"
        "u2net   0.950  0.030\n"
        "u2netp      -      -\n"
        "basnet      -      -\n"
    )


def test_families_stand_above_their_columns():
    columns = [Column("a", "a", True, 1, "one"), Column("b", "b", True, 1, "two with a long name")]
    columns.append(Column("c", "c", True, 1, "two with a long name"))
    assert table([("", [row("m", a=0.1, b=0.2, c=0.3)])], columns, width=80) == (
        "        one  two with a long name\n"
        "        ---  --------------------\n"
        "method  a ↑              b ↑  c ↑\n"
        "------  ---  ---------------  ---\n"
        "m       0.1              0.2  0.3\n"
    )


def test_a_method_that_has_no_maps_of_a_set_keeps_its_row():
    groups = [("A", [row("x", MAE=0.5)]), ("B", [row("y", MAE=0.25), row("x", MAE=0.75)])]
    lines = table(groups, [MAE], width=80).splitlines()
    assert lines[-2:] == ["x       0.500  0.750", "y           -  0.250*"]


def test_one_method_and_no_group_name():
    assert table([("", [row("ours", maxF=0.9)])], [F], width=80) == (
        "method   Fβ ↑\n------  -----\nours    0.900\n"
    )


WIDE = [Column(f"score{number}", f"score {number}", True) for number in range(30)]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_wide_text_goes_on_below(width):
    rows = [
        Row((name,), {column.key: value for column in WIDE})
        for name, value in (("u2net", 0.25), ("u2netp", 0.125))
    ]
    text = table([("A", rows)], WIDE, width=width)
    assert max(map(len, text.splitlines())) <= width
    blocks = text.split("\n\n")
    heads = [block.splitlines()[2] for block in blocks]
    titles = [title for head in heads for title in re.findall(r"score \d+", head)]
    assert titles == [column.title for column in WIDE]
    for block in blocks:
        name, _, _, _, first, second = block.splitlines()
        assert name.split() == ["A"]
        assert first.startswith("u2net ") and second.startswith("u2netp ")
        assert first.count("0.250*") == second.count("0.125") == block.count("score")
    # No block could have taken the first column of the next one.
    for head, following in zip(heads, heads[1:]):
        assert len(head) + len(re.search(r"  score \d+ ↑", following)[0]) > width


def test_columns_wider_than_the_terminal_stand_alone():
    text = table(GROUPS[:1], [F, MAE], width=3)
    assert (
        text.count("method") == text.count("DUTS-TE") == 2 and "0.873*" in text and "0.044*" in text
    )


def test_the_width_is_the_terminals(monkeypatch):
    monkeypatch.setenv("COLUMNS", "17")
    assert table(GROUPS[:1], [F, MAE]).count("method") == 2
    monkeypatch.setenv("COLUMNS", "70")
    assert table(GROUPS[:1], [F, MAE]).count("method") == 1


def test_wide_letters_take_two_places():
    text = table([("", [row("图像", maxF=0.5), row("cafe\u0301", maxF=0.25)])], [F], width=80)
    assert text.splitlines()[2:] == ["图像    0.500*", "cafe\u0301    0.250"]


def test_several_labels():
    rows = [Row(("u2net", "fp16"), {"maxF": 0.9})]
    text = table([("", rows)], [F], width=80, label_titles=("method", "precision"))
    assert text.splitlines()[0] == "method  precision   Fβ ↑"


# ---------------------------------------------------------------- Markdown


def test_markdown():
    assert table(GROUPS[:1], [F, MAE], "markdown") == (
        "### DUTS-TE\n"
        "\n"
        "| method | Fβ ↑ | MAE ↓ |\n"
        "| --- | ---: | ---: |\n"
        "| u2net | **0.873** | **0.044** |\n"
        "| u2netp | 0.852 | <u>0.054</u> |\n"
        "| basnet | <u>0.860</u> | <u>0.054</u> |\n"
    )


def test_markdown_of_several_sets():
    assert table(GROUPS, [F, MAE], "markdown") == (
        "| method | DUTS-TE<br>Fβ ↑ | DUTS-TE<br>MAE ↓ | ECSSD<br>Fβ ↑ | ECSSD<br>MAE ↓ |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| u2net | **0.873** | **0.044** | 0.950 | 0.030 |\n"
        "| u2netp | 0.852 | <u>0.054</u> | - | - |\n"
        "| basnet | <u>0.860</u> | <u>0.054</u> | - | - |\n"
    )
    wide = table(GROUPS, WIDE[:8], "markdown")
    assert wide.count("| method |") == 2 and wide.count("score") == 16


def test_markdown_escapes():
    name = r"a|b*c_d`e<script>\x#~&$[1]" + "\nz"
    text = table([(name, [row(name, maxF=NAN)])], [Column("maxF", "|F|", True)], "markdown")
    escaped = r"a\|b\*c\_d\`e\<script\>\\x\#\~\&\$\[1\] z"
    assert text.splitlines()[0] == f"### {escaped}"
    assert text.splitlines()[-1] == f"| {escaped} | - |"
    assert r"| \|F\| ↑ |" in text


# ---------------------------------------------------------------- LaTeX


def test_latex():
    assert table(GROUPS, [F, MAE], "latex") == (
        "% needs \\usepackage{booktabs}\n"
        "\\noindent\n"
        "\\begin{tabular}{lrrrr}\n"
        "\\toprule\n"
        "& \\multicolumn{2}{c}{DUTS-TE} & \\multicolumn{2}{c}{ECSSD} \\\\\n"
        "\\cmidrule(lr){2-3}\\cmidrule(lr){4-5}\n"
        "method & F$\\beta$ $\\uparrow$ & MAE $\\downarrow$"
        " & F$\\beta$ $\\uparrow$ & MAE $\\downarrow$ \\\\\n"
        "\\midrule\n"
        "u2net & \\textbf{0.873} & \\textbf{0.044} & 0.950 & 0.030 \\\\\n"
        "u2netp & 0.852 & \\underline{0.054} & - & - \\\\\n"
        "basnet & \\underline{0.860} & \\underline{0.054} & - & - \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
    )


def _compiled(tmp_path, tables):
    """What pdflatex says of tables in the text and in floats."""
    pdflatex = shutil.which("pdflatex")
    if pdflatex is None:
        pytest.skip("pdflatex is not installed")
    for number, text in enumerate(tables):
        (tmp_path / f"{number}.tex").write_text(text)
    uses = "".join(
        f"\n\n\\input{{{number}}}\n\n\\begin{{table}}\\centering\\input{{{number}}}\\end{{table}}\\clearpage"
        for number in range(len(tables))
    )
    (tmp_path / "page.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,array}"
        f"\\begin{{document}}{uses}\\end{{document}}"
    )
    command = [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_latex_fits_the_page(tmp_path):
    titles = ("Specificity", "wF", "mIoU", "S", "AUC Borji")
    methods = ("u2net", "MMMMMMMM WWWWWWWW", "a name " * 9, "w" * 30, "u2net_320x320-run/lr.1e" * 2)
    tables = []
    for sets, count, method in itertools.product((1, 2, 5), (1, 5, 9, 30), methods):
        columns = [
            Column(str(number), titles[number % 5], True, 3, f"family {number // 9}")
            for number in range(count)
        ]
        rows = [
            Row((name,), {column.key: value for column in columns})
            for name, value in ((method, 0.888), ("u2netp", -100.777))
        ]
        names = ("DUT-OMRON", "ECSSD", "S", "A data set with a name of very many words", "SOD")
        groups = [(names[-1 - number], rows) for number in range(sets)]
        tables.append(table(groups, columns, "latex"))
    said = _compiled(tmp_path, tables)
    # Too high is no matter: nobody has 60 columns on one page.
    assert "Overfull \\hbox" not in said


def test_latex_has_two_sets_of_five_scores_side_by_side():
    columns = [Column(key, key, True) for key in ("MAE", "maxF", "wF", "S", "meanE")]
    rows = [row("U2-NetP", **{column.key: 0.888 for column in columns})]
    text = table([("DUTS-TE", rows), ("DUT-OMRON", rows)], columns, "latex")
    assert text.count("tabular}{l" + "r" * 10) == 1
    six = table([(f"S{number}", rows) for number in range(6)], columns, "latex")
    assert six.count("tabular}{l" + "r" * 10) == 3


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("u2net_p", r"u2net\_p"),
        ("50% & #1", r"50\% \& \#1"),
        ("{x}", r"\{x\}"),
        (r"a\b", r"a\textbackslash{}b"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
        ("$x$", r"\$x\$"),
        ("a<b>|c", r"a\textless{}b\textgreater{}\textbar{}c"),
        ("U²-Net", "U$^2$-Net"),
        ("naïve", "naïve"),
        ("two\nlines", "two lines"),
        # After \\ and \midrule these would be read as arguments.
        ("[ours]", "{[}ours{]}"),
        ("*ours", "{*}ours"),
    ],
)
def test_latex_escapes(name, written):
    text = table([(name, [row(name, maxF=0.5)])], [F], "latex")
    assert f"{{{written}}} \\\\\n\\cmidrule" in text
    assert f"\n{written} & 0.500 \\\\\n" in text
    assert "XeLaTeX" not in text


def test_latex_says_what_foreign_letters_need():
    assert "XeLaTeX" in table([("", [row("图像", maxF=0.5)])], [F], "latex").splitlines()[1]
    assert "array" in table([("", [row("a name " * 9, maxF=0.5)])], [F], "latex").splitlines()[0]


def test_latex_writes_minus_signs():
    text = table([("", [row("a", maxF=-0.5), row("a-b", maxF=0.25)])], [F], "latex")
    assert "a & \\underline{$-$0.500} \\\\" in text and "a-b & \\textbf{0.250}" in text


# ---------------------------------------------------------------- CSV


def test_csv_has_full_precision():
    text = table(GROUPS, [F, MAE], "csv")
    lines = list(csv.reader(io.StringIO(text)))
    assert lines[0] == ["dataset", "method", "maxF", "MAE"]
    assert lines[1] == ["DUTS-TE", "u2net", "0.87312345", "0.0441"]
    assert lines[5] == ["ECSSD", "u2netp", "", ""]
    assert len(lines) == 7


def test_csv_quotes():
    name = 'a,"b"'
    text = table([(name, [row(name, maxF=np.float64(1 / 3))])], [F], "csv")
    assert list(csv.reader(io.StringIO(text)))[1] == [name, name, repr(1 / 3)]


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize("style", STYLES)
def test_every_style_takes_any_name(style):
    name = "图像 ü \udc80 | \\ \x00"
    text = table([(name, [row(name)])], [Column("maxF", name, None)], style, width=40)
    assert "图像 ü" in text.encode("utf-8").decode("utf-8") and text.endswith("\n")


@pytest.mark.parametrize("style", STYLES)
def test_a_group_without_rows_is_a_heading(style):
    assert table([("A", [])], [F], style, width=80).endswith("\n")


@pytest.mark.parametrize(
    ("groups", "columns", "style", "message"),
    [
        ([], [F], "text", "at least one group"),
        ([("A", [])], [], "text", "at least one group and one column"),
        (GROUPS, [F], "html", "style: expected one of text, markdown, latex, csv, got 'html'"),
        ([("A", [Row(("a", "b"), {})])], [F], "csv", r"A: expected a tuple of 1 labels \(method\)"),
        ([("A", [Row("a", {})])], [F], "csv", "A: expected a tuple"),
    ],
)
def test_wrong_arguments(groups, columns, style, message):
    with pytest.raises(ValueError, match=message):
        table(groups, columns, style)
