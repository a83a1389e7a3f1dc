"""Contact sheets: where pictures, texts, the legend and errors are."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.render.contact_sheet import Cell, contact_sheet, picture_cells

GREY = np.full((64, 96, 3), 120, np.uint8)
MARGIN, PAPER = 16, (246, 246, 244)
WARNING, WARNING_PAPER = (168, 20, 20), (250, 230, 226)


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def a_row(cells=2):
    return [Cell(GREY, ("one.jpg", "96 x 64"))] * cells


def words(picture):
    """Columns that hold letters, dark on light."""
    return np.flatnonzero((picture.astype(int).sum(axis=2) < 400).any(axis=0))


def top_of(sheet, picture, left=MARGIN):
    """The row where ``picture`` begins in the column ``left``."""
    high, wide = picture.shape[:2]
    tops = [y for y in range(len(sheet) - high + 1)
            if (sheet[y : y + high, left : left + wide] == picture).all()]  # fmt: skip
    assert len(tops) == 1
    return tops[0]


def test_few_columns_are_side_by_side():
    few = [contact_sheet([a_row()] * n, ["a", "b"], 96).shape for n in (1, 2, 3, 4)]
    assert few[0][1] < few[1][1] < few[2][1] == few[3][1] < 700
    assert few[0][0] == few[2][0] < few[3][0]
    many = [contact_sheet([a_row(6)] * n, ["x"] * 6, 96).shape for n in (1, 2)]
    assert many[0][1] == many[1][1] and many[0][0] < many[1][0]


def test_a_picture_is_above_its_text():
    image = noise(64, 96, 3)
    sheet = contact_sheet([[Cell(image, ("name", "size"))]], ["image"], 96, ["title"])
    top = top_of(sheet, image)
    assert words(sheet[top + 64 :]).size > 20 and words(sheet[:top]).size > 20


def test_pictures_of_any_kind_make_a_row():
    image, mask = noise(64, 64, 3), np.ones((10, 20), bool)
    cells = picture_cells("one.png", [image, noise(64, 64)[..., None], mask], 64)
    sheet = contact_sheet([cells], ["a", "b", "c"], 64)
    top = top_of(sheet, image)
    assert (sheet[top + 16 : top + 48, MARGIN + 140 : MARGIN + 204] == 255).all()
    assert words(sheet[top + 64 :]).max() < MARGIN + 64
    blank = contact_sheet([picture_cells("", [image] * 3, 64)], [""] * 3, 64)
    assert blank.shape == sheet.shape and (blank[:MARGIN] == PAPER).all()


def test_the_legend_breaks_into_lines():
    colors = [(0, 200, 255), (255, 140, 0), (240, 60, 200)]
    entries = [(color, f"{n} a class of some name") for n, color in enumerate(colors)]
    entries.append((None, "ignored"))
    sheet = contact_sheet([a_row(1)], ["a"], 96, legend=entries)
    for color in colors:
        assert (sheet == color).all(axis=2).sum() > 100
    assert len(sheet) > len(contact_sheet([a_row(1)], ["a"], 96, legend=entries[:1]))


def test_long_texts_stay_in_their_cells_and_keep_their_ends():
    def below(name):
        return contact_sheet([[Cell(GREY, (name,)), Cell(GREY, ("",))]], ["", ""], 96)[-32:]

    name = "{}" + "0123456789" * 9 + "{}.png"
    assert words(below(name.format(1, 1))).max() <= MARGIN + 96
    assert (below(name.format(1, 1)) != below(name.format(2, 1))).any()
    assert (below(name.format(1, 1)) != below(name.format(1, 2))).any()


def test_errors_and_warnings_are_red():
    text = "mask.png: expected a picture, found nothing " * 9
    warned = [Cell(GREY, ("one", "empty"), warning=True)]
    sheet = contact_sheet([[*warned, Cell(None, ("cannot be used", ""), error=text)]], ["", ""], 96)
    first, second = sheet[:, : MARGIN + 96], sheet[:, MARGIN + 96 :]
    assert (second == WARNING_PAPER).all(axis=2).sum() > 5000
    for part in (first, second):
        assert (part == WARNING).all(axis=2).sum() > 5


def test_sheets_that_cannot_be():
    for rows, text in (([], "at least one row"), ([a_row()] * 9000, "fewer samples")):
        with pytest.raises(ValueError, match=text):
            contact_sheet(rows, ["a", "b"], 900)
