"""Many images in several processes: sums that do not depend on who adds them, errors by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from paddleseg_u2net.evaluation.pairing import MapFiles
from paddleseg_u2net.evaluation.run import CHUNK, DARK_MAPS, Task, fixated_by_all, score
from paddleseg_u2net.metrics import Fixations, MetricReport, OtherFixations, make_conventions
from tests.evaluation.drawn import SHAPE, blob, grey, looked, save, spots

ROOT = Path(__file__).resolve().parents[2]
PAPER = make_conventions("paper")


def task(*names, **settings):
    return Task(MetricReport(1, names=names or ("MAE",), conventions=PAPER), **settings)


def item(folder, seed, kinds=("mask",), map_shape=SHAPE):
    name = f"{seed:03}"
    draw = {"mask": blob, "points": spots, "density": grey}
    truths = {kind: save(folder / kind / f"{name}.png", draw[kind](seed)) for kind in kinds}
    return MapFiles(
        name, save(folder / "map" / f"{name}.png", grey(seed + 999, map_shape)), **truths
    )


def only_error(outcome):
    ((_, message),) = outcome.errors
    assert not outcome.rows and outcome.report.compute()["images"] == 0
    assert not outcome.notes
    return message


def test_errors_and_notes_come_in_the_order_of_the_images(tmp_path):
    items = [item(tmp_path, seed) for seed in range(2 * CHUNK)]
    for bad in (3, 20, 21):
        items[bad].map.write_bytes(b"")
    for soft in (2, 17, 30):
        save(items[soft].mask, blob(soft) // 255 * np.uint8(200))
    outcome = score(items, task())
    assert [name for name, _ in outcome.errors] == ["003", "020", "021"]
    assert outcome.notes == {"masks are soft and were cut": ["002", "017", "030"]}
    assert len(outcome.rows) == outcome.report.images == 2 * CHUNK - 3


def test_a_map_of_another_size_is_refused_or_resized(tmp_path):
    one = item(tmp_path, 1, map_shape=(5, 7))
    message = only_error(score([one], task()))
    assert message.startswith(f"{one.map}: expected the size of its ground truth, 14x10, got 7x5")
    assert "--resize" in message
    outcome = score([one], task(resize=True))
    assert outcome.notes == {"maps were resized": ["001"]}
    import cv2

    larger = cv2.resize(grey(1000, (5, 7)), (14, 10), interpolation=cv2.INTER_LINEAR)
    expected = np.abs(larger / 255 - (blob(1) > 127)).mean()
    assert outcome.rows[0][1]["MAE"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "value", "dark"),
    [
        ("a.png", np.uint8(1), True),
        ("a.png", np.uint8(0), True),
        ("a.png", np.uint8(2), False),
        ("a.npy", np.float32(1 / 255), True),
        ("a.npy", np.float64(0.004), False),
        ("b.png", np.uint16(257), True),
        ("b.png", np.uint16(258), False),
    ],
)
def test_dark_maps_are_noted(tmp_path, name, value, dark):
    array = np.zeros(SHAPE, value.dtype)
    array[3, 4] = value
    one = item(tmp_path, 1)._replace(map=save(tmp_path / name, array))
    assert score([one], task()).notes == ({DARK_MAPS: ["001"]} if dark else {})


def by_hand(names, prediction, fixations, others=None):
    report = MetricReport(1, names=names, conventions=PAPER)
    report.update_map(prediction, None, fixations, others)
    return report.values()


POINTS = ("AUC_Judd", "AUC_Borji", "NSS")
DENSITY = ("CC", "SIM", "KLD", "EMD")


def test_a_density_alone_and_of_points(tmp_path):
    outcome = score([item(tmp_path, 1, ("density",))], task(*DENSITY))
    assert outcome.rows[0][1] == by_hand(DENSITY, grey(1000), Fixations.from_density(grey(1)))
    outcome = score([item(tmp_path, 1, ("points",))], task(*DENSITY, sigma=2.0))
    spread = looked(1, 2.0)
    assert outcome.rows[0][1] == by_hand(DENSITY, grey(1000), spread)
    assert outcome.rows[0][1]["CC"] == outcome.rows[0][1]["CC"]


def test_a_density_that_is_given_goes_before_sigma(tmp_path):
    both = item(tmp_path, 1, ("points", "density"))
    names = (*POINTS, *DENSITY)
    expected = Fixations.from_density(grey(1), np.argwhere(spots(1)))
    assert score([both], task(*names, sigma=3.0)).rows[0][1] == by_hand(names, grey(1000), expected)


def test_of_several_matlab_arrays_the_one_of_the_maps_size(tmp_path):
    savemat = pytest.importorskip("scipy.io").savemat
    one = item(tmp_path, 1, ("points",))
    expected = score([one], task(*POINTS)).rows
    savemat(tmp_path / "a.mat", {"fix": spots(1), "resolution": np.array([[768, 1024]])})
    assert score([one._replace(points=tmp_path / "a.mat")], task(*POINTS)).rows == expected


@pytest.mark.parametrize("name", ["a.png", "a.npy"])
def test_a_picture_of_points_says_how_large_the_image_is(tmp_path, name):
    one = item(tmp_path, 1, map_shape=(5, 7))._replace(mask=None)
    one = one._replace(points=save(tmp_path / name, spots(1)))
    message = only_error(score([one], task(*POINTS)))
    assert "expected the size of its ground truth, 14x10, got 7x5" in message
    outcome = score([one], task(*POINTS, resize=True))
    assert outcome.notes == {"maps were resized": ["001"]} and len(outcome.rows) == 1


def test_a_density_of_another_size_than_its_mask(tmp_path):
    one = item(tmp_path, 1, ("mask", "density"))
    save(one.density, grey(1, (4, 5)))
    message = only_error(score([one], task("CC")))
    assert f"{one.density}: expected the size of the mask, 14x10, got 5x4" in message


def shuffled_by_hand(pairs):
    shuffle = OtherFixations()
    for _, fixations in pairs:
        shuffle.add(fixations)
    report = MetricReport(1, names=["sAUC"], conventions=PAPER)
    for prediction, fixations in pairs:
        others = shuffle.weights(fixations.shape, fixations)
        report.update_map(prediction, None, fixations, others)
    return report.values()["sAUC"]


def shuffled(items, **settings):
    others = fixated_by_all(items, task("sAUC", **settings))
    outcome = score(items, task("sAUC", others=others, **settings))
    assert not outcome.errors
    return outcome.report.values()["sAUC"]


def test_shuffled_auc_over_a_set(tmp_path):
    items = [item(tmp_path, seed, ("points",)) for seed in range(20)]
    pairs = [(grey(seed + 999), looked(seed)) for seed in range(20)]
    assert shuffled(items) == pytest.approx(shuffled_by_hand(pairs), abs=1e-12)


def test_shuffled_auc_of_objects(tmp_path):
    items = [item(tmp_path, seed) for seed in range(5)]
    pairs = [(grey(seed + 999), Fixations.from_mask(blob(seed) > 127)) for seed in range(5)]
    assert shuffled(items) == pytest.approx(shuffled_by_hand(pairs), abs=1e-12)


def test_lists_of_points_with_masks_and_maps_of_another_size(tmp_path):
    """The points are those of the mask's size in both passes, whatever the size of the map."""
    items, pairs = [], []
    for seed in range(4):
        one = item(tmp_path, seed, map_shape=(5, 7))
        text = "".join(f"{x},{y}\n" for y, x in np.argwhere(spots(seed)))
        (tmp_path / f"{seed}.csv").write_text("x,y\n" + text)
        items.append(one._replace(points=tmp_path / f"{seed}.csv"))
        import cv2

        prediction = cv2.resize(grey(seed + 999, (5, 7)), (14, 10))
        pairs.append((prediction, looked(seed)))
    assert shuffled(items, resize=True) == pytest.approx(shuffled_by_hand(pairs), abs=1e-12)


def test_fixations_that_cannot_be_read_are_an_error_once(tmp_path):
    items = [item(tmp_path, seed, ("points",)) for seed in range(3)]
    items[1].points.write_bytes(b"")
    others = fixated_by_all(items, task("sAUC"))
    assert others.counts.sum() == 10
    outcome = score(items, task("sAUC", others=others))
    assert [name for name, _ in outcome.errors] == ["001"]
    assert len(outcome.rows) == 2
