"""Frames of videos: which follows which, whoever scores them, and what is said of gaps."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.datasets.pairing import PairingError
from paddleseg_u2net.evaluation.clips import count_clips, in_clips
from paddleseg_u2net.evaluation.pairing import MapFiles
from paddleseg_u2net.evaluation.run import BEHIND_BAD, BEHIND_GAP
from paddleseg_u2net.metrics import SCORES, MapMaskPair
from tests.evaluation.drawn import save

FRAMES, SHAPE = 19, (18, 26)  # in each of two clips; more than a chunk


def before(*names):
    """The frame before each, by name."""
    found = in_clips([MapFiles(name, Path(f"{name}.png")) for name in names])
    assert [item.name for item in found] == list(names)
    assert all(item.before is None or item.before.before is None for item in found)
    return {item.name: item.before.name for item in found if item.before}


def test_frames_follow_by_their_numbers():
    assert before("1", "10", "2", "9") == {"2": "1", "10": "9"}
    assert before("a/007", "a/008", "b/1", "b/2") == {"a/008": "a/007", "b/2": "b/1"}
    assert before("cat_1", "cat_2", "dog_2", "dog_3") == {"cat_2": "cat_1", "dog_3": "dog_2"}
    assert before("0", "10", "15", "5") == {"5": "0", "10": "5", "15": "10"}


def test_a_gap_breaks_a_clip_and_is_no_clip_of_its_own():
    items = in_clips([MapFiles(name, Path(name)) for name in ("a/1", "a/2", "a/4", "b/1", "b/2")])
    assert [item.behind_gap for item in items] == [False, False, True, False, False]
    assert items[2].before is None and count_clips(items) == 2


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a/1", "a/last"), "a/last.*expected a frame's number at the end of the name"),
        (("a/1", "a/01", "a/2"), "a/1.* and a/01.*both are frame 1 of the clip a/"),
        (("a/1", "b/1", "c/1"), "expected clips of several frames.*got a/1, b/1, c/1"),
    ],
)
def test_what_is_no_clip(names, message):
    with pytest.raises(PairingError, match=message):
        before(*names)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Maps, soft masks and images of a disc that moves."""
    folder, rng = tmp_path_factory.mktemp("clips"), np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (18, 70)), (0, 0), 1.5)
    texture = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    for clip in ("a", "b"):
        for number in range(FRAMES):
            alpha = np.zeros(SHAPE)
            cv2.circle(alpha, (6 + number // 2, 9), 5, 1, -1)
            alpha = 255 * cv2.GaussianBlur(alpha, (0, 0), 1)
            matte = np.clip(alpha + rng.normal(0, 30, SHAPE), 0, 255)
            name = f"{clip}/{number}.png"
            save(folder / "masks" / name, np.rint(alpha).astype(np.uint8))
            save(folder / "maps" / name, np.rint(matte).astype(np.uint8))
            save(folder / "images" / name, texture[:, 2 * number : 2 * number + SHAPE[1]])
    return folder


def run(folder, *more, code=0, truth=True, images=True):
    path = folder / "out.json"
    words = [f"--pred_dir=A={folder / 'maps'}", "--workers=0", *map(str, more), f"--json={path}"]
    words += [f"--gt_dir=S={folder / 'masks'}"] if truth else []
    words += [f"--image_dir={folder / 'images'}"] if images else []
    assert main("eval_maps", words) == code
    return path.read_text()


def array(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def copied(folder, to):
    shutil.copytree(folder, to, dirs_exist_ok=True)
    return to


def test_scores_are_those_by_hand_whoever_computes_them(clips, tmp_path, capsys):
    rows = tmp_path / "rows.csv"
    asked = ("--metrics", "video", "matting", "--per_image", rows)
    text = run(clips, *asked)
    found = {row["name"]: row for row in csv.DictReader(rows.read_text().splitlines())}
    said = capsys.readouterr().out
    assert "A on S: 38 frames of 2 clips." in said
    assert "not defined for some of 38 images: dtSSD (2), Warp (2)" in said
    result = json.loads(text)["results"][0]
    assert result["notes"] == {}  # masks are alphas, and nothing is cut
    kinds = {key: SCORES[key].metric() for key in ("dtSSD", "Warp", "MAD", "Conn")}
    for clip in ("a", "b"):
        last = None
        for number in range(FRAMES):
            name = f"{clip}/{number}"
            matte, alpha, image = (
                array(clips / kind / f"{name}.png") for kind in ("maps", "masks", "images")
            )
            pair = MapMaskPair(matte, alpha=alpha, image=image)
            if last:
                pair.follow(last)
            last = pair
            for key, metric in kinds.items():
                value = metric.score(pair)
                assert found[name][key] == (repr(value) if value == value else "")
                metric.update_pair(pair)
    for key, metric in kinds.items():
        assert result["scores"][key] == pytest.approx(metric.compute(), rel=1e-12)
    assert run(clips, *asked, "--workers=3") == text
    assert set(csv.DictReader(rows.read_text().splitlines()).fieldnames) >= {"dtSSD", "Warp"}


def test_images_alone_give_the_warp_error(clips, capsys):
    whole = json.loads(run(clips, "--metrics", "Warp"))["results"][0]["scores"]["Warp"]
    tree = json.loads(run(clips, truth=False))["results"][0]
    assert tree["scores"] == {"images": 2 * FRAMES, "Warp": whole}
    assert tree["ground_truth"] == {}
    run_of_words = [f"--pred_dir=A={clips / 'maps'}", f"--image_dir={clips / 'images'}"]
    assert main("eval_maps", [*run_of_words, "--metrics", "dtSSD"]) == 1
    assert "--metrics dtSSD: expected --gt_dir" in capsys.readouterr().err


def test_without_images_a_family_is_what_can_be_scored(clips, capsys):
    scores = json.loads(run(clips, "--metrics", "video", images=False))["results"][0]["scores"]
    assert set(scores) == {"images", "dtSSD"}
    words = [f"--pred_dir={clips / 'maps'}", f"--gt_dir={clips / 'masks'}", "--metrics=Warp"]
    assert main("eval_maps", words) == 1
    assert "--metrics Warp: expected --image_dir for all sets" in capsys.readouterr().err


def test_all_scores_are_of_single_images(clips):
    scores = json.loads(run(clips, "--metrics", "all"))["results"][0]["scores"]
    assert "MAD" in scores and not {"dtSSD", "Warp"} & set(scores)


def test_gaps_and_bad_frames_are_told(clips, tmp_path, capsys):
    folder = copied(clips, tmp_path)
    for kind in ("maps", "masks", "images"):
        (folder / kind / "a/7.png").unlink()
    (folder / "masks/b/3.png").write_bytes(b"")
    text = run(folder, "--metrics", "dtSSD", "--skip_bad")
    result = json.loads(text)["results"][0]
    assert result["notes"] == {BEHIND_GAP: ["a/8"], BEHIND_BAD: ["b/4"]}
    assert [error["name"] for error in result["errors"]] == ["b/3"]
    assert result["undefined"] == {"dtSSD": 4}
    assert run(folder, "--metrics", "dtSSD", "--skip_bad", "--workers=2") == text
    said = capsys.readouterr().out
    assert "1 of 36 come behind a gap between the frames' numbers" in said
    assert "A on S: 37 frames of 2 clips." in said


def test_missing_images_and_other_sizes(clips, tmp_path, capsys):
    folder = copied(clips, tmp_path)
    (folder / "images/a/7.png").unlink()
    words = [
        f"--{kind}_dir={folder / where}" for kind, where in (("pred", "maps"), ("image", "images"))
    ]
    words.append("--workers=0")
    assert main("eval_maps", words) == 1
    assert (
        "expected the image of every map, there is none of 1 of 38: a/7" in capsys.readouterr().err
    )
    result = json.loads(run(folder, "--allow_missing", truth=False))["results"][0]
    assert result["missing"] == ["a/7"] and result["notes"] == {BEHIND_GAP: ["a/8"]}
    save(folder / "images/a/7.png", np.zeros((9, 9), np.uint8))
    words += [f"--gt_dir={folder / 'masks'}", "--metrics=Warp"]
    assert main("eval_maps", words) == 1
    error = capsys.readouterr().err
    assert "7.png: expected the size of the ground truth, 26x18, got 9x9" in error
    for kind in ("images", "masks", "maps"):
        save(folder / kind / "a/7.png", np.zeros((9, 9), np.uint8))
    assert main("eval_maps", words) == 1
    error = capsys.readouterr().err
    assert "7.png: expected the size of the frame before it, 26x18, got 9x9" in error


FAINT = np.zeros(SHAPE, np.uint8)
FAINT[3:9, 4:9] = 1


def test_a_mask_is_an_alpha_where_nothing_cuts_it(clips, tmp_path, capsys):
    folder = copied(clips, tmp_path)
    save(folder / "masks/a/0.png", FAINT)
    mask = np.where(FAINT, np.uint8(255), np.uint8(0))
    mask[0, :3] = 1
    save(folder / "masks/a/1.png", mask)
    page = tmp_path / "page.html"
    result = json.loads(run(folder, "--metrics", "MAD", "--html", page))["results"][0]
    (note,) = result["notes"].items()
    assert note == ("masks are never above 1 of 255, which is all but transparent", ["a/0"])
    rows = tmp_path / "rows.csv"
    run(folder, "--metrics=MAD", "--per_image", rows)
    first = next(csv.DictReader(rows.read_text().splitlines()))
    matte = array(folder / "maps/a/0.png")
    assert float(first["MAD"]) == pytest.approx(1000 * abs(matte / 255 - FAINT / 255).mean())
    capsys.readouterr()
    words = [f"--pred_dir={folder / 'maps'}", f"--gt_dir={folder / 'masks'}", "--workers=0"]
    assert main("eval_maps", [*words, "--metrics", "MAD", "MAE"]) == 1
    error = capsys.readouterr().err
    assert "0.png: expected grey values for the scores of mattes, got labels of 0 and 1" in error
    assert "1.png: expected a mask of 0 and 255" in error


def test_cut_and_whole_masks_side_by_side(clips):
    result = json.loads(run(clips, "--metrics", "MAD", "MAE", "--preset=paper"))["results"][0]
    ((note, names),) = result["notes"].items()
    assert note == "masks are soft and were cut, but for the scores of mattes" and len(names) == 38
    alone = json.loads(run(clips, "--metrics", "MAD"))["results"][0]
    assert result["scores"]["MAD"] == alone["scores"]["MAD"]


@pytest.mark.parametrize("suffix", [".npy", ".png"])
def test_deeper_masks(tmp_path, suffix):
    alpha = np.random.default_rng(0).random(SHAPE)
    alpha = alpha if suffix == ".npy" else np.rint(alpha * 65535).astype(np.uint16)
    save(tmp_path / f"masks/1{suffix}", alpha)
    save(tmp_path / "maps/1.png", np.zeros(SHAPE, np.uint8))
    for more in ((), ("MAE",)):
        text = run(tmp_path, "--metrics", "MAD", *more, images=False)
        whole = alpha if suffix == ".npy" else alpha / 65535
        value = json.loads(text)["results"][0]["scores"]["MAD"]
        assert value == pytest.approx(1000 * whole.mean(), rel=1e-12)
