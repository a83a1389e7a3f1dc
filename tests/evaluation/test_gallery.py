"""Columns, rows, and which images are the worst and best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.evaluation.gallery import galleries
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
        items = pair_maps(folder, {"mask": masks}, allow_missing=True).items
        which = MethodOnDataset(method, "S", folder, DataSet(gt_dir=masks, image_dir=image_dir))
        results.append(Result(which, items, score(items, Task(report(*names)))))
    return results


def names(samples):
    return [sample.name for sample in samples]


def test_the_worst_first_and_the_best_first(tmp_path):
    # On a mask that is mostly background, a darker map has the lower error.
    results = results_of(tmp_path, {"A": [10, 250, 100, 200, 50]})
    (gallery,) = galleries(results, 2)
    assert (gallery.data_set, gallery.method, gallery.column.key) == ("S", "A", "MAE")
    assert names(gallery.worst) == ["1", "3"]
    assert names(gallery.best) == ["0", "4"]
    scores = dict(results[0].outcome.rows)
    assert [sample.score for sample in gallery.worst] == [scores["1"]["MAE"], scores["3"]["MAE"]]


@pytest.mark.parametrize(("images", "worst", "best"), [(1, 1, 0), (2, 1, 1), (3, 1, 1), (9, 4, 4)])
def test_no_image_is_among_both(tmp_path, images, worst, best):
    results = results_of(tmp_path, {"A": list(range(10, 10 + images))})
    (gallery,) = galleries(results, 5)
    assert (len(gallery.worst), len(gallery.best)) == (worst, best)
    assert not set(names(gallery.worst)) & set(names(gallery.best))


@pytest.mark.parametrize(
    ("scores", "key"),
    [
        (("MAE", "wF", "S"), "wF"),
        (("MAE", "S"), "S"),
        (("mIoU", "MAE"), "MAE"),
        (("relaxF", "BIoU"), "relaxF"),
    ],
)
def test_the_score_that_orders(tmp_path, scores, key):
    results = results_of(tmp_path, {"A": [9, 99]}, scores)
    assert galleries(results)[0].column.key == key


def test_samples_show_what_all_methods_made_of_the_image(tmp_path):
    results = results_of(tmp_path, {"A": [9, 99], "B": [None, 30], "C": [7]})
    first = galleries(results, 1)[0]
    (worst,) = first.worst
    assert worst.name == "1" and set(worst.maps) == {"A", "B"}  # C has no such image
    assert worst.maps["B"].tolist() == [[30] * 8] * 8
    assert worst.mask.sum() == 12
    (best,) = first.best
    assert best.name == "0" and set(best.maps) == {"A", "C"}  # that of B is damaged


def test_photographs_by_name_and_none_for_a_damaged_one(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    Image.fromarray(np.full((8, 8, 3), (200, 10, 10), np.uint8)).save(folder / "1.bmp")
    (folder / "0.jpg").write_bytes(b"no picture")
    results = results_of(tmp_path, {"A": [9, 99, 50]}, image_dir=folder)
    (gallery,) = galleries(results, 1)
    assert gallery.worst[0].image[0, 0].tolist() == [200, 10, 10]
    assert gallery.best[0].image is None


def test_images_without_the_score_are_neither_worst_nor_best(tmp_path):
    results = results_of(tmp_path, {"A": [9, 99, 50]})
    rows = [(name, {"MAE": float("nan") if name == "1" else v["MAE"]})
            for name, v in results[0].outcome.rows]  # fmt: skip
    result = replace(results[0], outcome=Outcome(results[0].report, rows))
    (gallery,) = galleries([result])
    assert names(gallery.worst) + names(gallery.best) == ["2", "0"]
    rows = [(name, {"MAE": float("nan")}) for name, _ in rows]
    result = replace(results[0], outcome=Outcome(results[0].report, rows))
    assert galleries([result]) == []
