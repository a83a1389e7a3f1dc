from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.render import samples
from paddleseg_u2net.render.samples import Cell, class_colors, fitted, masked, sheet

GREY = np.full((64, 96, 3), 120, np.uint8)
COLORS = class_colors(5)
IGNORE = 255


def label_of(value=1, dtype=np.uint8):
    label = np.zeros((64, 96), dtype)
    label[16:48, 32:80] = value
    return label


def words(picture):
    """Columns that hold letters, dark on light."""
    return np.flatnonzero((picture.astype(int).sum(axis=2) < 400).any(axis=0))


def test_colours_differ_from_each_other_and_have_an_order():
    colors = class_colors(40)
    assert colors.dtype == np.uint8 and len(np.unique(colors, axis=0)) == 40
    np.testing.assert_array_equal(class_colors(3), colors[:3])
    assert class_colors(1).shape == (1, 3)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [((64, 96), 96, (64, 96)), ((3000, 1000), 90, (90, 30)), ((1, 1), 64, (64, 64)),
     ((1, 900), 64, (1, 64)), ((10, 20), 100, (50, 100))],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_proportions_are_kept(shape, size, expected, channels):
    image = np.zeros((*shape, channels), np.uint8)
    image[..., 0] = 200
    small = fitted(image, size)
    assert small.shape == (*expected, 3) and small.dtype == np.uint8
    assert (small[..., 0] == 200).all() and (small[..., 1] == (200 if channels == 1 else 0)).all()


def test_the_image_stays_visible_under_the_mask():
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    drawn = masked(image, label_of(), 96, COLORS, IGNORE).astype(int)
    np.testing.assert_array_equal(drawn[:15], image[:15])
    inside = (slice(20, 44), slice(36, 76))
    for channel in range(3):
        seen, was = drawn[inside][..., channel].ravel(), image[inside][..., channel].ravel()
        assert np.corrcoef(seen, was)[0, 1] > 0.99 and 0.4 < seen.std() / was.std() < 0.8


def test_a_line_of_the_class_runs_along_the_inside_of_its_edge():
    drawn = masked(GREY, label_of(2), 96, COLORS, IGNORE)
    for row, column in ((16, 50), (47, 50), (30, 32), (30, 79)):
        np.testing.assert_array_equal(drawn[row, column], COLORS[2])
    for row, column in ((15, 50), (48, 50), (30, 31), (30, 80)):
        np.testing.assert_array_equal(drawn[row, column], 30)
    np.testing.assert_array_equal(drawn[13, 50], 120)


def test_classes_that_touch_both_keep_their_lines():
    label = label_of(1)
    label[16:48, 56:80] = 3
    drawn = masked(GREY, label, 96, COLORS, IGNORE)
    np.testing.assert_array_equal(drawn[30, 55], COLORS[1])
    np.testing.assert_array_equal(drawn[30, 56], COLORS[3])


def test_the_mask_is_shrunk_as_the_image_is():
    label = np.zeros((640, 960), np.uint8)
    label[160:480, 320:800] = 1
    image = np.full((640, 960, 3), 120, np.uint8)
    np.testing.assert_array_equal(
        masked(image, label, 96, COLORS, IGNORE), masked(GREY, label_of(), 96, COLORS, IGNORE)
    )


def test_thin_objects_do_not_vanish():
    label = np.zeros((640, 960), np.uint8)
    label[300:302] = 1
    drawn = masked(np.full((640, 960, 3), 120, np.uint8), label, 96, COLORS, IGNORE)
    np.testing.assert_array_equal(drawn[30, 50], COLORS[1])


def test_soft_masks_are_shades():
    label = np.tile(np.linspace(0, 1, 96, dtype=np.float32), (64, 1))
    drawn = masked(GREY, label, 96, COLORS, IGNORE).astype(int)
    red = np.delete(drawn[32, :, 0], range(44, 52))  # the line is there
    assert (np.diff(red) <= 0).all() and red[0] == 120 and red[-1] < 90
    np.testing.assert_array_equal(drawn[32, 48], COLORS[1])
    faint = masked(GREY, label / 4, 96, COLORS, IGNORE)
    assert not (faint == COLORS[1]).all(axis=2).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_what_counts_nowhere_is_striped(dtype):
    drawn = masked(GREY, label_of(IGNORE, dtype), 96, COLORS, IGNORE)
    inside = drawn[18:46, 34:78]
    assert (inside.min(axis=2) == inside.max(axis=2)).all()  # grey
    assert len(np.unique(inside)) == 2 and abs(int(inside.min()) - int(inside.max())) > 90
    assert 0.4 < (inside == inside.min()).mean() < 0.6
    np.testing.assert_array_equal(drawn[:15], GREY[:15])


def test_float_labels_may_be_odd():
    label = label_of(1, np.float32)
    label[0, 0], label[1, 1], label[2, 2] = np.nan, 3.0, -1.0
    assert masked(GREY, label, 96, COLORS, IGNORE).shape == (64, 96, 3)


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="size"):
        masked(GREY, label_of()[:10], 96, COLORS, IGNORE)
    with pytest.raises(ValueError, match="class 9 has no colour"):
        masked(GREY, label_of(9), 96, COLORS, IGNORE)


# ---------------------------------------------------------------- the sheet


def a_row(name="one.jpg", cells=2):
    return [Cell(GREY, (name, "96 x 64"))] * cells


def test_rows_of_few_cells_stand_side_by_side_and_others_below_each_other():
    few = [sheet(["t"], [], ["a", "b"], [a_row()] * n, 96).shape for n in (1, 2, 3, 4)]
    assert few[0][1] < few[1][1] < few[2][1] == few[3][1] < 700
    assert few[0][0] == few[2][0] < few[3][0]
    many = [sheet(["t"], [], ["x"] * 6, [a_row(cells=6)] * n, 96).shape for n in (1, 2)]
    assert many[0][1] == many[1][1] and many[0][0] < many[1][0]


def test_rows_are_as_tall_as_their_pictures():
    wide, square = GREY, np.full((96, 96, 3), 120, np.uint8)
    heights = [sheet([""], [], [""], [[Cell(p, ("",))]], 96).shape[0] for p in (wide, square)]
    assert heights[1] - heights[0] == 32


def test_a_picture_stands_as_it_is_over_its_text():
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    drawn = sheet(["title"], [], ["image"], [[Cell(image, ("name", "size"))]], 96)
    left = samples._MARGIN
    tops = [y for y in range(drawn.shape[0] - 64)
            if (drawn[y : y + 64, left : left + 96] == image).all()]  # fmt: skip
    assert len(tops) == 1
    assert words(drawn[tops[0] + 64 :]).size > 20 and words(drawn[: tops[0]]).size > 20


def test_a_warning_is_red_and_only_the_last_line():
    def red(cell):
        drawn = sheet([""], [], [""], [[cell]], 96).astype(int)
        return ((drawn[..., 0] > drawn[..., 1] + 80).any(axis=1)).sum()

    assert red(Cell(GREY, ("a", "empty"))) == 0
    assert 5 < red(Cell(GREY, ("a", "empty"), warning=True)) < 16


def test_an_error_takes_the_rest_of_its_row():
    text = "mask.png: expected a picture, found nothing " * 9
    broken = [Cell(GREY, ("one", "")), Cell(None, ("cannot be used", ""), error=text)]
    drawn = sheet(["t"], [], ["a", "b", "c", "d"], [broken, a_row(cells=4)], 96).astype(int)
    pale = (drawn == samples._WARNING_PAPER).all(axis=2)
    columns = np.flatnonzero(pale.any(axis=0))
    assert columns.min() > samples._MARGIN + 96
    assert columns.max() == drawn.shape[1] - samples._MARGIN - 2
    assert pale.sum() > 10_000


def test_errors_alone_make_a_sheet():
    drawn = sheet(["t"], [], ["a", "b"], [[Cell(None, ("x", "y"), error="long" * 300)]] * 2, 64)
    assert (drawn == samples._WARNING).all(axis=2).any()


def test_the_legend_shows_colours_and_stripes_and_breaks_into_lines():
    entries = [(tuple(int(v) for v in COLORS[n]), f"{n} a class of some name") for n in (1, 2, 3)]
    entries.append((None, "counts nowhere"))
    drawn = sheet(["t"], entries, ["a"], [a_row(cells=1)], 96)
    for color, _ in entries[:3]:
        assert (drawn == color).all(axis=2).sum() > 100
    assert drawn.shape[0] > sheet(["t"], entries[:1], ["a"], [a_row(cells=1)], 96).shape[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain.png", "plain.png"),
        ("ünï Ελλ Кот.png", "ünï Ελλ Кот.png"),
        ("图像.png", r"\u56fe\u50cf.png"),
        ("two\nlines\tand", "two lines and"),
        ("odd\udcff.png", r"odd\udcff.png"),
        ("\N{LIZARD}", r"\U0001f98e"),
        ("bell\x07", r"bell\x07"),
    ],
)
def test_letters_that_the_font_lacks_are_spelt(text, shown):
    assert samples._drawable(text) == shown
    row = [Cell(GREY, (text, text)), Cell(None, (), error=text)]
    sheet([text], [(None, text)], [text, text], [row], 96)


def test_long_texts_stay_in_their_cells_and_keep_their_ends():
    def below(name):
        return sheet([""], [], ["", ""], [[Cell(GREY, (name,)), Cell(GREY, ("",))]], 96)[-40:]

    name = "{}" + "0123456789" * 9 + "{}.png"
    assert words(below(name.format(1, 1))).max() <= samples._MARGIN + 96
    assert (below(name.format(1, 1)) != below(name.format(2, 1))).any()
    assert (below(name.format(1, 1))[:-1] != below(name.format(1, 1)[:-1] + "X")[:-1]).any()


@pytest.mark.parametrize(
    ("rows", "headings", "size", "text"),
    [
        ([], ["a"], 96, "at least one row"),
        ([a_row()], [], 96, "at least one row"),
        ([a_row()], ["a"], 96, "rows of 1 to 1"),
        ([[]], ["a"], 96, "rows of 1 to 1"),
        ([a_row()], ["a", "b"], 8, "size: expected 64"),
        ([a_row()] * 9000, ["a", "b"], 900, "fewer samples"),
    ],
)
def test_sheets_that_cannot_be(rows, headings, size, text):
    with pytest.raises(ValueError, match=text):
        sheet(["t"], [], headings, rows, size)
