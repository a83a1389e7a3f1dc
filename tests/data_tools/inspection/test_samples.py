from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.data_tools.inspection.inputs import of_folders
from paddleseg_u2net.data_tools.inspection.samples import PartDataset, choose, foreground, row
from paddleseg_u2net.io.images import read_mask, write_png

SIZE = 64


def write(folder, name, mask, image=None):
    shape = (*mask.shape, 3)
    grey = np.full(shape, 120, np.uint8) if image is None else image
    write_png(folder / "images" / f"{name}.png", grey)
    write_png(folder / "masks" / f"{name}.png", mask)


def square(high, value=255, side=20):
    mask = np.zeros((side, side), np.uint8)
    mask[:high] = value
    return mask


@pytest.fixture
def folder(tmp_path):
    """Masks with foreground in 0, 1, ... 20 of 20 lines; the names are in another order."""
    for lines in range(21):
        write(tmp_path, f"{(lines * 8) % 21:02d}", square(lines))
    return tmp_path


def dataset_of(folder, **arguments):
    return PartDataset(of_folders("all", folder / "images", folder / "masks"), **arguments)


@pytest.mark.parametrize(
    ("values", "coding", "classes"),
    [
        ([0, 255], "binary", 1),
        ([0, 1], "index", 1),
        ([0, 90, 255], "soft", 1),
        ([0, 1, 2], "index", 255),
        ([0, 4, 255], "index", 255),
        ([0, 38], "index", 255),
    ],
)
def test_how_masks_are_read_is_seen_from_them(tmp_path, values, coding, classes):
    for value in values:
        write(tmp_path, str(value), square(5, value))
    dataset = dataset_of(tmp_path)
    assert (dataset.mask_encoding, dataset.num_classes) == (coding, classes)


def test_evenly_over_the_foreground(folder):
    dataset = dataset_of(folder)
    chosen = choose(dataset, 5, "foreground", 0)
    shares = [foreground(dataset.read(i)[1], 255) for i in chosen]
    assert shares == [0, 0.25, 0.5, 0.75, 1]
    assert choose(dataset, 1, "foreground", 0) == chosen[:1]


def test_a_row_of_an_image_and_its_mask(folder):
    found = row(dataset_of(folder), 8, SIZE)
    image, mask = found.cells
    assert image.lines == ("08.png", "20 x 20") and mask.lines == ("5 % foreground", "")
    assert image.picture.shape == mask.picture.shape == (SIZE, SIZE, 3)
    assert (image.picture == 120).all() and (mask.picture[50:] == 120).all()
    assert (mask.picture[0] != 120).any()
    assert found.classes == {1} and found.error == ""


def test_what_is_said_of_soft_masks_and_of_ignored_parts(tmp_path):
    soft = square(10)
    soft[10:15] = 128
    write(tmp_path, "a", soft)
    found = row(dataset_of(tmp_path), 0, SIZE)
    assert found.cells[1].lines == ("62.5 % foreground", "soft in 25 %")
    write(tmp_path, "a", np.where(soft == 128, 255, square(10, 1)).astype(np.uint8))
    found = row(dataset_of(tmp_path, mask_values="index"), 0, SIZE)
    assert found.cells[1].lines == ("66.7 % foreground", "25 % is ignored")
    assert found.classes == {1, 255}
    write(tmp_path, "a", np.full((9, 9), 255, np.uint8))
    found = row(dataset_of(tmp_path, mask_values="index"), 0, SIZE)
    assert found.cells[1].lines[1] == "all of it is ignored" and found.cells[1].warning


def test_objects_that_are_cut_away_are_marked(folder):
    def lower_half(data):
        data["img"], data["label"] = data["img"][10:], data["label"][10:]
        return data

    dataset = dataset_of(folder, transforms=[lower_half])
    few, many, none = (row(dataset, i, SIZE, epochs=1).cells[2] for i in (16, 18, 0))
    assert read_mask(dataset.pairs[16].mask).any()
    assert few.warning and few.lines == ("20 x 10, 0 %", "nothing of it is left")
    assert not many.warning and not none.warning


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("too small"), RuntimeError("odd")])
def test_transforms_that_fail_become_a_cell(folder, error):
    calls = []

    def fails(data):
        calls.append(1)
        if len(calls) > 1:
            raise error
        return data

    found = row(dataset_of(folder, transforms=[fails]), 8, SIZE, epochs=4)
    assert len(found.cells) == 4 and str(error) in found.cells[3].error
    assert str(folder / "images" / "08.png") in found.error
    assert ("KeyError" in found.error) == isinstance(error, KeyError)
