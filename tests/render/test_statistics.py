from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.render import statistics


def picture(data):
    return np.array(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def some():
    rng = np.random.default_rng(0)
    sizes = rng.integers((200, 300), (700, 900), (50, 2))
    return sizes, rng.uniform(0, 1, 50)


@pytest.fixture(scope="module")
def first(some):
    return statistics.as_png(*some, "a title")


def test_the_same_numbers_give_the_same_bytes(some, first):
    assert statistics.as_png(*some, "a title") == first
    assert first.startswith(b"\x89PNG") and min(picture(first).shape[:2]) > 400


@pytest.mark.parametrize(
    ("sizes", "foreground"),
    [
        ([(480, 640)], [0.3]),
        ([(480, 640)], [0.0]),
        ([(1, 1)], [1.0]),
        ([(256, 256)] * 30, [0.25] * 30),
        ([(1, 60000), (60000, 1), (1, 1)], [0.0, 0.5, 1.0]),
    ],
    ids=["one", "one empty", "one pixel", "all equal", "extreme proportions"],
)
def test_unusual_sets_are_drawn_without_warnings(sizes, foreground):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Matplotlib's own, of the pyparsing that it comes with on Python 3.9.
        warnings.simplefilter("ignore", DeprecationWarning)
        data = statistics.as_png(np.array(sizes), np.array(foreground), "set")
    assert picture(data).std() > 1


def blue_columns(data, rows, columns):
    """Where bars stand in a part of the picture, columns from its left."""
    red, green, blue = np.moveaxis(picture(data)[rows, columns], 2, 0)
    return np.flatnonzero(((red < 30) & (abs(green - 114) < 20) & (blue > 150)).sum(axis=0) > 3)


def test_wide_images_stand_right_of_square_ones(some):
    _, foreground = some

    def place(height, width):
        data = statistics.as_png(np.tile([height, width], (50, 1)), foreground, "")
        return blue_columns(data, slice(0, None), slice(530, 1060)).mean()

    assert place(400, 300) < place(300, 400)
