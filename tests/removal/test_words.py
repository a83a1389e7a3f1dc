"""Options from words are those from objects, and what is none says what is allowed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from paddleseg_u2net.removal import (
    TRANSPARENT,
    Blur,
    Crop,
    Options,
    Plain,
    Scene,
    options_of,
    rembg_words,
)
from paddleseg_u2net.removal.alpha import CLEAN
from paddleseg_u2net.removal.words import WORDS, check_words

WHITE = Plain((255, 255, 255, 255))


def test_nothing_said_changes_nothing():
    assert options_of() == Options()
    assert options_of(background=None, crop=False, clean=False, size=None) == Options()


def test_every_option_has_a_word():
    """``square`` is a part of the crop."""
    assert {*WORDS} == {field.name for field in dataclasses.fields(Options)} | {"square"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"background": "white"}, {"background": WHITE}),
        ({"background": (255, 255, 255)}, {"background": WHITE}),
        ({"background": [255, 255, 255, 255]}, {"background": WHITE}),
        ({"background": (np.uint8(1), 2, 3, 4)}, {"background": Plain((1, 2, 3, 4))}),
        ({"background": WHITE}, {"background": WHITE}),
        ({"background": "blur:3px"}, {"background": Blur(3, "px")}),
        ({"background": "transparent"}, {"background": TRANSPARENT}),
        ({"crop": True}, {"crop": Crop()}),
        ({"crop": 0}, {"crop": Crop()}),
        ({"crop": 0, "square": True}, {"crop": Crop(square=True)}),
        ({"crop": "5%", "square": True}, {"crop": Crop("5%", square=True)}),
        ({"crop": Crop(7), "square": True}, {"crop": Crop(7, square=True)}),
        ({"size": "80x60"}, {"size": (80, 60)}),
        ({"size": 80}, {"size": (80, 80)}),
        ({"size": (80, 60)}, {"size": (80, 60)}),
        ({"clean": True}, {"clean": CLEAN}),
        ({"clean": 0.2, "presence": 0.5}, {"clean": 0.2, "presence": 0.5}),
        ({"only": "mask", "hard": True}, {"only": "mask", "hard": True}),
    ],
)
def test_words_and_objects_say_the_same(words, expected):
    assert options_of(**words) == Options(**expected)


def test_a_background_may_be_a_file_where_files_are_read(tmp_path):
    from paddleseg_u2net.io.images import write_png

    write_png(tmp_path / "a.png", np.full((4, 6, 3), 9, np.uint8))
    found = options_of(background=str(tmp_path / "a.png")).background
    assert isinstance(found, Scene) and found.picture.shape == (4, 6, 3)
    with pytest.raises(ValueError, match="background: expected transparent, a colour"):
        options_of(background=str(tmp_path / "a.png"), may_read_files=False)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"background": "whyte"}, "background: expected .* got 'whyte'"),
        ({"background": 7}, "background: expected a text, or red, green, blue.* got 7"),
        ({"background": (1, 2)}, r"background: expected a text.* got \(1, 2\)"),
        ({"background": (0.5, 0.5, 0.5)}, "background: expected a text"),
        ({"background": (0, 0, 300)}, "background: expected .* 0 to 255"),
        ({"square": True}, "square: has an effect with a crop only"),
        ({"crop": "wide"}, "crop: expected a margin"),
        ({"size": "800 by 600"}, "size: expected WIDTHxHEIGHT"),
        ({"size": (0, 3)}, "size: expected a width and a height"),
        ({"clean": 2}, "clean: expected a number from 0 to 1"),
        ({"presence": True}, "presence: expected a number"),
    ],
)
def test_what_is_no_option_is_refused(words, told):
    with pytest.raises(ValueError, match=told):
        options_of(**words)


def test_unknown_names_are_refused_with_the_nearest():
    check_words(WORDS, "remove")
    with pytest.raises(TypeError, match="remove: .* 'back_ground'; did you mean background"):
        check_words(["back_ground"], "remove")
    with pytest.raises(TypeError, match="no argument 'xyz'; expected one of only, background"):
        check_words(["xyz"], "remove")


def test_rembgs_arguments_become_words():
    assert rembg_words() == {}
    assert rembg_words(only_mask=True, bgcolor=(1, 2, 3, 4)) == {"only": "mask"}
    assert rembg_words(post_process_mask=True, bgcolor=(1, 2, 3, 4)) == {
        "hard": True,
        "background": (1, 2, 3, 4),
    }
    for arguments in ({"vitmatte": True}, {"vitmatte_model": "small-composition-1k"}):
        with pytest.raises(ValueError, match="vitmatte: there is no such network here"):
            rembg_words(**arguments)
