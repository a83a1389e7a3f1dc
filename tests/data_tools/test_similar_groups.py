"""Images that look alike stay in one part, and in one fold."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.commands import main
from tests.commands.test_dataset_import import object_mask, save

SERIES, SHOTS = 6, 3


@pytest.fixture
def series(tmp_path):
    """Six scenes, each photographed three times: brighter, smaller, of a lower quality."""
    for scene in range(SERIES):
        grid = np.random.default_rng(scene).integers(0, 200, (8, 10, 3), np.uint8)
        photo = cv2.resize(grid, (160, 120), interpolation=cv2.INTER_CUBIC)
        shots = [photo, photo + 20, cv2.resize(photo, (80, 60), interpolation=cv2.INTER_AREA)]
        for number, shot in enumerate(shots):
            name = f"{'xyz'[number]}{scene}"  # the series is not to be seen in the names
            save(tmp_path / f"images/{name}.jpg", shot, quality=95 - 20 * number)
            mask = cv2.resize(object_mask(255), shot.shape[1::-1], interpolation=cv2.INTER_NEAREST)
            Image.fromarray(mask).save(_folder(tmp_path / "masks") / f"{name}.png")
    words = ["import", "folders", "--images", f"{tmp_path}/images", "--masks", f"{tmp_path}/masks"]
    return [*words, "--output", str(tmp_path / "mine"), "--workers", "0"]


def _folder(path):
    path.mkdir(exist_ok=True)
    return path


def scenes(path):
    """How many shots of each scene are in a list."""
    found = [line.split()[0][-5] for line in path.read_text().splitlines()]
    return {scene: found.count(scene) for scene in found}


def test_a_series_is_in_one_fold(series, tmp_path, capsys):
    assert main("dataset", [*series, "--folds", "3", "--group_similar"]) == 0
    assert "18 images look like another and stay with it, 3 at most" in capsys.readouterr().out
    for fold in (1, 2, 3):
        held_out = scenes(tmp_path / f"mine/fold_{fold}/val_list.txt")
        assert len(held_out) == 2 and set(held_out.values()) == {SHOTS}


def test_groups_of_the_names_are_kept_too(series, tmp_path, capsys):
    # z0 and z1 are a group by their names: so are both their scenes
    words = ["--folds", "3", "--group_similar", "8", "--group_by", "^(z)[01]"]
    assert main("dataset", [*series, *words]) == 0
    assert "18 images look like another and stay with it, 6 at most" in capsys.readouterr().out
    for fold in (1, 2, 3):
        held_out = scenes(tmp_path / f"mine/fold_{fold}/val_list.txt")
        assert ("0" in held_out) == ("1" in held_out) and set(held_out.values()) == {SHOTS}


def test_without_it_a_series_is_torn_apart(series, tmp_path):
    assert main("dataset", [*series, "--folds", "3"]) == 0
    assert (
        json.loads((tmp_path / "mine/import.json").read_text())["options"]["group_similar"] is None
    )
    assert set(scenes(tmp_path / "mine/fold_1/val_list.txt").values()) != {SHOTS}


def test_none_may_differ_and_none_looks_alike(tmp_path, capsys):
    for number in range(5):
        noise = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
        save(tmp_path / f"images/{number}.png", noise)
        save(tmp_path / f"masks/{number}.png", object_mask(255))
    words = ["import", "folders", "--images", f"{tmp_path}/images", "--masks", f"{tmp_path}/masks"]
    assert main("dataset", [*words, "--output", f"{tmp_path}/mine", "--group_similar", "0"]) == 0
    assert "no images look alike" in capsys.readouterr().out
