"""Masks of 16 bits a channel on their way through the commands: right values, or an error."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.commands import main
from paddleseg_u2net.data_tools.annotations.mask_files import (
    binary_file,
    colour_file,
    instance_file,
    soft_file,
)
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.evaluation.loaders import read_map, read_truth
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


def test_training(tmp_path, save):
    values = cyclic(0, 1, 2)
    for name in ("a", "b"):
        picture(tmp_path / "images" / f"{name}.png", noise(8, 12, 3))
        save(tmp_path / "masks" / f"{name}.png", values)
    folders = {"dataset_root": str(tmp_path), "images": "images", "masks": "masks"}
    data = PairDataset(**folders, num_classes=3)
    assert np.array_equal(data.read(0)[1], values)
    save(tmp_path / "masks" / "b.png", cyclic(0, 1, 2, 300))
    with pytest.raises(ValueError, match="300"):
        PairDataset(**folders, num_classes=3, mask_values="index").read(1)


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


def test_scoring(tmp_path, save):
    values = cyclic(0, 255, 40000, 65535)
    path = save(tmp_path / "a.png", values)
    assert np.array_equal(read_map(path), values / 65535)
    assert np.array_equal(read_truth(path).mask, values > 127 * 257)
    labels = read_truth(save(tmp_path / "b.png", cyclic(0, 1)))
    assert labels.labels01 and np.array_equal(labels.mask, cyclic(0, 1) == 1)
    with pytest.raises(ImageError, match="300"):
        read_truth(save(tmp_path / "c.png", cyclic(0, 1, 2, 300)))


def test_sources_of_masks(tmp_path, save):
    shape = (8, 12)
    ids = save(tmp_path / "ids.png", cyclic(0, 1, 300))
    assert np.array_equal(instance_file(ids).read(shape), cyclic(0, 1, 1))
    halves = save(tmp_path / "halves.png", cyclic(0, 32767, 32768, 65535))
    assert np.array_equal(binary_file(halves).read(shape), cyclic(0, 0, 1, 1))
    assert np.array_equal(soft_file(halves).read(shape), cyclic(0, 32767, 32768, 65535))
    ones = save(tmp_path / "ones.png", cyclic(0, 1))
    assert np.array_equal(binary_file(ones).read(shape), cyclic(0, 1))


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
