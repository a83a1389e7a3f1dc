"""Several COCO files as one data set."""

import json

import numpy as np
import pytest

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.formats import coco
from paddleseg_u2net.io.images import write_image
from tests.data_tools.formats.drawn import as_text, splits

SIZE = (4, 6)
CATS = ("cat", "dog")


def _tree(names, objects=(), categories=CATS):
    """A COCO file; objects are (image, category, left, top, right, bottom)."""
    return {
        "images": [
            {"id": number, "file_name": name, "width": 6, "height": 4}
            for number, name in enumerate(names)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(categories)],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": categories.index(category),
                "iscrowd": 0,
                "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
            }
            for number, (image, category, left, top, right, bottom) in enumerate(objects)
        ],
    }


def _write(path, images, names, *objects, categories=CATS):
    """A COCO file and its images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_tree(names, objects, categories)))
    for name in names:
        write_image(images / name, np.zeros((*SIZE, 3), np.uint8))
    return path, images


def _roboflow(root, part, names, *objects, categories=CATS):
    path = root / part / "_annotations.coco.json"
    return _write(path, path.parent, names, *objects, categories=categories)


def test_an_export_of_roboflow(tmp_path):
    _roboflow(tmp_path, "train", ["a.jpg", "b.jpg"], (0, "dog", 1, 1, 3, 4))
    _roboflow(tmp_path, "valid", ["c.jpg"], (0, "cat", 0, 0, 6, 1))
    _roboflow(tmp_path, "test", ["d.jpg"], (0, "cat", 0, 0, 6, 1))
    files = coco.find(tmp_path)
    assert files == [
        (tmp_path / part / "_annotations.coco.json", tmp_path / part)
        for part in ("test", "train", "valid")
    ]
    found = coco.read(files)
    assert found.classes == ("background", "cat", "dog")
    assert splits(found) == {"a": "train", "b": "train", "c": "val", "d": "test"}
    assert as_text(found.samples[0]) == ["......", ".22...", ".22...", ".22..."]
    assert as_text(found.samples[2]) == ["111111", "......", "......", "......"]
    remark = "train/_annotations.coco.json: without objects, so all background: 1 image"
    assert found.remarks == [remark]


@pytest.mark.parametrize("folder", ["", "images/"])
def test_the_layout_of_coco_and_that_of_cvat(tmp_path, folder):
    for part in ("train2017", "val2017", "default"):
        images = tmp_path / f"{folder}{part}"
        _write(tmp_path / "annotations" / f"instances_{part}.json", images, [f"{part}.jpg"])
        files = coco.find(tmp_path)
        assert (tmp_path / "annotations" / f"instances_{part}.json", images) in files
    samples = coco.read(files).samples
    assert [sample.split for sample in samples] == ["", "train", "val"]


@pytest.mark.parametrize(
    "file, images, split",
    [
        ("valid/labels.json", "pictures", "val"),
        ("test/instances_train2017.json", "train", "test"),
        ("annotations/my_val_set.json", "pictures", "val"),
        ("annotations/trained.json", "pictures", ""),
        ("labels.json", "Train2014", "train"),
    ],
)
def test_what_says_the_split(tmp_path, file, images, split):
    pair = _write(tmp_path / file, tmp_path / images, ["a.jpg"])
    other = _write(tmp_path / "other/x.json", tmp_path / "other", ["b.jpg"])
    assert [sample.split for sample in coco.read([pair, other]).samples] == [split, ""]
    # A single file is to be divided.
    assert [sample.split for sample in coco.read([pair]).samples] == [""]


def test_images_in_two_parts_are_taken_once_with_resplit(tmp_path):
    pictures = tmp_path / "images"
    cat, dog = (0, "cat", 0, 0, 1, 1), (0, "dog", 0, 0, 1, 1)
    files = [
        _write(tmp_path / f"{part}.json", pictures, ["a.jpg", "b.jpg"][:count], cat)
        for part, count in (("train", 2), ("val", 1))
    ]
    with pytest.raises(AnnotationError, match=r"a\.jpg: is in train\.json .*--resplit"):
        coco.read(files)
    found = coco.read(files, resplit=True)
    assert [record.name for record in found.samples] == ["a", "b"]
    assert "1 image is in several parts, and taken once" in found.remarks
    _write(tmp_path / "val.json", pictures, ["a.jpg"], dog)
    with pytest.raises(AnnotationError, match=r"a\.jpg: is in .* with different masks"):
        coco.read(files, resplit=True)


@pytest.mark.parametrize(
    "file, images",
    [
        ("val_instances_default.json", "images"),
        ("instances_val.json", "images/valid"),
        ("instances_val.json", "VAL"),
        ("val_annotations.coco.json", "annotations"),
    ],
)
def test_other_names_of_files_and_folders(tmp_path, file, images):
    pair = _write(tmp_path / "annotations" / file, tmp_path / images, ["b.jpg"])
    _write(tmp_path / "annotations/instances_train.json", tmp_path / "images", ["a.jpg"])
    assert pair in coco.find(tmp_path)
    found = coco.read_folder(tmp_path)
    assert {record.name: record.split for record in found.samples} == {"a": "train", "b": "val"}


def test_what_is_not_read_below_a_folder_is_said(tmp_path):
    _roboflow(tmp_path, "train", ["a.jpg"], (0, "cat", 0, 0, 1, 1))
    write_image(tmp_path / "train/extra.jpg", np.zeros((*SIZE, 3), np.uint8))
    (tmp_path / "captions_train.json").write_text("{}")
    found = coco.read_folder(tmp_path)
    assert [(record.name, record.split) for record in found.samples] == [("a", "")]
    assert found.remarks == [
        f"left out, in none of these files: 1 image below {tmp_path}/train (extra.jpg)",
        "not read, for their names are not those of COCO files: captions_train.json",
    ]
    _roboflow(tmp_path, "valid", ["b.jpg"])
    write_image(tmp_path / "test/c.jpg", np.zeros((*SIZE, 3), np.uint8))
    found = coco.read_folder(tmp_path)
    assert any("2 images below" in said and "test/c.jpg" in said for said in found.remarks)


@pytest.mark.parametrize(
    "file, images",
    [
        ("result.json", "images"),  # Label Studio
        ("annotations/train.json", "images"),  # PaddleX, MMDetection
        ("annotations/train.json", "train"),
    ],
)
def test_a_file_of_any_name_if_there_is_no_usual_one(tmp_path, file, images):
    _write(tmp_path / file, tmp_path / images, ["a.jpg"], (0, "cat", 0, 0, 1, 1))
    (tmp_path / "notes.json").write_text('{"categories": []}')
    found = coco.read_folder(tmp_path)
    assert [record.image for record in found.samples] == [tmp_path / images / "a.jpg"]
    assert as_text(found.samples[0])[0] == "1....."
    assert any("not read" in said and "notes.json" in said for said in found.remarks)


def test_a_supercategory_that_one_part_uses_is_a_class_of_all(tmp_path):
    def with_parent(path, images):
        tree = json.loads(path.read_text())
        tree["categories"][1]["supercategory"] = "cat"
        path.write_text(json.dumps(tree))
        return path, images

    names = {"train": (0, "dog", 0, 0, 1, 1), "valid": (0, "cat", 0, 0, 1, 1)}
    files = [
        with_parent(*_roboflow(tmp_path, part, [f"{part}.jpg"], item))
        for part, item in names.items()
    ]
    assert coco.read(files).classes == ("background", "cat", "dog")
    assert coco.read(files[:1]).classes == ("background", "dog")
