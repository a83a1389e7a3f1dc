"""``dataset check``: what it prints, writes and returns, on made-up and on real data sets."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.datasets.pairing import from_list
from tests.data_tools.inspection.making import add, blob, saved, texture


@pytest.fixture
def data(tmp_path):
    for name in ("a", "b", "c", "d"):
        add(tmp_path / "data", name)
    return tmp_path / "data"


def run(*argv):
    return main("dataset", ["check", "--workers", "0", *map(str, argv)])


def folders(root):
    return ["--images", root / "images", "--masks", root / "masks", "--size", 64, 64]


def state(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_sound_set_is_0_and_nothing_of_it_is_changed(data, capsys):
    before = state(data)
    assert run(*folders(data)) == 0
    assert "all: 4 pairs, masks read as binary" in capsys.readouterr().out
    assert state(data) == before


def test_errors_are_1_and_told_in_a_table_with_an_example(data, capsys):
    for name in "ab":
        saved(data / f"masks/{name}.png", blob(shape=(30, 40)))
    assert run(*folders(data)) == 1
    out = capsys.readouterr().out
    assert "error  size      2  masks of another size than their image" in out
    assert out.count("expected the size of its image") == 1
    assert "2 errors, 0 warnings, 0 notes" in out
    assert "\n  and b.png\n" in out and "every finding: --report FILE" in out
    assert run(*folders(data), "--files") == 1
    out = capsys.readouterr().out
    assert out.count("expected the size of its image") == 2 and "--report" not in out


def test_warnings_are_0_unless_strict(data):
    saved(data / "masks/a.png", np.zeros((60, 80), np.uint8))
    assert run(*folders(data)) == 0
    assert run(*folders(data), "--strict") == 1


def test_the_report_is_complete_for_any_number_of_workers(data, tmp_path):
    for number in range(16):
        add(data, f"more{number}")
    saved(data / "masks/b.png", blob(shape=(30, 40)))
    reports = []
    for workers in (0, 2):
        path = tmp_path / f"{workers}.json"
        assert run(*folders(data), "--json", path, "--workers", workers) == 1
        reports.append(path.read_bytes())
    assert reports[0] == reports[1]
    report = json.loads(reports[0])
    assert report["counts"] == {"error": 1, "warning": 0, "note": 0}
    assert report["kinds"] == {"size": 1} and report["drop"] == [["all", "b.png"]]
    assert report["parts"] == {"all": {"pairs": 20, "masks_read_as": "binary"}}
    assert report["findings"][0]["files"][0] == str(data / "masks/b.png")


def test_what_to_drop_is_a_list_of_names(data, tmp_path):
    saved(data / "masks/b.png", blob(shape=(30, 40)))
    (data / "masks/c.png").unlink()
    assert run(*folders(data), "--drop", tmp_path / "drop.txt") == 1
    assert (tmp_path / "drop.txt").read_text() == "# all\nb.png\nc.png\n"


def test_lists_without_them_can_be_trained_on(data, tmp_path, capsys):
    saved(data / "masks/b.png", blob(shape=(30, 40)))
    (data / "train_list.txt").write_text("images/a.png masks/a.png\nimages/b.png masks/b.png\n")
    (data / "val_list.txt").write_text("images/c.png masks/c.png\n")
    assert run("--root", data, "--write_lists", tmp_path / "lists") == 1
    kept = from_list(tmp_path / "lists/train_list.txt", data)
    assert [pair.name for pair in kept] == ["images/a.png"]
    assert (tmp_path / "lists/val_list.txt").read_text() == "images/c.png\tmasks/c.png\n"
    assert run("--root", data, "--write_lists", data) == 1
    assert "expected none yet" in capsys.readouterr().err


def test_folders_of_train_and_val_are_compared(data, tmp_path, capsys):
    add(tmp_path / "val", "x", image=texture(5))
    saved(data / "images/a.png", texture(5))
    val = ["--val_images", tmp_path / "val/images", "--val_masks", tmp_path / "val/masks"]
    assert run(*folders(data), *val) == 1
    out = capsys.readouterr().out
    assert "train: 4 pairs" in out and "is the same file as" in out


def test_odd_names_are_shown_and_written(data, tmp_path, capsys):
    names = ["two\nlines", "größe", os.fsdecode(b"latin\xe9"), "with space"]
    for name in names:
        add(data, name, mask=blob(shape=(30, 40)))
    outputs = ["--drop", tmp_path / "drop.txt", "--json", tmp_path / "report.json"]
    outputs += ["--report", tmp_path / "report.txt"]
    assert run(*folders(data), *outputs, "--files", "--write_lists", tmp_path / "lists") == 1
    assert "größe" in capsys.readouterr().out
    assert b"masks/latin\\udce9.png" in (tmp_path / "report.txt").read_bytes()
    assert "größe.png\n".encode() in (tmp_path / "drop.txt").read_bytes()
    assert b"latin\xe9.png\n" in (tmp_path / "drop.txt").read_bytes()
    assert json.loads((tmp_path / "report.json").read_text())["kinds"]["size"] == 4


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--images", "x"],
        ["--root", "x", "--images", "x", "--masks", "x"],
        ["--images", "x", "--masks", "x", "--val_images", "x"],
        ["--config", "x", "--num_classes", "2"],
        ["--root", "x", "--opts", "a=b"],
        ["--root", "x", "--similar", "65"],
        ["--root", "x", "--workers", "-1"],
        ["--root", "x", "--num_classes", "0"],
        ["--root", "x", "--json", "same", "--drop", "same"],
    ],
)
def test_wrong_usage_is_2(wrong, capsys):
    with pytest.raises(SystemExit) as caught:
        run(*wrong)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: ["--root", data / "gone"], "expected the data set's folder"),
        (lambda data: [*folders(data), "--mask_values", "{0: 9}"], "--mask_values"),
        (lambda data: [*folders(data), "--drop", data / "images/a.png"], "expected a new file"),
    ],
)
def test_input_that_cannot_be_used_is_one_line_and_1(data, change, message, capsys):
    before = state(data)
    assert run(*change(data)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: ") and message in line
    assert state(data) == before


@pytest.mark.parametrize(
    "output", ["images/a.png", "masks/../masks/b.png", "link.json", "train_list.txt"]
)
def test_nothing_of_the_data_set_is_overwritten(data, output, capsys, monkeypatch):
    pairs = "".join(f"images/{name}.png masks/{name}.png\n" for name in "abcd")
    (data / "train_list.txt").write_text(pairs)
    (data / "link.json").symlink_to(data / "images/c.png")
    before = state(data)
    monkeypatch.chdir(data.parent)
    for given, path in ((data, f"data/{output}"), ("data", data / output)):
        flags = ("--drop", "--report")
        # The suffix of another kind of file is refused anyway.
        for flag in ("--json", *flags) if output.endswith(".json") else flags:
            assert run("--root", given, flag, path) == 1
            assert "expected a new file" in capsys.readouterr().err
    assert state(data) == before


def test_a_configuration_is_not_overwritten(data, tmp_path, capsys):
    config = tmp_path / "config.yml"
    config.write_text(
        "model: {type: U2NetP, num_classes: 1}\n"
        f"train_dataset: {{type: PairDataset, dataset_root: {data}, "
        "images: images, masks: masks}\n"
    )
    before = config.read_text()
    assert run("--config", config, "--drop", config) == 1
    assert "expected a new file" in capsys.readouterr().err
    assert config.read_text() == before


def test_a_configuration_says_what_to_check(data, tmp_path, capsys):
    saved(data / "masks/b.png", blob(shape=(30, 40)))
    config = tmp_path / "config.yml"
    config.write_text(
        "model: {type: U2NetP, num_classes: 1}\n"
        "preprocess: {size: [64, 64]}\n"
        f"train_dataset: &data {{type: PairDataset, dataset_root: {data}, images: images, "
        "masks: masks, val_share: 0.25}\n"
        "val_dataset: *data\n"
    )
    assert run("--config", config) == 1
    out = capsys.readouterr().out
    assert "train: 3 pairs" in out and "val: 1 pairs" in out and "1 errors" in out
    fitted = ["train_dataset.mismatched_masks=resize", "val_dataset.mismatched_masks=resize"]
    assert run("--config", config, "--opts", *fitted) == 0
    config.write_text("model: {type: U2NetP}\n")
    assert run("--config", config) == 1
    assert "train_dataset: this key is missing" in capsys.readouterr().err


@pytest.mark.realdata
def test_the_198_wrong_masks_of_person_290_are_found(shared, tmp_path):
    report = tmp_path / "report.json"
    root = shared / "data/person_290"
    assert run(*folders(root), "--json", report, "--workers", 2) == 1
    found = json.loads(report.read_text())
    # Images 102 and 270 are one file.
    assert found["kinds"] == {"size": 198, "copy": 1}


@pytest.mark.realdata
def test_the_other_real_sets_are_clean(shared, capsys):
    root = shared / "data/ecssd_300"
    argv = ["--images", root / "images", "--masks", root / "ground_truth_mask", "--strict"]
    assert run(*argv, "--workers", 2) == 0
    assert run("--root", shared / "data/optic_disc_seg", "--strict") == 0
    assert capsys.readouterr().out.count("0 errors, 0 warnings, 0 notes") == 2
