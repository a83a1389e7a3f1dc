"""The table of data sets: every row can be built, from files laid out as it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)
from paddleseg_u2net.config.reading import read_yaml
from paddleseg_u2net.datasets import TABLE, Pair, PairDataset, PairingError
from paddleseg_u2net.datasets.pairing import split_train_val

CONFIGS = Path(__file__).resolve().parents[2] / "configs/RGB/U2Net"

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


@pytest.mark.parametrize("name", TABLE)
def test_missing_data_name_the_command_and_the_key(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    mode = next(iter(TABLE[name].splits))
    with pytest.raises(PairingError) as caught:
        PairDataset(mode, name=name)
    message = str(caught.value)
    assert f"data/{name}: expected the data set's folder, found none" in message
    assert f"`python benchmark_data_prepare/prepare.py {name}` fetches and prepares it" in message
    assert f"{mode}_dataset.dataset_root" in message


def test_an_unknown_row_is_an_error_that_names_all():
    with pytest.raises(PairingError, match=r"name: expected one of optic_disc_seg, .*got 'dust'"):
        PairDataset("train", name="dust")


def test_every_row_can_be_validated_and_says_its_classes():
    for row in TABLE.values():
        assert "val" in row.splits
        assert len(row.classes) >= 2 and row.classes[0] == "background"
        for part, split in row.splits.items():
            assert split.pairs > 0 and split.list_file == f"{part}_list.txt"
            assert bool(split.images) == bool(split.masks)


def test_the_published_numbers():
    totals = {n: sum(split.pairs for split in row.splits.values()) for n, row in TABLE.items()}
    assert totals == {
        "optic_disc_seg": 267 + 76 + 38,
        "duts": 10553 + 5019,
        "ecssd": 1000,
        "dut_omron": 5168,
        "hku_is": 4447,
        "pascal_s": 850,
        "sod": 300,
        "supervisely_person": 5711,
        "drishti_gs": 50 + 51,
        "penn_fudan": 170,
        "pp_humanseg14k": 8770 + 2431,
    }


@pytest.mark.parametrize("name", TABLE)
def test_a_row_says_how_to_get_it_and_how_to_cite_it(name):
    row = TABLE[name]
    assert row.fetchable != bool(row.by_hand)
    assert row.homepage.startswith("http") and row.cite.endswith(".")
    assert len({archive.filename for archive in row.archives}) == len(row.archives)
    for archive in row.archives:
        assert all(address.startswith("http") for address in archive.addresses)
        assert archive.checksum is None or re.fullmatch("md5:[0-9a-f]{32}", archive.checksum)


@pytest.mark.parametrize("name", TABLE)
def test_a_row_is_consistent(name):
    row = TABLE[name]
    assert row.layout in ("folders", "lists", "supervisely")
    assert row.mask_encoding in ("binary", "index", "instances", "votes")
    assert (row.pool is not None) == bool(row.val_share)
    if row.pool is not None:
        parts = split_train_val([Pair(Path(f"{n}"), Path(), f"{n}") for n in range(row.pool.pairs)],
                      row.val_share)  # fmt: skip
        assert [len(part) for part in parts] == [row.splits[p].pairs for p in ("train", "val")]
    elif row.layout == "folders":
        assert all(split.images for split in row.splits.values())


@pytest.mark.parametrize(
    "name", [name for name, row in TABLE.items() if row.layout == "folders" and not row.pool]
)
def test_a_list_counts_where_it_is_there_else_the_folders(tmp_path, name):
    for mode, split in TABLE[name].splits.items():
        lay_out(tmp_path, split)
        assert len(PairDataset(mode, name, dataset_root=str(tmp_path))) == 2
        line = f"{split.images}/b.jpg {split.masks}/b.png"
        (tmp_path / split.list_file).write_text(line)
        assert len(PairDataset(mode, name, dataset_root=str(tmp_path))) == 1
        (tmp_path / split.list_file).unlink()
        assert len(PairDataset(mode, name, dataset_root=str(tmp_path))) == 2


def test_configurations_use_every_row_by_both_models():
    for name, row in TABLE.items():
        if not row.config:
            continue
        assert row.config.startswith("u2netp")
        for config in (row.config, row.config.replace("u2netp", "u2net", 1)):
            tree = read_yaml(CONFIGS / config)
            assert tree["val_dataset"]["name"] == name
            assert ("train_dataset" in tree) == ("train" in row.splits)
