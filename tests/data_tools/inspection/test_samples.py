from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.data_tools.inspection import samples
from paddleseg_u2net.data_tools.inspection.inputs import of_folders
from paddleseg_u2net.data_tools.inspection.samples import PartDataset, choose, foreground, row
from paddleseg_u2net.datasets import PairingError
from paddleseg_u2net.io.images import read_mask, write_png

SIZE = 64


def write(folder, name, mask, image=None):
    shape = (*mask.shape, 3)
    grey = np.full(shape, 120, np.uint8) if image is None else image
    write_png(folder / "images" / f"{name}.png", grey)
    write_png(folder / "masks" / f"{name}.png", mask)


def square(high, value=255, side=20):
    mask = np.zeros((side, side), np.uint8)
    mask[:high] = value
    return mask


@pytest.fixture
def folder(tmp_path):
    """Masks with foreground in 0, 1, ... 20 of 20 lines; the names are in another order."""
    for lines in range(21):
        write(tmp_path, f"{(lines * 8) % 21:02d}", square(lines))
    return tmp_path


def dataset_of(folder, **arguments):
    return PartDataset(of_folders("all", folder / "images", folder / "masks"), **arguments)


# ---------------------------------------------------------------- two folders


def test_files_without_a_partner_are_told_and_the_others_shown(folder):
    (folder / "images" / "05.png").unlink()
    (folder / "masks" / "07.png").unlink()
    (folder / "masks" / "08.PNG").write_bytes(b"")
    dataset = dataset_of(folder)
    assert [pair.name for pair in dataset.pairs] == [
        f"{number:02}.png" for number in range(21) if number not in (5, 7, 8)
    ]
    said = sorted(text.replace(str(folder), "") for text in dataset.unpaired)
    assert [text.split(";")[0].split(" have ")[0] for text in said] == [
        "/images/07.png: expected its mask /masks/07.*, found none",
        "/masks/05.png: expected its image /images/05.*, found none",
        "/masks: 08.PNG and 08.png",
    ]


def test_folders_without_pairs(tmp_path):
    write(tmp_path, "a", square(3))
    (tmp_path / "masks" / "a.png").rename(tmp_path / "masks" / "a_mask.png")
    with pytest.raises(PairingError, match="expected images with masks of the same name"):
        dataset_of(tmp_path)
    with pytest.raises(PairingError, match="nowhere"):
        of_folders("all", tmp_path / "images", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("values", "coding", "classes"),
    [
        ([0, 255], "binary", 1),
        ([0, 1], "index", 1),
        ([0, 90, 255], "soft", 1),
        ([0, 1, 2], "index", 255),
        ([0, 4, 255], "index", 255),
        ([0, 38], "index", 255),
    ],
)
def test_how_masks_are_read_is_seen_from_them(tmp_path, values, coding, classes):
    for value in values:
        write(tmp_path, str(value), square(5, value))
    dataset = dataset_of(tmp_path)
    assert (dataset.mask_encoding, dataset.num_classes) == (coding, classes)


def test_classes_that_were_said_are_not_guessed(tmp_path):
    write(tmp_path, "a", square(5, 7))
    dataset = dataset_of(tmp_path, num_classes=3)
    assert (dataset.mask_encoding, dataset.num_classes) == ("index", 3)
    assert "got also 7" in row(dataset, 0, SIZE).error


def test_broken_masks_do_not_hinder(folder):
    (folder / "masks" / "00.png").write_bytes(b"nonsense")
    assert dataset_of(folder).mask_encoding == "binary"


# ---------------------------------------------------------------- which ones


def test_random_ones_differ_by_seed_only(folder):
    dataset = dataset_of(folder)
    first, _ = choose(dataset, 5, "random", 0)
    assert first == choose(dataset, 5, "random", 0)[0] == sorted(set(first)) and len(first) == 5
    assert len({tuple(choose(dataset, 5, "random", seed)[0]) for seed in range(5)}) == 5


@pytest.mark.parametrize("order", samples.ORDERS)
def test_more_than_there_are_is_all(folder, order):
    chosen, errors = choose(dataset_of(folder), 1000, order, 0)
    assert sorted(chosen) == list(range(21)) and errors == {}


def test_by_name(folder):
    dataset = dataset_of(folder)
    dataset.pairs.reverse()
    chosen, _ = choose(dataset, 3, "name", 0)
    assert [dataset.pairs[i].name for i in chosen] == ["00.png", "01.png", "02.png"]


def test_evenly_over_the_foreground(folder):
    dataset, read = dataset_of(folder), []
    chosen, _ = choose(dataset, 5, "foreground", 0, read.append)
    shares = [foreground(dataset.read(i)[1], 255) for i in chosen]
    assert shares == [0, 0.25, 0.5, 0.75, 1] and sum(read) == 21
    assert choose(dataset, 1, "foreground", 0)[0] == chosen[:1]


def test_masks_that_cannot_be_read_come_first(folder):
    (folder / "masks" / "09.png").write_bytes(b"nonsense")
    chosen, errors = choose(dataset_of(folder), 3, "foreground", 0)
    assert chosen[0] == 9 and list(errors) == [9] and "09.png" in errors[9]


# ---------------------------------------------------------------- what is shown


@pytest.mark.parametrize(
    ("label", "share"),
    [
        (np.array([[0, 1], [1, 255]], np.uint8), 2 / 3),
        (np.array([[0, 2], [3, 0]], np.uint8), 0.5),
        (np.array([[0.5, 1], [0, 255]], np.float32), 0.5),
        (np.full((2, 2), 255, np.uint8), 0),
    ],
)
def test_foreground_is_of_what_counts(label, share):
    assert foreground(label, 255) == pytest.approx(share)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.99999, "99.9 %"), (0.00001, "< 0.01 %"), (0.0123, "1.2 %"),
     (0.1234, "12.3 %"), (0.5, "50 %")],
)  # fmt: skip
def test_percent(share, text):
    assert samples.percent(share) == text


def test_a_row_of_an_image_and_its_mask(folder):
    found = row(dataset_of(folder), 8, SIZE)
    image, mask = found.cells
    assert image.lines == ("08.png", "20 x 20") and mask.lines == ("5 % foreground", "")
    assert image.picture.shape == mask.picture.shape == (SIZE, SIZE, 3)
    assert (image.picture == 120).all() and (mask.picture[50:] == 120).all()
    assert (mask.picture[0] != 120).any()
    assert found.classes == {1} and found.error == ""


@pytest.mark.parametrize(
    ("mask", "second", "warns", "classes"),
    [
        (square(0), "empty mask", True, set()),
        (square(20), "full mask", True, {1}),
        (square(5), "", False, {1}),
    ],
)
def test_what_is_said_of_a_mask_of_one_class(tmp_path, mask, second, warns, classes):
    write(tmp_path, "a", mask)
    write(tmp_path, "b", square(3))
    found = row(dataset_of(tmp_path), 0, SIZE)
    assert (found.cells[1].lines[1], found.cells[1].warning) == (second, warns)
    assert found.classes == classes


def test_what_is_said_of_soft_masks_and_of_ignored_parts(tmp_path):
    soft = square(10)
    soft[10:15] = 128
    write(tmp_path, "a", soft)
    found = row(dataset_of(tmp_path), 0, SIZE)
    assert found.cells[1].lines == ("62.5 % foreground", "soft in 25 %")
    write(tmp_path, "a", np.where(soft == 128, 255, square(10, 1)).astype(np.uint8))
    found = row(dataset_of(tmp_path, mask_values="index"), 0, SIZE)
    assert found.cells[1].lines == ("66.7 % foreground", "25 % is ignored")
    assert found.classes == {1, 255}
    write(tmp_path, "a", np.full((9, 9), 255, np.uint8))
    found = row(dataset_of(tmp_path, mask_values="index"), 0, SIZE)
    assert found.cells[1].lines[1] == "all of it is ignored" and found.cells[1].warning


def test_several_classes_are_told_by_name(tmp_path):
    mask = square(10, 1)
    mask[15:] = 3
    write(tmp_path, "a", mask)
    dataset = dataset_of(tmp_path)
    found = row(dataset, 0, SIZE, names=("background", "disc"))
    assert found.cells[1].lines == ("75 % foreground", "disc 50 %, class 3 25 %")
    assert found.classes == {1, 3}
    entries = samples.legend({3, 1, 255}, dataset, ("background", "disc"))
    assert [name for _, name in entries] == ["1 disc", "class 3", "ignored (255)"]
    assert entries[2][0] is None and entries[0][0] != entries[1][0]
    write(tmp_path, "a", square(3))
    assert [name for _, name in samples.legend({1}, dataset_of(tmp_path), ())] == ["foreground"]


@pytest.mark.parametrize(
    ("part", "shown"), [("images", ("08.png", "cannot be used")), ("masks", ("cannot be used", ""))]
)
def test_what_is_broken_becomes_a_cell(folder, part, shown):
    (folder / part / "08.png").write_bytes(b"nonsense")
    found = row(dataset_of(folder), 8, SIZE, epochs=3)
    cell = found.cells[-1]
    assert len(found.cells) == (1 if part == "images" else 2)
    assert cell.picture is None and cell.lines == shown
    assert cell.error.startswith("08.png: expected a picture")
    assert found.error.startswith(str(folder / part / "08.png"))


def test_masks_of_another_size(tmp_path):
    write(tmp_path, "a", square(5), np.zeros((40, 40, 3), np.uint8))
    found = row(dataset_of(tmp_path), 0, SIZE)
    assert "40x40, got 20x20" in found.cells[1].error and str(tmp_path) not in found.cells[1].error
    assert row(dataset_of(tmp_path, mismatched_masks="resize"), 0, SIZE).error == ""


# ---------------------------------------------------------------- augmentation


def test_augmented_cells_are_what_training_is_shown(folder):
    seeds = []

    def shifted(data):
        seeds.append(np.random.randint(1 << 30))
        data["img"], data["label"] = data["img"][5:] + 9, data["label"][5:]
        return data

    dataset = dataset_of(folder, transforms=[shifted])
    cells = row(dataset, 8, SIZE, seed=7, epochs=2).cells[2:]
    shown, seeds[:] = list(seeds), []
    for epoch, cell in enumerate(cells):
        image, label = dataset.augmented(8, (7, epoch, 8))
        assert cell.lines[0] == f"20 x 15, {samples.percent(foreground(label, 255))}"
        assert (cell.picture[-1] == image[0, 0, 0]).all()
    assert shown == seeds and len(set(seeds)) == 2


def test_objects_that_are_cut_away_are_marked(folder):
    def lower_half(data):
        data["img"], data["label"] = data["img"][10:], data["label"][10:]
        return data

    dataset = dataset_of(folder, transforms=[lower_half])
    few, many, none = (row(dataset, i, SIZE, epochs=1).cells[2] for i in (16, 18, 0))
    assert read_mask(dataset.pairs[16].mask).any()
    assert few.warning and few.lines == ("20 x 10, 0 %", "nothing of it is left")
    assert not many.warning and not none.warning


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("too small"), RuntimeError("odd")])
def test_transforms_that_fail_become_a_cell(folder, error):
    calls = []

    def fails(data):
        calls.append(1)
        if len(calls) > 1:
            raise error
        return data

    found = row(dataset_of(folder, transforms=[fails]), 8, SIZE, epochs=4)
    assert len(found.cells) == 4 and str(error) in found.cells[3].error
    assert str(folder / "images" / "08.png") in found.error
    assert ("KeyError" in found.error) == isinstance(error, KeyError)
