"""``dataset stats``: numbers printed and written, and the picture."""

from __future__ import annotations

import json

import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.io.images import read_image
from tests.data_tools.inspection.making import add, blob, saved


@pytest.fixture
def data(tmp_path):
    for name in ("a", "b", "c"):
        add(tmp_path / "data", name)
    return tmp_path / "data"


def run(*argv):
    return main("dataset", ["stats", "--workers", "0", *map(str, argv)])


def folders(root):
    return ["--images", root / "images", "--masks", root / "masks"]


def test_numbers_are_printed_and_written_with_a_picture(data, tmp_path, capsys):
    outputs = ["--json", tmp_path / "stats.json", "--output", tmp_path / "stats.png"]
    assert run(*folders(data), *outputs) == 0
    out = capsys.readouterr().out
    assert "all: 3 pairs, masks read as binary" in out
    assert "most frequent: 80x60 (3)" in out and "mean: [" in out
    assert "all: weight: auto of a loss is [" in out
    report = json.loads((tmp_path / "stats.json").read_text())
    assert report["parts"]["all"] == report["together"]
    assert report["together"]["width"]["median"] == 80
    assert len(report["together"]["class_weights"]) == 2
    assert read_image(tmp_path / "stats.png").shape[2] == 3


def test_parts_are_counted_apart_and_together(data, tmp_path, capsys):
    (data / "train_list.txt").write_text("images/a.png masks/a.png\nimages/b.png masks/b.png\n")
    (data / "val_list.txt").write_text("images/c.png masks/c.png\n")
    assert run("--root", data, "--json", tmp_path / "stats.json") == 0
    report = json.loads((tmp_path / "stats.json").read_text())
    assert [report["parts"][name]["pairs"] for name in ("train", "val")] == [2, 1]
    assert report["together"]["pairs"] == 3


def test_classes_are_named_where_their_names_are_known(data, capsys):
    for number, name in enumerate("abc"):
        saved(data / f"masks/{name}.png", blob(number, top=1 + number % 2))
    (data / "classes.txt").write_text("background\ncat\nbig dog\n")
    assert run("--root", data) == 0
    out = capsys.readouterr().out
    assert "class 1 cat: " in out and "class 2 big dog: " in out


def test_masks_without_a_meaning_are_an_error(data, capsys):
    for name in "abc":
        saved(data / f"masks/{name}.png", blob(top=7))
    assert run(*folders(data)) == 1
    assert "--mask_values" in capsys.readouterr().err
    assert run(*folders(data), "--mask_values", "{0: 0, 7: 1}") == 0


def test_nothing_readable_is_an_error(data, capsys):
    for path in [*(data / "images").iterdir(), *(data / "masks").iterdir()]:
        path.write_bytes(b"no picture")
    assert run(*folders(data)) == 1
    assert "none of 3 pairs can be read" in capsys.readouterr().err


def test_nothing_of_the_data_set_is_overwritten(data, capsys):
    before = (data / "images/a.png").read_bytes()
    assert run(*folders(data), "--output", data / "images/a.png") == 1
    assert "expected a new file" in capsys.readouterr().err
    assert (data / "images/a.png").read_bytes() == before


@pytest.mark.realdata
def test_the_optic_discs_lie_in_the_middle(shared, tmp_path):
    path = tmp_path / "stats.json"
    assert run("--root", shared / "data/optic_disc_seg", "--json", path) == 0
    found = json.loads(path.read_text())["together"]
    assert found["pairs"] == 50 and 0.02 < found["foreground"]["median"] < 0.04
    assert found["width"]["min"] == found["width"]["max"] == 720
