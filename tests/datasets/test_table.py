"""The table of data sets: every row can be built, from files laid out as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)
from paddleseg_u2net.config.reading import read_yaml
from paddleseg_u2net.datasets import TABLE, PairDataset, PairingError

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs/RGB/U2Net"

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
    if not split.images:
        lines = [f"{images}/{name}.jpg {masks}/{name}.png" for name in "ab"]
        (root / split.list_file).write_text("\n".join(lines))


@pytest.mark.parametrize(("name", "mode"), PARTS)
def test_each_part_of_each_row_is_read_from_its_layout(tmp_path, monkeypatch, name, mode):
    lay_out(tmp_path / "data" / name, TABLE[name].splits[mode])
    monkeypatch.chdir(tmp_path)
    dataset = PairDataset(mode, name=name)
    assert [pair.image.name for pair in dataset.pairs] == ["a.jpg", "b.jpg"]
    assert dataset.mask_encoding == "binary"
    assert dataset.classes == TABLE[name].classes
    image, label = dataset.read(1)
    assert image.shape == (4, 5, 3)
    np.testing.assert_array_equal(label, np.eye(4, 5))


def test_an_unknown_row_is_an_error_that_names_all():
    with pytest.raises(PairingError, match=r"name: expected one of optic_disc_seg, .*got 'dust'"):
        PairDataset("train", name="dust")


def test_configurations_use_every_row_by_both_models():
    for name, row in TABLE.items():
        if not row.config:
            continue
        assert row.config.startswith("u2netp")
        for config in (row.config, row.config.replace("u2netp", "u2net", 1)):
            tree = read_yaml(CONFIGS / config)
            assert tree["val_dataset"]["name"] == name
            assert ("train_dataset" in tree) == ("train" in row.splits)


@pytest.mark.parametrize("name", TABLE)
def test_files_that_a_page_names_are_there(name):
    page = (ROOT / "docs" / "data" / f"{name}.md").read_text(encoding="utf-8")
    for word in page.replace("`", " ").split():
        if word.startswith(("configs/", "benchmark_data_prepare/")):
            assert (ROOT / word.rstrip(".,;")).is_file(), word
