"""Columns, rows, and which images are the worst and best."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.evaluation.page import galleries
from paddleseg_u2net.evaluation.pairing import pair_maps
from paddleseg_u2net.evaluation.plan import DataSet, MethodOnDataset
from paddleseg_u2net.evaluation.results import Result
from paddleseg_u2net.evaluation.run import Outcome, Task, score
from paddleseg_u2net.metrics import MetricReport, make_conventions


def report(*names):
    return MetricReport(1, names=names, conventions=make_conventions("paper"))


def results_of(tmp_path, methods, names=("MAE",), image_dir=None):
    """One set; ``methods``: name -> the grey value of its map for each image, None: a bad file."""
    masks = tmp_path / "masks"
    masks.mkdir(exist_ok=True)
    for number in range(max(map(len, methods.values()))):
        mask = np.zeros((8, 8), np.uint8)
        mask[2:5, 2:6] = 255
        Image.fromarray(mask).save(masks / f"{number}.png")
    results = []
    for method, greys in methods.items():
        folder = tmp_path / method
        folder.mkdir()
        for number, grey in enumerate(greys):
            picture = Image.fromarray(np.full((8, 8), grey or 0, np.uint8))
            picture.save(folder / f"{number}.png")
            if grey is None:
                (folder / f"{number}.png").write_bytes(b"")
        items, _ = pair_maps(folder, {"mask": masks}, {}, allow_missing=True)
        which = MethodOnDataset(method, "S", folder, DataSet(gt_dir=masks, image_dir=image_dir))
        results.append(Result(which, items, score(items, Task(report(*names)))))
    return results


def ends_of(gallery):
    """Names of the worst and of the best."""
    ends = dict(gallery["ends"])
    return [[sample["name"] for sample in ends.get(key, [])] for key in ("Worst", "Best")]


def opened(picture):
    data = base64.b64decode(picture["uri"].split(",")[1])
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("scores", "heading"),
    [
        # On a mask that is mostly background, a darker map has the lower error.
        (("MAE",), "MAE ↓"),
        (("MAE", "wF", "S"), "wF ↑"),
        (("mIoU", "MAE"), "MAE ↓"),
        (("relaxF", "BIoU"), "relaxF ↑"),
    ],
)
def test_the_worst_and_the_best_by_one_score(tmp_path, scores, heading):
    results = results_of(tmp_path, {"A": [10, 250, 100, 200, 50]}, scores)
    (gallery,) = galleries(results, 2)
    assert gallery["heading"] == f"S: A, by {heading}"
    if scores == ("MAE",):
        assert ends_of(gallery) == [["1", "3"], ["0", "4"]]
        rows = dict(results[0].outcome.rows)
        shown = gallery["ends"][0][1][0]["score"]
        assert shown == f"MAE {rows['1']['MAE']:.3f}"


@pytest.mark.parametrize(("images", "worst", "best"), [(1, 1, 0), (2, 1, 1), (3, 1, 1), (9, 4, 4)])
def test_no_image_is_among_both(tmp_path, images, worst, best):
    results = results_of(tmp_path, {"A": list(range(10, 10 + images))})
    first, second = ends_of(galleries(results, 5)[0])
    assert (len(first), len(second)) == (worst, best) and not set(first) & set(second)


def test_samples_show_what_all_methods_made_of_the_image(tmp_path):
    results = results_of(tmp_path, {"A": [9, 99], "B": [None, 30], "C": [7]})
    (_, (worst,)), (_, (best,)) = galleries(results, 1)[0]["ends"]
    captions = {s["name"]: [p["caption"] for p in s["pictures"]] for s in (worst, best)}
    # C has no image 1, and image 0 of B is damaged.
    assert captions == {"1": ["mask", "A", "B"], "0": ["mask", "A", "C"]}
    mask, _, shown = (opened(picture) for picture in worst["pictures"])
    assert (mask > 127).sum() == 12 and (abs(shown.astype(int) - 30) < 3).all()


def test_photographs_by_name_and_none_for_a_damaged_one(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    Image.fromarray(np.full((8, 8, 3), (200, 10, 10), np.uint8)).save(folder / "1.bmp")
    (folder / "0.jpg").write_bytes(b"no picture")
    results = results_of(tmp_path, {"A": [9, 99, 50]}, image_dir=folder)
    (_, (worst,)), (_, (best,)) = galleries(results, 1)[0]["ends"]
    assert abs(opened(worst["pictures"][0])[0, 0].astype(int) - (200, 10, 10)).max() < 12
    assert [picture["caption"] for picture in best["pictures"]] == ["mask", "A"]


def test_images_without_the_score_are_neither_worst_nor_best(tmp_path):
    results = results_of(tmp_path, {"A": [9, 99, 50]})
    rows = [(name, {"MAE": float("nan") if name == "1" else v["MAE"]})
            for name, v in results[0].outcome.rows]  # fmt: skip
    result = replace(results[0], outcome=Outcome(results[0].report, rows))
    (gallery,) = galleries([result], 5)
    assert ends_of(gallery) == [["2"], ["0"]]
    rows = [(name, {"MAE": float("nan")}) for name, _ in rows]
    result = replace(results[0], outcome=Outcome(results[0].report, rows))
    assert galleries([result], 5) == []
