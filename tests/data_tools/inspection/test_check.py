"""What is found in data sets that have something wrong with them, and in sound ones."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.inspection import inputs as of
from paddleseg_u2net.data_tools.inspection.check import check, listable
from paddleseg_u2net.data_tools.inspection.findings import by_kind, dropped
from paddleseg_u2net.data_tools.inspection.inputs import Settings
from paddleseg_u2net.data_tools.inspection.scan import scan
from tests.data_tools.inspection.making import add, blob, saved, texture

SMALL = Settings(size=(64, 64))


def checked(*parts, settings=SMALL):
    facts = [scan(part.pairs, settings.channels) for part in parts]
    return check(parts, facts, settings)


def folder(root, name="all", **changes):
    part = of.of_folders(name, root / "images", root / "masks")
    for key, value in changes.items():
        setattr(part, key, value)
    return part


def kinds(result):
    return {kind: len(found) for kind, found in by_kind(result.findings).items()}


def only(result):
    (finding,) = result.findings
    return finding


@pytest.fixture
def sound(tmp_path):
    for name in ("a", "b", "c", "d"):
        add(tmp_path, name)
    return tmp_path


def test_nothing_is_wrong_with_a_sound_set(sound):
    result = checked(folder(sound))
    assert result.findings == [] and result.encodings == {"all": "binary"}


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ((80, 60), "it lies on its side"),
        ((40, 40), "bring the mask of this image"),
    ],
)
def test_a_mask_of_another_size_is_an_error_with_the_repair(sound, shape, why):
    saved(sound / "masks/b.png", blob(shape=shape))
    finding = only(checked(folder(sound)))
    assert (finding.kind, finding.severity) == ("size", "error")
    assert f"80x60, got {shape[1]}x{shape[0]} (width x height); {why}" in finding.message
    assert finding.files[0].endswith("masks/b.png") and finding.drop == (("all", "b.png"),)


def test_an_image_turned_by_exif_and_its_mask(sound):
    tags = Image.Exif()
    tags[0x0112] = 3
    saved(sound / "images/a.png", texture(1), exif=tags)
    assert kinds(checked(folder(sound))) == {"turned": 1}
    saved(sound / "masks/a.png", blob(1), exif=tags)
    assert kinds(checked(folder(sound))) == {}
    tags[0x0112] = 6
    saved(sound / "images/a.png", texture(1), exif=tags)
    saved(sound / "masks/a.png", blob(1))
    assert "lies on its side" in only(checked(folder(sound))).message


def test_values_that_are_no_class_are_errors(sound):
    mask = blob()
    mask[:6, :8] = 7
    saved(sound / "masks/c.png", mask)
    finding = only(checked(folder(sound)))
    assert finding.kind == "values"
    assert "expected binary values (num_classes 1)" in finding.message
    assert "got 7 in 1 % of its pixels" in finding.message


def test_a_mask_of_classes_among_masks_of_255_is_found(sound):
    saved(sound / "masks/c.png", blob(top=1))
    finding = only(checked(folder(sound)))
    assert finding.kind == "values" and finding.files[0].endswith("c.png")


def test_masks_without_a_meaning_are_one_error(sound):
    for name in "abcd":
        saved(sound / f"masks/{name}.png", blob(top=7))
    result = checked(folder(sound))
    finding = only(result)
    assert finding.kind == "coding" and "--num_classes" in finding.message
    assert result.encodings == {"all": None}
    table = checked(folder(sound, mask_values={0: 0, 7: 1}))
    assert table.findings == []


def test_numbers_of_objects_are_told_from_classes(tmp_path):
    for name, count in zip("abc", (1, 3, 2)):
        mask = np.zeros((60, 80), np.uint8)
        for number in range(1, count + 1):
            mask[20:40, 20 * number - 10 : 20 * number] = number
        add(tmp_path, name, None, mask)
    settings = SMALL._replace(num_classes=4)
    found = only(checked(folder(tmp_path), settings=settings))
    assert found.kind == "instances" and found.severity == "warning"
    assert found.files == (str(tmp_path / "masks/b.png"),)
    for part in ("all: ", "seem to number objects", "mask_values: instance", "class_names"):
        assert part in found.message
    # Where somebody has named them, they are classes; read as objects, they are one class.
    assert checked(folder(tmp_path), settings=settings._replace(named=True)).findings == []
    read = checked(folder(tmp_path, mask_values="instance"))
    assert read.findings == [] and read.encodings == {"all": "instance"}
    # With one class asked for, there is no telling, and the reason is the same.
    assert "seem to number objects" in only(checked(folder(tmp_path))).message
    mask[mask == 1] = 0  # as classes do
    add(tmp_path, "d", None, mask)
    assert checked(folder(tmp_path), settings=settings).findings == []


def test_several_classes_and_the_ignored_one(tmp_path):
    settings = SMALL._replace(num_classes=3)
    for name, top in (("a", 1), ("b", 2), ("c", 2)):
        mask = blob(top=top)
        mask[0] = 255
        add(tmp_path, name, mask=mask)
    result = checked(folder(tmp_path), settings=settings)
    assert result.findings == [] and result.encodings == {"all": "index"}
    result = checked(folder(tmp_path), settings=SMALL._replace(num_classes=4))
    assert kinds(result) == {"unused": 1} and "class 3" in result.findings[0].message
    saved(tmp_path / "masks/a.png", np.full((60, 80), 255, np.uint8))
    saved(tmp_path / "masks/b.png", np.full((60, 80), 1, np.uint8))
    result = checked(folder(tmp_path, mask_values="index"), settings=settings)
    assert kinds(result) == {"full": 1, "ignored": 1}
    saved(tmp_path / "masks/a.png", blob(top=3))
    result = checked(folder(tmp_path), settings=settings)
    assert kinds(result)["values"] == 1


def test_empty_and_full_masks_are_warnings(sound):
    saved(sound / "masks/a.png", np.zeros((60, 80), np.uint8))
    saved(sound / "masks/b.png", np.full((60, 80), 255, np.uint8))
    assert kinds(checked(folder(sound))) == {"empty": 1, "full": 1}


def test_masks_that_jpeg_has_damaged(sound):
    (sound / "masks/b.png").unlink()
    noisy = Image.fromarray(blob())
    saved(sound / "masks/b.jpg", noisy, quality=30)
    finding = only(checked(folder(sound, mask_values="soft")))
    assert finding.kind == "soft" and "PNG" in finding.message
    finding = only(checked(folder(sound, mask_values="binary")))
    assert finding.kind == "values" and "JPEG changes values" in finding.message


def test_soft_masks_are_strange_among_hard_ones_only(sound):
    soft = np.repeat(np.linspace(0, 255, 80).astype(np.uint8)[None], 60, 0)
    saved(sound / "masks/a.png", soft)
    assert kinds(checked(folder(sound))) == {"soft": 1}
    for name in "bc":
        saved(sound / f"masks/{name}.png", soft)
    assert kinds(checked(folder(sound))) == {}


def test_a_mask_of_classes_among_soft_ones_is_called_empty(sound):
    soft = np.repeat(np.linspace(0, 255, 80).astype(np.uint8)[None], 60, 0)
    for name in "abc":
        saved(sound / f"masks/{name}.png", soft)
    saved(sound / "masks/d.png", blob(top=1))
    result = checked(folder(sound))
    assert result.encodings == {"all": "soft"} and kinds(result) == {"empty": 1}
    assert "the highest value is 0.00392 of 1" in only(result).message


def test_the_same_image_in_two_parts_is_an_error(sound, tmp_path):
    val = tmp_path / "val"
    add(val, "z")
    shutil.copy(sound / "images/b.png", val / "images/z.png")
    result = checked(folder(sound, "train"), folder(val, "val"))
    assert kinds(result) == {"leak": 1}
    assert result.findings[0].drop == (("train", "b.png"),)


def test_all_versions_of_an_image_of_another_part_are_dropped(sound, tmp_path):
    for number in (1, 2, 3):
        again = Image.open(sound / "images/b.png").resize((70 + number, 52), Image.BICUBIC)
        add(sound, f"b{number}", image=again, mask=blob(shape=(52, 70 + number)))
    val = tmp_path / "val"
    add(val, "z", image=Image.open(sound / "images/b.png").resize((66, 50), Image.BICUBIC),
        mask=blob(shape=(50, 66)))  # fmt: skip
    train = folder(sound, "train")
    result = checked(train, folder(val, "val"))
    names = ["b.png", "b1.png", "b2.png", "b3.png"]
    assert dropped(result.findings) == [("train", name) for name in names]
    train.pairs = [pair for pair in train.pairs if pair.name not in names]
    assert kinds(checked(train, folder(val, "val"))) == {}


def test_copies_within_a_part(sound):
    shutil.copy(sound / "images/a.png", sound / "images/c.png")
    smaller = Image.open(sound / "images/b.png").resize((70, 52), Image.BICUBIC)
    add(sound, "d", smaller, blob(shape=(52, 70)))
    result = checked(folder(sound))
    assert kinds(result) == {"copy": 1, "near": 1}
    assert dropped(result.findings) == [("all", "c.png")]


def test_small_images(sound):
    result = checked(folder(sound), settings=SMALL._replace(size=(320, 320)))
    assert kinds(result) == {"small": 4}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b.png", True),
        ("größe.png", True),
        ("two\nlines.png", False),
        ("a\u2028b.png", False),
        ("tab\t.png", False),
        ("#1.png", False),
        (" a.png", False),
        ("\udce9.png", False),
    ],
)
def test_names_that_a_list_can_hold(name, expected):
    assert listable(name) is expected


def test_the_parts_of_a_root_are_its_lists_with_their_problems(sound):
    (sound / "val_list.txt").write_text("images/a.png masks/a.png\nimages/a.png\nno.png no.jpg\n")
    (sound / "train_list.txt").write_text("images/b.png masks/b.png\nimages/b.png masks/b.png\n")
    train, val = of.of_root(sound)
    assert (train.name, val.name) == ("train", "val")
    assert kinds(checked(train, val)) == {"line": 1, "missing": 1, "repeated": 1}
    (sound / "val_list.txt").write_text("images/a.png\tmasks/gone.png\n")
    assert kinds(checked(*of.of_root(sound)))["missing"] == 1
