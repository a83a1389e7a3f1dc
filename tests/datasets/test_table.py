"""The table of data sets: every row can be built, from files laid out as it says."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)
from paddleseg_u2net.datasets import TABLE, PairDataset, PairingError

PARTS = [(name, mode) for name, row in TABLE.items() for mode in row.splits]


def picture(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def lay_out(root, split):
    """Two pairs where and how ``split`` has them."""
    images, masks = (split.images, split.masks) if split.images else ("pictures", "labels")
    for name in "ab":
        picture(root / images / f"{name}.jpg", np.full((4, 5, 3), 200, np.uint8))
        picture(root / masks / f"{name}.png", np.eye(4, 5, dtype=np.uint8) * 255)
    if split.list_file:
        lines = [f"{images}/{name}.jpg {masks}/{name}.png" for name in "ab"]
        (root / split.list_file).write_text("\n".join(lines))


@pytest.mark.parametrize(("name", "mode"), PARTS)
def test_each_part_of_each_row_is_read_from_its_layout(tmp_path, monkeypatch, name, mode):
    lay_out(tmp_path / "data" / name, TABLE[name].splits[mode])
    monkeypatch.chdir(tmp_path)
    dataset = PairDataset(mode, name=name)
    assert [pair.image.name for pair in dataset.pairs] == ["a.jpg", "b.jpg"]
    assert dataset.coding == "binary"
    assert dataset.classes == TABLE[name].classes
    image, label = dataset.read(1)
    assert image.shape == (4, 5, 3)
    np.testing.assert_array_equal(label, np.eye(4, 5))


@pytest.mark.parametrize(("name", "mode"), PARTS)
def test_a_root_elsewhere_is_taken_instead(tmp_path, name, mode):
    lay_out(tmp_path / "my data", TABLE[name].splits[mode])
    assert len(PairDataset(mode, name=name, dataset_root=str(tmp_path / "my data"))) == 2


@pytest.mark.parametrize("name", TABLE)
def test_missing_data_are_an_error_that_names_the_command_and_the_key(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    mode = next(iter(TABLE[name].splits))
    with pytest.raises(PairingError) as caught:
        PairDataset(mode, name=name)
    message = str(caught.value)
    assert f"data/{name}: expected the data set's folder, found none" in message
    assert f"benchmark_data_prepare/prepare.py {name} --source" in message
    assert f"{mode}_dataset.dataset_root" in message


@pytest.mark.parametrize("name", TABLE)
def test_a_part_that_a_row_does_not_have_is_an_error_that_names_those_it_has(tmp_path, name):
    parts = TABLE[name].splits
    for mode in {"train", "val", "test"} - set(parts):
        with pytest.raises(
            PairingError, match=f"{name} has no {mode} part, only {', '.join(parts)}"
        ):
            PairDataset(mode, name=name, dataset_root=str(tmp_path))


def test_an_unknown_row_is_an_error_that_names_all():
    with pytest.raises(PairingError, match=r"name: expected one of optic_disc_seg, .*got 'dust'"):
        PairDataset("train", name="dust")


def test_every_row_can_be_validated_and_says_its_classes():
    for row in TABLE.values():
        assert "val" in row.splits
        assert len(row.classes) >= 2 and row.classes[0] == "background"
        for split in row.splits.values():
            assert bool(split.list_file) != bool(split.images and split.masks)
