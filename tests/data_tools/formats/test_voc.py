"""PASCAL VOC's layout, as published and as other tools export it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.annotations.classes import Classes, voc_colour
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.formats import voc
from paddleseg_u2net.datasets.pairing import PairingError
from tests.data_tools.formats.drawn import splits

SHAPE = (2, 6)
VALUES = np.resize(np.array([0, 1, 15, 20, 255], np.uint8), SHAPE)
PALETTE = [channel for number in range(256) for channel in voc_colour(number)]


def image(place, name, suffix=".jpg"):
    path = place / "JPEGImages" / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 2)).save(path)
    return path


def indexed(place, name, values=VALUES, folder="SegmentationClass"):
    path = place / folder / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(values, "L")
    picture.putpalette(PALETTE)
    picture.save(path)
    return path


def lists(place, **names):
    folder = place / "ImageSets/Segmentation"
    folder.mkdir(parents=True, exist_ok=True)
    for list_name, lines in names.items():
        (folder / f"{list_name}.txt").write_text("\n".join(lines) + "\n")


def year(root, *names, number=2012):
    """A year of VOC: these images with masks, and one without."""
    place = root / f"VOC{number}"
    for name in names:
        image(place, name)
        indexed(place, name)
    image(place, f"{number}_999999")
    (place / "SegmentationObject").mkdir()
    return place


def masks(collection):
    return {record.name: record.mask.read(SHAPE) for record in collection.samples}


def test_official_data_is_read_as_published(tmp_path):
    place = year(tmp_path / "VOCdevkit", "2007_000032", "2007_000039", "2007_000063")
    lists(
        place,
        train=["2007_000032"],
        val=["2007_000039"],
        trainval=["2007_000032", "2007_000039", "2007_000063"],
        test=["2008_000001"],
    )
    for root in (tmp_path, tmp_path / "VOCdevkit", place):
        collection = voc.read(root)
        assert collection.classes == ("background", *voc.VOC_CLASSES)
        assert len(collection.classes) == 21
        assert splits(collection) == {
            "2007_000032": "train",
            "2007_000039": "val",
            "2007_000063": "",
        }
        record = collection.samples[0]
        assert record.image == place / "JPEGImages/2007_000032.jpg"
        assert np.array_equal(record.mask.read(SHAPE), VALUES)
        assert record.mask.file == place / "SegmentationClass/2007_000032.png"
        assert not collection.soft
        assert "left out, without a mask: 1 images" in collection.remarks
        assert "left out, in test.txt but without a mask: 1 images" in collection.remarks
        assert not any("named as in PASCAL" in remark for remark in collection.remarks)


def test_masks_of_the_augmented_set_are_added(tmp_path):
    place = year(tmp_path, "a", "b")
    image(place, "c")
    other = np.where(VALUES == 255, np.uint8(0), VALUES)
    for name in "bc":  # those of the official data are kept where both have one
        indexed(place, name, other, folder="SegmentationClassAug")
    lists(place, train=["a"], val=["b"], trainaug=["a", "c"])
    collection = voc.read(tmp_path)
    assert {r.name: r.split for r in collection.samples} == {"a": "train", "b": "val", "c": "train"}
    found = masks(collection)
    assert np.array_equal(found["b"], VALUES) and np.array_equal(found["c"], other)


def test_classes_may_be_chosen_in_indices_and_colours(tmp_path):
    place = year(tmp_path, "a", "b")
    colours = np.array([voc_colour(value) for value in VALUES.flat], np.uint8)
    Image.fromarray(colours.reshape(*SHAPE, 3)).save(place / "SegmentationClass/b.png")
    collection = voc.read(place, Classes({"human": ("person",)}, ignored=("tvmonitor",)))
    assert collection.classes == ("background", "human")
    wanted = np.array([0, 0, 1, 255, 255])
    for mask in masks(collection).values():
        assert np.array_equal(mask, np.resize(wanted, SHAPE))
    assert collection.samples[0].mask.file is None


def test_names_in_a_list_replace_those_of_voc(tmp_path):
    place = year(tmp_path, "a")
    indexed(place, "a", np.resize(np.array([0, 1, 2], np.uint8), SHAPE))
    (place / "class_names.txt").write_text("__ignore__\n_background_\ncat\nbig dog\n")
    collection = voc.read(place)
    assert collection.classes == ("background", "cat", "big dog")
    assert np.unique(masks(collection)["a"]).tolist() == [0, 1, 2]
    (place / "class_names.txt").rename(place / "labels.txt")
    (place / "labels.txt").write_text("cat\ndog\n")
    assert voc.read(place).classes == ("background", "cat", "dog")
    (place / "labels.txt").write_text("cat\ncat\n")
    with pytest.raises(AnnotationError, match=r"labels\.txt.*name of its own"):
        voc.read(place)


def test_a_labelmap_gives_colours_and_the_numbers_of_lines(tmp_path):
    place = tmp_path / "export"
    (place / "SegmentationClass").mkdir(parents=True)
    (place / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbird:9,0,0::\nbackground:0,0,0::\ncat:0,9,0::\n"
    )
    colours = [(0, 0, 0), (9, 0, 0), (0, 9, 0), (224, 224, 192)]
    pixels = np.array([colours[n % 4] for n in range(12)], np.uint8).reshape(*SHAPE, 3)
    for name in ("rgb", "palette", "grey"):
        image(place, name)
    Image.fromarray(pixels).save(place / "SegmentationClass/rgb.png")
    picture = Image.fromarray(np.resize(np.array([2, 1, 0, 3], np.uint8), SHAPE), "L")
    picture.putpalette([0, 9, 0, 9, 0, 0, 0, 0, 0, 224, 224, 192])
    picture.save(place / "SegmentationClass/palette.png")
    lines = np.resize(np.array([1, 0, 2, 255], np.uint8), SHAPE)
    Image.fromarray(lines).save(place / "SegmentationClass/grey.png")
    collection = voc.read(place)
    assert collection.classes == ("background", "bird", "cat")
    for name, mask in masks(collection).items():
        assert np.array_equal(mask, np.resize(np.array([0, 1, 2, 255]), SHAPE)), name


def test_what_stands_in_two_lists_is_not_trained_on(tmp_path):
    place = year(tmp_path, "a", "b", "c")
    lists(place, train=["a", "b", "c"], val=["b"], test=["a"])
    collection = voc.read(place)
    assert [r.split for r in collection.samples] == ["test", "val", "train"]
    assert any("in several lists" in r and r.endswith("a, b") for r in collection.remarks)


@pytest.mark.parametrize("listed", ["", "train", "val"])
def test_masks_without_image_and_the_reverse_are_bad(tmp_path, listed):
    place = year(tmp_path, "a")
    if listed:
        lists(place, **{listed: ["a", "b"]})
    else:
        indexed(place, "b")
    collection = voc.read(place)
    assert [record.name for record in collection.samples] == ["a"]
    assert [(item.image.name, item.missing) for item in collection.bad] == [("b", True)]
    assert not listed or f"{listed}.txt: b has no mask" in collection.bad[0].why


def test_exports_in_any_depth_are_all_read(tmp_path):
    for place in ("a", "b/c", "b/d/e/f"):
        image(tmp_path / place, "x")
        indexed(tmp_path / place, "x", np.full(SHAPE, 1, np.uint8))
    (tmp_path / "class_names.txt").write_text("cat\n")
    (tmp_path / "b/d/class_names.txt").write_text("dog\ncat\n")
    with pytest.raises(AnnotationError, match=r"b/d/e/f: .*classes of a \(cat\), got dog, cat;"):
        voc.read(tmp_path)
    (tmp_path / "class_names.txt").write_text("cat\ndog\n")
    found = voc.read(tmp_path)
    assert found.classes == ("background", "cat", "dog")
    # Numbers are those of the first export, whatever they are in the others.
    assert {name: int(mask.max()) for name, mask in masks(found).items()} == {
        "a/x": 1,
        "b/c/x": 1,
        "b/d/e/f/x": 2,
    }


def test_other_layouts_are_refused(tmp_path):
    def refused(said, root=tmp_path, kind=AnnotationError):
        with pytest.raises(kind, match=said):
            voc.read(root)

    (tmp_path / "images").mkdir()
    refused("JPEGImages and SegmentationClass.*got images")
    refused("no folder", tmp_path / "none")
    (tmp_path / "SegmentationClass").mkdir()
    refused("expected masks", kind=PairingError)
    indexed(tmp_path, "A")
    refused("JPEGImages: expected a folder")
    image(tmp_path, "a", ".PNG")
    assert voc.read(tmp_path).samples[0].image.name == "a.PNG"


def test_letter_case_tells_images_apart_if_it_has_to(tmp_path):
    place = year(tmp_path, "cat", "Cat")
    found = {record.mask.path.stem: record.image.stem for record in voc.read(place).samples}
    assert found == {"cat": "cat", "Cat": "Cat"}
