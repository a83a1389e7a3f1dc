"""`tools/dataset.py show`, as users type it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from paddleseg_u2net.commands import main
from paddleseg_u2net.io.images import read_image, write_png

ROOT = Path(__file__).resolve().parents[2]
BROKEN_PAPER = (250, 230, 226)


def show(folder, *words):
    return main("dataset", ["show", *map(str, words), "--output", str(folder / "sheet.png")])


def folders(folder):
    return "--images", folder / "images", "--masks", folder / "masks"


def is_broken(sheet):
    return bool((sheet == BROKEN_PAPER).all(axis=2).any())


@pytest.fixture
def config(tiny, tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(tiny))
    return path


@pytest.fixture
def own(tmp_path):
    """Three images of one class, in folders."""
    for number in range(3):
        mask = np.zeros((30, 40), np.uint8)
        mask[5 : 10 + 5 * number, 10:30] = 255
        write_png(tmp_path / "images" / f"{number}.png", np.full((30, 40, 3), 90, np.uint8))
        write_png(tmp_path / "masks" / f"{number}.png", mask)
    return tmp_path


def test_two_folders(own, capsys):
    assert show(own, *folders(own)) == 0
    assert "3 of 3 pairs: wrote" in capsys.readouterr().out
    first = (own / "sheet.png").read_bytes()
    assert read_image(own / "sheet.png").shape[1] == 2 * 16 + 3 * (2 * 192 + 6) + 2 * 26
    assert show(own, *folders(own)) == 0
    assert (own / "sheet.png").read_bytes() == first
    assert show(own, *folders(own), "--count", 1, "--size", 100) == 0
    assert read_image(own / "sheet.png").shape[1] == 2 * 16 + 2 * 100 + 6


def test_a_root_with_lists_or_folders(own, drawn, tmp_path, capsys):
    assert show(tmp_path, "--root", drawn, "--count", 99) == 0
    assert show(tmp_path, "--root", drawn, "--count", 99, "--part", "val") == 0
    assert show(tmp_path, "--root", own, "--count", 99) == 0
    out = capsys.readouterr().out
    assert [line.split(":")[0] for line in out.splitlines()] == [
        "8 of 8 pairs", "4 of 4 pairs", "3 of 3 pairs"
    ]  # fmt: skip
    assert show(tmp_path, "--root", own, "--part", "val") == 1
    assert "expected val_list.txt, found all; name two folders" in capsys.readouterr().err
    assert show(tmp_path, "--root", own / "nowhere") == 1
    assert "expected the data set's folder, found none" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--root",), ("--images",)])
def test_folders_do_without_paddle(own, words):
    words = folders(own) if words == ("--images",) else ("--root", own)
    code = (
        "import sys\nfrom paddleseg_u2net.commands import main\n"
        f"assert main('dataset', ['show', *{[*map(str, words)]!r}, '--output', 's.png']) == 0\n"
        "assert not {'paddle', 'paddleseg', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=own, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (own / "s.png").is_file()


def test_a_configuration_shows_what_training_does(config, tmp_path, monkeypatch):
    from paddleseg_u2net.config import Config
    from paddleseg_u2net.datasets import PairDataset
    from paddleseg_u2net.inference import Preprocess
    from paddleseg_u2net.training.loader import Schedule, train_loader

    seen, real = {}, PairDataset.augmented

    def noted(self, index, seed):
        image, label = real(self, index, seed)
        seen[tuple(seed)] = image, label
        return image, label

    monkeypatch.setattr(PairDataset, "augmented", noted)
    assert show(tmp_path, "--config", config, "--seed", 3, "--augmented", 2) == 0
    shown = dict(seen)
    seen.clear()
    assert len(shown) == 16
    dataset = Config(config).dataset("train")
    list(train_loader(dataset, Preprocess((32, 32)), Schedule(8, 2, 3, 0, 8), 0))
    assert seen.keys() == shown.keys()
    for key, (image, label) in seen.items():
        np.testing.assert_array_equal(image, shown[key][0])
        np.testing.assert_array_equal(label, shown[key][1])


@pytest.mark.parametrize("part", ["images", "masks"])
@pytest.mark.parametrize("sort", ["random", "foreground"])
def test_broken_files_are_shown_and_listed(own, capsys, part, sort):
    (own / part / "1.png").write_bytes(b"nonsense")
    assert show(own, *folders(own), "--sort", sort) == 1
    err = capsys.readouterr().err
    assert err.count("1.png: expected a picture") == 1 and err.count("\n") == 1
    assert is_broken(read_image(own / "sheet.png"))


def test_files_without_a_partner(own, capsys):
    (own / "masks" / "1.png").unlink()
    assert show(own, *folders(own)) == 1
    assert "images/1.png: expected its mask" in capsys.readouterr().err
    assert not is_broken(read_image(own / "sheet.png"))


def test_classes_have_a_legend(own):
    def colors(*words):
        assert show(own, *folders(own), *words) == 0
        head = read_image(own / "sheet.png")[:90, : 16 + 14].reshape(-1, 3)
        return {tuple(int(v) for v in color) for color in head}

    assert (0, 200, 255) in colors()
    for number in range(3):
        write_png(own / "masks" / f"{number}.png", np.full((30, 40), 2, np.uint8))
    assert (255, 140, 0) in colors("--classes", "background", "disc", "cup")


def test_a_cache_is_not_filled(config, tmp_path):
    cache = tmp_path / "cache"
    words = ("--opts", f"train_dataset.cache={{limit: 1 GB, folder: {cache}}}")
    assert show(tmp_path, "--config", config, *words) == 0
    assert not cache.exists()


def test_a_terminal_without_those_letters(own):
    for part in ("images", "masks"):
        (own / part / "1.png").rename(own / part / "图像.png")
    (own / "masks" / "图像.png").write_bytes(b"")
    command = [sys.executable, str(ROOT / "tools" / "dataset.py"), "show", *map(str, folders(own))]
    env = {**os.environ, "PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "1"}
    done = subprocess.run(command, capture_output=True, cwd=own, env=env, check=False)
    assert done.returncode == 1 and rb"\u56fe\u50cf.png" in done.stderr, done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "expected one of --images"),
        (("--images", "x"), "expected both --images and --masks"),
        (("--root", "x", "--config", "y"), "expected one of --images"),
        (("--root", "x", "--count", "0"), "--count: expected 1"),
        (("--root", "x", "--size", "10"), "--size: expected 64"),
        (("--root", "x", "--augmented", "2"), "with --config only"),
        (("--root", "x", "--opts", "a=1"), "--opts: expected --config"),
        (("--images", "x", "--masks", "y", "--part", "val"), "--part: has an effect"),
        (("--config", "x", "--mask_values", "soft"), "--opts"),
        (("--config", "x", "--part", "val", "--augmented", "2"), "--part train only"),
    ],
)
def test_words_that_make_no_sense(words, text, capsys):
    with pytest.raises(SystemExit) as stopped:
        main("dataset", ["show", *words])
    assert stopped.value.code == 2 and text in capsys.readouterr().err


def test_nothing_of_the_data_set_is_overwritten(own, capsys, monkeypatch):
    mask = next((own / "masks").iterdir())
    before = mask.read_bytes()
    monkeypatch.chdir(own)
    for path in (mask, mask.relative_to(own)):
        assert main("dataset", ["show", *map(str, folders(own)), "--output", str(path)]) == 1
        assert "expected a new file" in capsys.readouterr().err
    assert mask.read_bytes() == before


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("images", "masks", "broken"),
    [
        ("ecssd_300/images", "ecssd_300/ground_truth_mask", False),
        ("optic_disc_seg/JPEGImages", "optic_disc_seg/Annotations", False),
        ("optic_disc_seg/JPEGImages", "optic_disc_seg/SoftMaps", False),
        ("person_290/images", "person_290/masks", True),
    ],
)
def test_the_reference_data(shared, tmp_path, images, masks, broken):
    data = shared / "data"
    assert show(tmp_path, "--images", data / images, "--masks", data / masks) == int(broken)
    assert is_broken(read_image(tmp_path / "sheet.png")) == broken
