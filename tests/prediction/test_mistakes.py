"""Pictures of right and wrong pixels, the table of images and the sheet of the worst."""

import csv

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix, jaccard_score

from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.metrics import MetricReport
from paddleseg_u2net.prediction.mistakes import Mistakes
from paddleseg_u2net.render.mistakes import FALSE, HIT, IGNORED, MISSED, OTHER, kinds, mistakes

SIZES = [(20, 30), (31, 17), (24, 24), (9, 40)]  # height, width


@pytest.fixture(params=[1, 2, 4])
def drawn_set(request, tmp_path):
    """A data set of so many channels in two folders, with ignored pixels, and probabilities."""
    channels, rng = request.param, np.random.default_rng(request.param)
    classes, probabilities = max(channels, 2), []
    for number, size in enumerate(SIZES):
        folder = "ab"[number % 2]
        for kind in ("images", "masks"):
            (tmp_path / kind / folder).mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 256, (*size, 3), np.uint8)
        label = rng.integers(0, classes, size).astype(np.uint8)
        label[:3] = 255 if number < 3 else label[:3]
        Image.fromarray(image).save(tmp_path / f"images/{folder}/{number}.png")
        Image.fromarray(label).save(tmp_path / f"masks/{folder}/{number}.png")
        if channels == 1:
            probabilities.append(rng.random(size).astype(np.float32))
        else:
            raw = rng.random((channels, *size)).astype(np.float32)
            probabilities.append(raw / raw.sum(0))
    given = {"images": "images", "masks": "masks", "mask_values": "index"}
    dataset = PairDataset("val", dataset_root=str(tmp_path), num_classes=channels, **given)
    return dataset, probabilities


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_pictures_table_and_matrix_are_scikit_learns(drawn_set, tmp_path):
    dataset, probabilities = drawn_set
    report = MetricReport(dataset.num_classes)
    halves = [Mistakes(dataset, tmp_path / "out", report) for _ in range(2)]  # of two processes
    everything = np.zeros((max(dataset.num_classes, 2),) * 2, int)
    expected = {}
    for index in range(len(dataset)):
        # the data set's order is by name: a/0, a/2, b/1, b/3
        number = int(dataset.pairs[index].image.stem)
        probability, (image, label) = probabilities[number], dataset.read(index)
        halves[index % 2](index, probability, label)
        report.update(probability, label)
        said = probability >= 0.5 if probability.ndim == 2 else probability.argmax(0)
        valid = label != 255
        true, said = label.astype(int), said.astype(int)
        counts = confusion_matrix(true[valid], said[valid], labels=range(len(everything)))
        everything += counts
        miou = jaccard_score(true[valid], said[valid], average="macro")
        expected[dataset.pairs[index].image.name] = (miou, counts, kinds(said, true, 255))
        picture = tmp_path / f"out/mistakes/{'ab'[number % 2]}/{number}.png"
        np.testing.assert_array_equal(
            np.asarray(Image.open(picture)), mistakes(image, kinds(said, true, 255))
        )
    np.testing.assert_array_equal(report.confusion, everything)
    halves[0].finish([half.state() for half in halves], 2, "a model")
    rows = rows_of(tmp_path / "out/images.csv")
    mious = [float(row["mIoU"]) for row in rows]
    assert mious == sorted(mious) and len(rows) == 4
    for row in rows:
        miou, counts, kind = expected[row["image"].split("/")[1]]
        assert float(row["mIoU"]) == pytest.approx(miou)
        assert int(row["pixels"]) == counts.sum() == (kind != IGNORED).sum()
        for key, number in (("right", HIT), ("false", FALSE), ("missed", MISSED)):
            assert int(row[key]) == (kind == number).sum()
        assert int(row["other_class"]) == (kind == OTHER).sum()
        assert (tmp_path / "out" / row["picture"]).is_file()
    sheet = np.asarray(Image.open(tmp_path / "out/worst.png"))
    assert sheet.shape[2] == 3 and sheet.shape[0] > 256


def test_an_image_that_is_wholly_ignored_has_no_score(tmp_path):
    for name, value in (("a", 255), ("b", 1)):
        for kind, picture in (("images", 7), ("masks", value)):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(np.full((8, 8), picture, np.uint8)).save(
                tmp_path / kind / f"{name}.png"
            )
    dataset = PairDataset(
        "val", dataset_root=str(tmp_path), images="images", masks="masks", mask_values="index"
    )
    watch = Mistakes(dataset, tmp_path / "out", MetricReport(1))
    for index in range(2):
        watch(index, np.full((8, 8), 0.9, np.float32), dataset.read(index)[1])
    watch.finish([watch.state()], 5, "a model")
    rows = rows_of(tmp_path / "out/images.csv")
    assert [(row["image"], row["mIoU"]) for row in rows] == [("b.png", "1.0"), ("a.png", "")]
    assert (tmp_path / "out/worst.png").is_file()


def test_the_data_set_is_not_overwritten(tmp_path):
    for kind in ("mistakes", "masks"):
        (tmp_path / kind).mkdir()
        Image.fromarray(np.ones((8, 8), np.uint8)).save(tmp_path / kind / "a.png")
    dataset = PairDataset(
        "val", dataset_root=str(tmp_path), images="mistakes", masks="masks", mask_values="index"
    )
    with pytest.raises(ValueError, match=r"mistakes/a\.png is of the data set and would be"):
        Mistakes(dataset, tmp_path, MetricReport(1))
