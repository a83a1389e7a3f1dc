"""benchmark_data_prepare/prepare.py: what it says; the configurations find what it made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.commands import main
from paddleseg_u2net.config import Config
from paddleseg_u2net.datasets import TABLE
from tests.data_tools.published import PARTS, archives, reduced
from tests.io.archives.packing import make_locked_zip

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "benchmark_data_prepare/RGB").rglob("*.sh"))


@pytest.fixture
def table(monkeypatch):
    for name in PARTS:
        monkeypatch.setitem(TABLE, name, reduced(name))


def given(name, tmp_path):
    files = archives(name, tmp_path / "downloads")
    return [name, "--root", str(tmp_path / "data"), "--archive", *map(str, files)]


@pytest.mark.parametrize("name", PARTS)
def test_the_configurations_find_what_was_made(name, tmp_path, table, capsys):
    assert main("prepare", given(name, tmp_path)) == 0
    folder, row = tmp_path / "data" / name, TABLE[name]
    said = capsys.readouterr().out
    for text in (row.title, str(folder), "Licence: ", row.homepage, row.cite):
        assert text in said
    for part, count in PARTS[name].items():
        assert f"  {part}: {count} pairs\n" in said
    parts = [part for part in ("train", "val") if part in row.splits]
    opts = [f"{part}_dataset.dataset_root={folder}" for part in parts]
    assert f"--config configs/RGB/U2Net/{row.config}" in said and " ".join(opts) in said
    assert ("tools/train.py" in said) == ("train" in parts)
    for config in (row.config, row.config.replace("u2netp", "u2net", 1)):
        built = Config(ROOT / "configs/RGB/U2Net" / config, opts, training="train" in parts)
        for part in parts:
            data = built.dataset(part)
            assert len(data) == PARTS[name][part]
            assert data.augmented(0, [0])[0].ndim == 3


def test_a_second_run_says_so(tmp_path, table, capsys):
    assert main("prepare", given("ecssd", tmp_path)) == 0
    capsys.readouterr()
    assert main("prepare", given("ecssd", tmp_path)[:3]) == 0
    said = capsys.readouterr().out
    assert "is there already, checked quickly, nothing done" in said
    assert "  val: 4 pairs\n" in said


def test_another_number_is_an_error_and_on_demand_a_remark(tmp_path, capsys):
    assert main("prepare", given("sod", tmp_path)) == 1
    assert (
        "Error: SOD.zip: val: expected 300 pairs as published, found 4;" in capsys.readouterr().err
    )
    assert main("prepare", [*given("sod", tmp_path), "--allow_incomplete"]) == 0
    said = capsys.readouterr().out
    assert "  val: 4 pairs\n  val: expected 300 pairs as published, found 4\n" in said


def test_an_unpacked_folder_is_linked(tmp_path, table, capsys):
    assert main("prepare", given("ecssd", tmp_path)) == 0
    source = tmp_path / "data/ecssd"
    words = ["ecssd", "--root", str(tmp_path / "other"), "--source", str(source)]
    for _ in range(2):
        assert main("prepare", words) == 0
    assert (tmp_path / "other/ecssd").resolve() == source.resolve()
    (tmp_path / "third").mkdir()
    assert main("prepare", [*words[:-1], str(tmp_path / "third")]) == 1
    assert "something else lies there" in capsys.readouterr().err


def test_the_list_tells_of_every_data_set(capsys):
    assert main("prepare", ["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(TABLE)
    assert "train 10553 val 5019" in lines[2]
    assert ["by hand" in line for line in lines[1:]] == [
        not row.fetchable for row in TABLE.values()
    ]
    assert all(len(line) < 160 for line in lines)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected NAME, or --list"),
        (["dust"], "got 'dust'; did you mean duts?"),
        (["duts", "--source", "x", "--archive", "y"], "expected no --archive"),
        (["duts", "--source", "x", "--mirror", "y"], "expected no --archive"),
        (["duts", "--archive", "x", "--mirror", "y"], "expected no --mirror"),
    ],
)
def test_arguments_that_make_no_sense(words, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main("prepare", words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_the_scripts_that_people_know_are_there():
    named = {path.stem for path in SCRIPTS} - {"disc_cpu"} | {"optic_disc_seg"}
    assert named == set(PARTS)
    assert (ROOT / "benchmark_data_prepare/RGB/MICCAI2021/disc_cpu.sh") in SCRIPTS


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_works_from_any_folder_and_passes_words_on(path, tmp_path):
    done = subprocess.run(
        ["bash", str(path), "--archive", "a b.zip"],
        cwd=tmp_path, env={"PYTHON": "/bin/echo", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    name = "optic_disc_seg" if path.stem == "disc_cpu" else path.stem
    script = ROOT / "benchmark_data_prepare/prepare.py"
    assert done.stdout == f"{script} {name} --root {ROOT / 'data'} --archive a b.zip\n"
    assert script.is_file()


def test_encrypted_archives_want_their_password(tmp_path, capsys):
    packed = []
    for folder, suffix in (("images", "jpg"), ("ground_truth_mask", "png")):
        picture = Image.fromarray(np.eye(8, dtype=np.uint8) * 255)
        picture.save(tmp_path / f"x.{suffix}")
        content = (tmp_path / f"x.{suffix}").read_bytes()
        name = f"{folder}/0001.{suffix}"
        packed.append(make_locked_zip(tmp_path / f"{folder}.zip", name, content, b"open"))
    words = ["ecssd", "--root", str(tmp_path / "data"), "--archive", *map(str, packed)]
    words.append("--allow_incomplete")
    assert main("prepare", words) == 1
    assert "is encrypted: give the password (--password)" in capsys.readouterr().err
    assert main("prepare", [*words, "--password", "shut"]) == 1
    assert "the password is wrong" in capsys.readouterr().err
    assert main("prepare", [*words, "--password", "open"]) == 0
    assert (tmp_path / "data/ecssd/images/0001.jpg").is_file()
