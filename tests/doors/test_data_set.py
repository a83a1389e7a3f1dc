"""A data set of one's own: one YAML row, from archives to training, by the documented commands."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from paddleseg_u2net.commands import main
from paddleseg_u2net.data_tools import pages
from paddleseg_u2net.datasets import PairDataset, RowError, find_row
from paddleseg_u2net.datasets.table import TABLE
from tests.data_tools import published

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROW = {
    "title": "Cats on sofas (me 2026)",
    "classes": ["background", "cat"],
    "parts": {
        "train": {"pairs": 6, "images": "train/photos", "masks": "train/cats"},
        "val": {"pairs": 3, "images": "val/photos", "masks": "val/cats", "mask_end": "_cat"},
    },
    "mask_encoding": "index",
    "homepage": "https://example.org/cats",
    "cite": "Me. Cats. 2026.",
    "by_hand": "cats.zip, from me",
}


@pytest.fixture
def row(tmp_path):
    path = tmp_path / "cats.yaml"
    path.write_text(yaml.safe_dump(ROW))
    return path


@pytest.fixture
def archive(tmp_path):
    files = published.pairs("x/train/photos", "x/train/cats", list("abcdef"))
    for seed, name in enumerate("uvw"):
        files[f"x/val/photos/{name}.jpg"] = published.photograph(20 + seed)
        files[f"x/val/cats/{name}_cat.png"] = published.mask(seed, 1)
    return published.zipped(tmp_path / "cats.zip", files)


def test_a_row_is_prepared_and_trains(row, archive, tmp_path, capsys):
    words = [str(row), "--root", str(tmp_path / "data"), "--archive", str(archive)]
    assert main("prepare", words) == 0
    folder = tmp_path / "data/cats"
    said = capsys.readouterr().out
    assert f"Cats on sofas (me 2026): prepared: {folder}" in said
    assert f"python tools/train.py --config {folder}/train.yaml\n" in said
    assert "train: 6 pairs" in said and "val: 3 pairs" in said
    assert "6 masks were given 1 for the foreground" in said
    assert main("dataset", ["check", "--config", f"{folder}/train.yaml", "--workers", "0"]) == 0
    words = ["--config", f"{folder}/train.yaml", "--save_dir", str(tmp_path / "run"), "--do_eval"]
    words += ["--iters", "1", "--batch_size", "2", "--opts", "preprocess.size=[32,32]"]
    words += ["train_dataset.transforms=[]"]
    assert main("train", words) == 0
    assert "mIoU" in capsys.readouterr().out
    assert main("prepare", [str(row), "--root", str(tmp_path / "data")]) == 0
    assert "is there already" in capsys.readouterr().out


def test_a_configuration_may_name_the_row(row, archive, tmp_path):
    main("prepare", [str(row), "--root", str(tmp_path / "data"), "--archive", str(archive)])
    dataset = PairDataset("val", str(row), dataset_root=str(tmp_path / "data/cats"))
    assert len(dataset) == 3 and dataset.classes == ("background", "cat")


def test_without_its_archive_it_says_how_to_get_it(row, tmp_path, capsys):
    assert main("prepare", [str(row), "--root", str(tmp_path / "data")]) == 1
    said = capsys.readouterr().err
    assert "cats.zip, from me" in said and f"prepare.py {row} --root" in said


def test_the_documentation_is_that_of_the_rows():
    """`make pages` writes it."""
    for name, known in TABLE.items():
        assert (DOCS / f"data/{name}.md").read_text(encoding="utf-8") == pages.page(known)
    assert pages.table() in (DOCS / "data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": None}, r"cats\.yaml: title: expected a text, got None"),
        ({"titel": "x"}, r"expected keys of title, parts, .*, got 'titel'"),
        ({"parts": {}}, r"parts: expected keys of train, val, test, got \{\}"),
        ({"parts": {"val": {"images": "a"}}}, r"parts\.val: expected the key pairs, found none"),
        ({"parts": {"val": {"pairs": 0}}}, r"parts\.val: pairs: expected a whole number above 0"),
        ({"parts": {"val": {"pairs": 3}}}, r"parts\.val\.images: expected a folder, or layout"),
        (
            {"parts": {"val": {"pairs": 3, "images": "../x", "masks": "y"}}},
            r"images: expected a path below the data set's folder, got '\.\./x'",
        ),
        ({"pool": {"pairs": 3}}, "expected parts, or pool and val_share"),
        ({"classes": ["cat"]}, "classes: expected two names or more, the background first"),
        ({"archives": [{"filename": "a/b"}]}, r"archives\.0: filename: expected a name of a file"),
    ],
)
def test_a_row_that_cannot_be_says_why(change, message, tmp_path):
    path = tmp_path / "cats.yaml"
    path.write_text(yaml.safe_dump({**ROW, **change}))
    with pytest.raises(RowError, match=message):
        find_row(str(path))


def test_files_that_are_no_rows(tmp_path, capsys):
    path = tmp_path / "cats.yaml"
    for text, said in (("a: [", "this is not YAML"), ("- a", "expected keys of title")):
        path.write_text(text)
        assert main("prepare", [str(path)]) == 1
        assert said in capsys.readouterr().err
    assert main("prepare", [str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err
