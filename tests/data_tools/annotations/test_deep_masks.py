"""Masks of 16 bits a channel on their way through the commands: right values, or an error."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.commands import main
from paddleseg_u2net.data_tools.annotations.mask_files import (
    colour_file,
)
from paddleseg_u2net.io.images import ImageError
from tests.io.test_deep_images import GREY, GREY_ALPHA, RGB, RGBA, png, stacked
from tests.prediction.making import noise, picture

KINDS = {"grey": GREY, "rgb": RGB, "grey and alpha": GREY_ALPHA, "rgba": RGBA}


@pytest.fixture(params=KINDS)
def save(request):
    """Write values (H, W) as a mask of 16 bits a channel."""

    def save(path, values):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(stacked(KINDS[request.param], values), KINDS[request.param]))
        return path

    return save


def cyclic(*values, size=(8, 12)):
    count = size[0] * size[1]
    return np.array(values)[np.arange(count).reshape(size) % len(values)]


def test_check_and_import(tmp_path, save, capsys):
    for name in ("a", "b", "c"):
        picture(tmp_path / "images" / f"{name}.png", noise(8, 12, 3))
        save(tmp_path / "masks" / f"{name}.png", cyclic(0, 1, 2))
    folders = ["--images", str(tmp_path / "images"), "--masks", str(tmp_path / "masks")]
    assert main("dataset", ["check", *folders, "--num_classes", "3"]) == 0
    assert main("dataset", ["import", "folders", *folders, "--output", str(tmp_path / "out")]) == 0
    for path in (tmp_path / "out" / "masks").glob("*.png"):
        assert np.array_equal(np.array(Image.open(path)), cyclic(0, 1, 2))
    save(tmp_path / "masks" / "b.png", cyclic(0, 1, 2, 300))
    again = ["import", "folders", *folders, "--output", str(tmp_path / "other")]
    assert main("dataset", ["check", *folders, "--num_classes", "3"]) == 1
    assert main("dataset", again) == 1
    assert "300" in capsys.readouterr().err and not (tmp_path / "other").exists()


def test_colours_that_stand_for_classes(tmp_path):
    table, path = {(0, 0, 0): 0, (200, 0, 10): 1}, tmp_path / "a.png"
    array = np.zeros((8, 12, 3), int)
    array[2:5] = np.array([200, 0, 10]) * 257
    path.write_bytes(png(array, RGB))
    assert np.array_equal(colour_file(path, table).read((8, 12)), array[..., 0] > 0)
    array[3, 3] = 0, 0, 1
    path.write_bytes(png(array, RGB))
    with pytest.raises(ImageError, match=r"a\.png: expected colours of 8 bits"):
        colour_file(path, table).read((8, 12))
