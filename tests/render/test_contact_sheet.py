from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageFont

from paddleseg_u2net.render import contact_sheet
from paddleseg_u2net.render.contact_sheet import _CELL, _GAP, _LINE, _MARGIN, _PAPER


def cell_of(sheet, row, column, cell):
    top = _MARGIN + _LINE + row * (cell + _LINE + _GAP)
    left = _MARGIN + column * (cell + _GAP)
    return sheet[top : top + cell, left : left + cell]


def caption_of(sheet, row, cell):
    top = _MARGIN + _LINE + row * (cell + _LINE + _GAP) + cell
    return sheet[top : top + _LINE + min(_GAP, _MARGIN)]


def ink(region):
    """Columns that hold letters."""
    return np.flatnonzero((region.astype(int).sum(axis=2) < 450).any(axis=0))


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return (
        rng.integers(0, 256, (64, 64, 3), dtype=np.uint8),
        np.full((64, 32), 200, np.uint8),
        np.ones((10, 20), bool),
    )


@pytest.fixture(params=["new", "old"])
def any_pillow(request, monkeypatch):
    """Pillow as it is, and with the `load_default` of before 10.1."""
    if request.param == "old":
        if not hasattr(ImageFont, "load_default_imagefont"):
            pytest.skip("this Pillow is too old to have both fonts, or keeps the old one hidden")
        bitmap = ImageFont.load_default_imagefont()
        monkeypatch.setattr(ImageFont, "load_default", lambda: bitmap)  # a size is refused


def test_images_stand_in_their_cells(images):
    sheet = contact_sheet([("one.png", images), ("two.png", images[::-1])], ["a", "b", "c"], 64)
    assert sheet.dtype == np.uint8 and sheet.ndim == 3
    np.testing.assert_array_equal(cell_of(sheet, 0, 0, 64), images[0])  # the size of the cell
    np.testing.assert_array_equal(cell_of(sheet, 1, 2, 64), images[0])
    tall = cell_of(sheet, 0, 1, 64)
    assert (tall[:, 16:48] == 200).all()
    assert (tall[:, :16] == _CELL).all() and (tall[:, 48:] == _CELL).all()
    wide = cell_of(sheet, 0, 2, 64)
    assert (wide[16:48] == 255).all()
    assert (wide[:16] == _CELL).all() and (wide[48:] == _CELL).all()


def test_large_images_are_scaled_down():
    image = np.zeros((301, 500, 3), np.uint8)
    image[:, 250:] = 250, 10, 20
    cell = cell_of(contact_sheet([("x", [image])], ["image"], 100), 0, 0, 100)
    assert (cell[25:75, :48] == 0).all()
    assert (cell[25:75, 52:] == (250, 10, 20)).all()
    assert (cell[:15] == _CELL).all()


def test_one_pixel_high_images_fit():
    sheet = contact_sheet([("x", [np.zeros((1, 1000), np.uint8)])], ["image"], 64)
    assert (cell_of(sheet, 0, 0, 64)[32] == 0).all() or (cell_of(sheet, 0, 0, 64)[31] == 0).all()


def test_texts_are_written_where_they_belong(images, any_pillow):
    cell = 96
    blank = contact_sheet([("", images)], ["", "", ""], cell)
    sheet = contact_sheet([("bird.png", images)], ["image", "", "mask"], cell)
    assert sheet.shape == blank.shape
    np.testing.assert_array_equal(cell_of(sheet, 0, 0, cell), cell_of(blank, 0, 0, cell))
    assert (caption_of(blank, 0, cell) == _PAPER).all()
    assert (blank[: _MARGIN + _LINE] == _PAPER).all()
    headings = ink(sheet[: _MARGIN + _LINE])
    second, third = _MARGIN + cell + _GAP, _MARGIN + 2 * (cell + _GAP)
    assert ((headings >= _MARGIN) & (headings < second)).sum() > 10
    assert not ((headings >= second) & (headings < third)).any()
    assert (headings >= third).sum() > 10
    name = ink(caption_of(sheet, 0, cell))
    assert name.size > 20 and name.min() >= _MARGIN and name.max() < second


def test_long_names_take_several_lines_and_are_whole(any_pillow):
    image = np.zeros((64, 64), np.uint8)

    def sheet(name):
        return contact_sheet([(name, [image, image]), ("next.png", [image, image])], ["", ""], 64)

    name = "ILSVRC2012_test_{}" + "0" * 40 + "{}" + "0" * 40 + "{}.png"
    short, long = sheet("a.png"), sheet(name.format(1, 1, 1))
    more, rest = divmod(len(long) - len(short), _LINE)
    assert more >= 2 and rest == 0
    room = 2 * 64 + _GAP
    assert ink(long[_MARGIN + _LINE + 64 : -64]).max() < _MARGIN + room
    # Every letter is there, and what follows stands below.
    for changed in ((2, 1, 1), (1, 2, 1), (1, 1, 2)):
        assert (sheet(name.format(*changed)) != long).any()
    np.testing.assert_array_equal(long[-64 - _LINE - _MARGIN :], short[-64 - _LINE - _MARGIN :])


@pytest.mark.parametrize("name", ["图像.png", "two\nlines", "tab\there", "ünï.png"])
def test_any_name_can_be_written(name, any_pillow):
    image = np.zeros((64, 64), np.uint8)
    sheet = contact_sheet([(name, [image])], [name], 64)
    assert ink(caption_of(sheet, 0, 64)).size > 5


@pytest.mark.parametrize(
    ("rows", "headings", "cell", "text"),
    [
        ([], ["a"], 64, "at least one row"),
        ([("x", [])], [], 64, "at least one row"),
        ([("x", [np.zeros((4, 4), np.uint8)])], ["a", "b"], 64, "x: 1 images for 2"),
        ([("x", [np.zeros((4, 4))])], ["a"], 64, "x: .*float64"),
        ([("x", [np.zeros((4, 4, 4), np.uint8)])], ["a"], 64, "x: .*4, 4, 4"),
        ([("x", [np.zeros((0, 4), np.uint8)])], ["a"], 64, "x: .*0, 4"),
        ([("x", [np.zeros((4, 4), np.uint8)])], ["a"], 8, "cell"),
    ],
)
def test_wrong_arguments(rows, headings, cell, text):
    with pytest.raises(ValueError, match=text):
        contact_sheet(rows, headings, cell)
