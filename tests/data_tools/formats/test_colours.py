"""Colour tables, and masks in their colours."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.annotations.classes import read_colours
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
        "red car; 255;\t0; 0",
        "red car,#FF0000",
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
        (
            "a 1 2 3\nb,#010203",
            r":2: expected a colour of its own .*got \(1, 2, 3\) for b and for a",
        ),
        ("# nothing\n", "lines such as .*, got none"),
    ],
)
def test_lines_that_cannot_be_are_named(tmp_path, text, message):
    with pytest.raises(AnnotationError, match=message):
        table(tmp_path, text)


def test_colours_become_numbers_in_the_order_of_the_table(tmp_path):
    for name in ("images/a.jpg", "masks/a_color.png"):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(np.array([[BLACK, BLUE, RED, WHITE]], np.uint8)).save(tmp_path / name)
    colours = {WHITE: "sky", BLACK: "background", RED: "car", BLUE: "car"}
    found = folders.read_colours(tmp_path / "images", tmp_path / "masks", colours)
    assert found.classes == ("background", "sky", "car") and not found.soft
    (record,) = found.samples
    assert record.name == "a" and record.mask.read((1, 4)).tolist() == [[0, 2, 2, 1]]
