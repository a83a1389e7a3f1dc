"""Colour tables, and masks in their colours."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.annotations.classes import Classes, read_colours, voc_colour
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.formats import folders

RED, BLUE, BLACK, WHITE = (255, 0, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)


def table(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "colours.txt"
    path.write_bytes(text.encode(encoding))
    return read_colours(path)


@pytest.mark.parametrize(
    "line",
    [
        "red car 255 0 0",
        "red car\t255\t0\t0",
        "red car,255,0,0",
        "red car; 255; 0; 0",
        '"red car",255,0,0',
        "255 0 0 red car",
        "255,0,0,red car",
        "255 0 0\t\tred car",
        "red car,#FF0000",
        "red car #ff0000",
        "#FF0000 red car",
        "#FF0000,red car",
        "red car:255,0,0::",
        "red car:255,0,0:wheel,door:drive",
    ],
)
def test_a_line_may_have_many_forms(tmp_path, line):
    assert table(tmp_path, f"{line}\nsky 1 2 3\n") == {RED: "red car", (1, 2, 3): "sky"}


def test_headings_comments_and_empty_lines_are_skipped(tmp_path):
    text = "\ufeffname,r,g,b\r\n# a comment\r\n\r\nünder,255,0,0\r\n"
    assert table(tmp_path, text) == {RED: "ünder"}
    assert table(tmp_path, "# label:color_rgb:parts:actions\nbackground:0,0,0::\na:0,0,255::") == {
        BLACK: "background",
        BLUE: "a",
    }


def test_colours_left_out_are_those_of_voc(tmp_path):
    assert table(tmp_path, "background:::\ncar:::\nsky:1,2,3::") == {
        BLACK: "background",
        (128, 0, 0): "car",
        (1, 2, 3): "sky",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 0 0 0\nb 0 0", r"colours\.txt:2: expected `name r g b`.*'b 0 0'"),
        ("a 0 0 0\nb 0 0 256", r":2: expected a colour of 0..255"),
        ("a 1 2 3\nb,#010203", r":2: b has the colour \(1, 2, 3\) of a"),
        ("# nothing\n", "the file has none"),
    ],
)
def test_lines_that_cannot_be_are_named(tmp_path, text, message):
    with pytest.raises(AnnotationError, match=message):
        table(tmp_path, text)


def test_a_table_must_be_a_text_file(tmp_path):
    with pytest.raises(AnnotationError, match="UTF-8"):
        table(tmp_path, "größe 1 2 3", encoding="latin-1")
    with pytest.raises(AnnotationError, match="No such file"):
        read_colours(tmp_path / "none.txt")


def test_voc_colours():
    assert voc_colour(0) == (0, 0, 0)
    assert voc_colour(1) == (128, 0, 0)
    assert voc_colour(15) == (192, 128, 128)
    assert voc_colour(20) == (0, 64, 128)
    assert voc_colour(255) == (224, 224, 192)


# ---------------------------------------------------------------- reading


def data(root, *pixels, suffix=".png"):
    """One image whose mask has these colours."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    picture = Image.fromarray(np.array([pixels], np.uint8))
    picture.save(root / "images/a.jpg")
    picture.save(root / "masks" / f"a_color{suffix}")
    return root / "images", root / "masks"


def read(where, *args, **options):
    collection = folders.read_colours(*where, *args, **options)
    record = collection.samples[0]
    width = Image.open(record.image).size[0]
    return collection, record.mask.read((1, width))[0].tolist()


def test_colours_become_numbers_in_the_order_of_the_table(tmp_path):
    collection, mask = read(
        data(tmp_path, BLACK, BLUE, RED, WHITE),
        {WHITE: "sky", BLACK: "background", RED: "car", BLUE: "car"},
    )
    assert collection.classes == ("background", "sky", "car")
    assert mask == [0, 2, 2, 1]
    assert collection.samples[0].name == "a"
    assert not collection.soft


def test_black_is_background_unless_the_table_says_else(tmp_path):
    where = data(tmp_path, BLACK, RED)
    assert read(where, {RED: "car"})[1] == [0, 1]
    collection, mask = read(where, {BLACK: "road", RED: "car"})
    assert collection.classes == ("background", "road", "car")
    assert mask == [1, 2]


def test_classes_may_be_ignored_chosen_and_left_out(tmp_path):
    where = data(tmp_path, BLACK, RED, BLUE, WHITE)
    names = {RED: "car", BLUE: "bus", WHITE: "sky"}
    collection, mask = read(where, names, classes=Classes(None, ("sky",)))
    assert (collection.classes, mask) == (("background", "car", "bus"), [0, 1, 2, 255])
    chosen = Classes({"vehicle": ("car", "bus")})
    collection, mask = read(where, names, classes=chosen)
    assert (collection.classes, mask) == (("background", "vehicle"), [0, 1, 1, 0])
    assert "left out as background: sky" in collection.remarks
    with pytest.raises(AnnotationError, match="has no class tram"):
        read(where, names, classes=Classes(None, ("tram",)))


def test_unknown_colours_are_refused_or_taken_for_the_nearest(tmp_path):
    where = data(tmp_path, BLACK, (250, 3, 0))
    with pytest.raises(AnnotationError, match=r"a_color\.png.*\(250, 3, 0\) in 1 pixels"):
        read(where, {RED: "car"})
    assert read(where, {RED: "car"}, tolerance=5)[1] == [0, 1]


def test_jpeg_masks_are_remarked(tmp_path):
    where = data(tmp_path, BLACK, BLACK, suffix=".JPG")
    collection, _ = read(where, {RED: "car"}, tolerance=9)
    assert any("JPEG" in remark for remark in collection.remarks)
