"""YOLO data sets: masks drawn by hand, layouts of several tools, and everything they get wrong."""

from functools import partial

import numpy as np
import pytest

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError, Bad
from paddleseg_u2net.data_tools.formats import yolo
from paddleseg_u2net.io.images import write_image
from tests.data_tools.formats.drawn import as_text, splits

# Images are 8 x 4: width, height.
SIZE = (4, 8)
_rows = partial(as_text, size=SIZE)
NAMES = "names: [cat, dog]\n"
ROBOFLOW = (
    "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\n"
    "names: ['cat', 'dog']\n\nroboflow:\n  workspace: me\n  version: 1\n"
)


def _box(number, left, top, right, bottom):
    """A line with a rectangle, given in pixels."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return " ".join([str(number), *(f"{x / 8} {y / 4}" for x, y in corners)])


CAT, DOG = _box(0, 0, 0, 2, 1), _box(1, 4, 1, 8, 3)


def _put(root, image, *lines):
    """An image, and the label file that belongs to it; ``None`` for none."""
    path = root / image
    write_image(path, np.zeros((*SIZE, 3), np.uint8))
    if None not in lines:
        label = root / f"/{image}".replace("/images/", "/labels/").lstrip("/")
        label = label.with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _one(root, *lines, names=NAMES):
    """A data set of one image with these lines."""
    _put(root, "images/train/a.jpg", *lines)
    (root / "data.yaml").write_text(f"path: .\ntrain: images/train\n{names}", encoding="utf-8")
    return yolo.read(root)


def _places(found):
    return [(record.name, record.split) for record in found.samples]


def test_polygons_cover_their_pixels(tmp_path):
    found = _one(tmp_path, CAT, DOG)
    assert found.classes == ("background", "cat", "dog")
    assert _places(found) == [("a", "train")]
    assert _rows(found.samples[0]) == ["11......", "....2222", "....2222", "........"]
    assert found.remarks == [] and not found.soft
    assert found.samples[0].mask.file is None and found.samples[0].group == ""


def test_small_objects_stay_to_be_seen(tmp_path):
    small, large = _box(0, 1, 1, 2, 2), _box(1, 0, 0, 8, 4)
    for lines in ((small, large), (large, small)):
        rows = _rows(_one(tmp_path, *lines).samples[0])
        assert rows == ["22222222", "21222222", "22222222", "22222222"]


def test_an_export_of_roboflow(tmp_path):
    root = tmp_path / "mine"
    (root / "x").mkdir(parents=True)
    (root / "data.yaml").write_text(ROBOFLOW)
    _put(root, "train/images/a_jpg.rf.01.jpg", CAT)
    _put(root, "train/images/b_jpg.rf.02.jpg", DOG)
    _put(root, "valid/images/c_jpg.rf.03.jpg", DOG)
    # Another export, unpacked beside this one.
    _put(tmp_path, "train/images/other.jpg", CAT)
    found = yolo.read(root)
    assert splits(found) == {"a_jpg.rf.01": "train", "b_jpg.rf.02": "train", "c_jpg.rf.03": "val"}
    assert _rows(found.samples[0])[0] == "11......"
    assert found.remarks == ["test is left out: ../test/images is not there"]
    assert _places(yolo.read(root / "data.yaml")) == _places(found)


TWO = ["images/train/a.jpg", "images/val/b.jpg"]
LAYOUTS = {
    **{
        f"path: {path}": (
            TWO,
            f"path: {path} # dataset root\nTRAIN: images/train\nValidation: /content/x/images/val\n"
            "test: # optional\n",
            [("a", "train"), ("b", "val")],
            [],
        )
        for path in ("../datasets/coco8-seg", "")
    },
    "images twice": (["images/x/a.jpg"], "train: images\n", [("x/a", "train")], []),
    "labels beside images": (["a/a.jpg"], "train: a\n", [("a", "train")], []),
    "equal names": (
        ["train/images/a.jpg", "valid/images/a.jpg", "valid/images/b.jpg"],
        "train: ../train/images\nval: ../valid/images\n",
        [("train/a", "train"), ("valid/a", "val"), ("valid/b", "val")],
        ["named after their folders too, as 1 name is in several"],
    ),
    "lists": (
        ["images/one/a.jpg", "images/two/b.jpg", "images/two/c.jpg", "images/three/d.jpg"],
        "train:\n  - images/one\n  - images/three/\nval: val.txt\n",
        [("a", "train"), ("b", "val"), ("c", "val"), ("d", "train")],
        [],
    ),
}


@pytest.mark.parametrize(("images", "text", "places", "remarks"), LAYOUTS.values(), ids=LAYOUTS)
def test_where_images_may_be(tmp_path, images, text, places, remarks):
    root = tmp_path / "images" / "mine"  # what lies above is not the data set's
    for image in images:
        _put(root, image, CAT)
    lines = ["./images/two/b.jpg", "", "/content/mine/images/two/c.jpg", "images/two/b.jpg"]
    (root / "val.txt").write_text("\n".join(lines))
    (root / "data.yaml").write_text(text + NAMES)
    found = yolo.read(root)
    assert _places(found) == places and found.remarks == remarks
    assert all(_rows(sample)[0] == "11......" for sample in found.samples)


def test_without_a_description(tmp_path):
    _put(tmp_path, "images/a.jpg", CAT)
    _put(tmp_path, "images/x/b.jpg", DOG)
    found = yolo.read(tmp_path)
    assert found.classes == ("background", "0", "1")
    assert _places(found) == [("a", ""), ("x/b", "")]
    assert found.remarks == [
        "there are no names of classes (in classes.txt or data.yaml), so they are called by their "
        "numbers: 0, 1"
    ]
    for place in ("classes.txt", "labels/classes.txt"):
        (tmp_path / place).write_text("cat\ndog\ncow\n\n")
        found = yolo.read(tmp_path)
        assert found.classes == ("background", "cat", "dog", "cow") and found.remarks == []
        (tmp_path / place).unlink()


def test_images_without_objects_and_without_label_files(tmp_path):
    for name, lines in (("a", [CAT]), ("b", []), ("c", [None]), ("d", ["", "  "])):
        _put(tmp_path, f"images/train/{name}.jpg", *lines)
    (tmp_path / "data.yaml").write_text(f"train: images/train\n{NAMES}")
    found = yolo.read(tmp_path)
    assert len(found.samples) == 4
    assert [record.mask.read(SIZE).any() for record in found.samples] == [True, False, False, False]
    assert found.remarks == [
        "without objects, so all background: 3 images",
        "without a label file, so without objects: 1 image",
    ]


def test_a_part_without_labels_and_labels_without_images(tmp_path):
    _put(tmp_path, "images/train/a.jpg", CAT)
    _put(tmp_path, "images/train/gone.jpg", DOG)
    (tmp_path / "images/train/gone.jpg").unlink()
    (tmp_path / "labels/train/classes.txt").write_text("cat\n")
    for name in "bc":
        _put(tmp_path, f"images/test/{name}.jpg", None)
    (tmp_path / "data.yaml").write_text(f"train: images/train\ntest: images/test\n{NAMES}")
    found = yolo.read(tmp_path)
    assert _places(found) == [("a", "train")]
    assert found.remarks == ["test is left out, as no image has a label file: 2 images"]
    gone = tmp_path / "labels/train/gone.txt"
    assert found.bad == [Bad(gone, f"{gone}: its image is not there", missing=True)]


def test_boxes_are_no_masks_and_rounding_is_not_outside(tmp_path):
    found = _one(
        tmp_path,
        CAT,
        "1 0.5 0.5 0.25 0.25",
        "1 0.75 -0.5 1.5 -0.5 1.5 0.25 0.75 0.25",
        "1 -0.0000001 0.75 0.125 0.75 0.125 1.0000001 -0.0000001 1.0000001",
    )
    assert _rows(found.samples[0]) == ["11....22", "........", "........", "2......."]
    assert found.remarks == [
        "left out, no areas or of no known kind: boxes (1 object)",
        "reach out of their image, drawn as far as inside: 1 object",
    ]


BAD_LINES = {
    "a word": "cat 0 0 1 0 1 1",
    "a confidence": "0 0 0 1 0 1 1 0.9",
    "half a class": "0.5 0 0 1 0 1 1",
    "an unknown class": "2 0 0 1 0 1 1",
    "NaN": "0 0 nan 1 0 1 1",
    "pixels": "0 10 12 410.5 12 300 200",
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
def test_bad_lines(tmp_path, line):
    said = (
        r"class number from 0 to 1, as .*data\.yaml names them, .* fractions .* from 0 to 1, .*got"
    )
    with pytest.raises(AnnotationError, match=f"{said} '{line[:9]}") as caught:
        _one(tmp_path, CAT, "", line)
    assert str(tmp_path / "labels/train/a.txt") + ", line 3: " in str(caught.value)


BAD_DESCRIPTIONS = {
    "no YAML": (f"train: [images/train\n{NAMES}", r"data\.yaml: expected YAML, got line \d"),
    "a list": ("- 1\n", "expected names, train and val as in YOLO's data.yaml, got"),
    "names are a text": ("train: images/train\nnames: obj.names\n", "under `names`.*got obj.names"),
    "a gap": (
        "train: images/train\nnames: {0: a, 2: b}\n",
        "a name for each class.*got None for 1",
    ),
    "keypoints": (f"train: images/train\nkpt_shape: [17, 3]\n{NAMES}", "keypoints"),
    "no parts": (NAMES, "expected folders or lists of images under train, val or test, got none"),
    "parts elsewhere": (f"train: pictures\n{NAMES}", "train is left out: pictures is not there"),
    "half a part": (
        f"train: [images/train, more]\n{NAMES}",
        "got more, which is not there",
    ),
    "a part of no kind": (f"train: {{a: b}}\n{NAMES}", "list of paths under train, got {'a': 'b'}"),
    "an image": (f"train: images/train/a.jpg\n{NAMES}", "a folder of images or a .txt file"),
    "no images": (f"train: labels\n{NAMES}", "labels, named under train, holds no images"),
    "twice": (f"train: images/train\nval: images/train\n{NAMES}", "is in train of .* and in val o"),
}


@pytest.mark.parametrize("text, said", BAD_DESCRIPTIONS.values(), ids=BAD_DESCRIPTIONS)
def test_bad_descriptions(tmp_path, text, said):
    _put(tmp_path, "images/train/a.jpg", CAT)
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(AnnotationError, match=said) as caught:
        yolo.read(tmp_path)
    assert str(tmp_path) in str(caught.value) and len(str(caught.value)) < 600


def test_listed_images_that_are_not_there(tmp_path):
    _put(tmp_path, "images/a.jpg", CAT)
    (tmp_path / "train.txt").write_text("images/a.jpg\nimages/b.jpg\n")
    (tmp_path / "data.yaml").write_text(f"train: train.txt\n{NAMES}")
    found = yolo.read(tmp_path)
    assert _places(found) == [("a", "train")]
    assert [(item.image.as_posix(), item.missing) for item in found.bad] == [("images/b.jpg", True)]
    (tmp_path / "train.txt").write_text("images/b.jpg\n")
    with pytest.raises(
        AnnotationError, match=r"1 of 1 images are not there: images/b\.jpg; .*train"
    ):
        yolo.read(tmp_path)


def test_train_and_val_in_one_folder(tmp_path):
    """As COCO128-seg has them."""
    for name in "ab":
        _put(tmp_path, f"images/all/{name}.jpg", CAT)
    (tmp_path / "data.yaml").write_text(f"train: images/all\nval: images/all\n{NAMES}")
    with pytest.raises(AnnotationError, match=r"a\.jpg: is in train of .* in val .*--resplit"):
        yolo.read(tmp_path)
    found = yolo.read(tmp_path, resplit=True)
    assert [record.name for record in found.samples] == ["a", "b"]
    assert found.remarks[-1] == "2 images are in several parts, and taken once"


def test_images_that_the_description_does_not_name(tmp_path):
    for path in ("train/images/a.jpg", "valid/images/b.jpg", "extra/images/c.jpg"):
        _put(tmp_path, path, CAT)
    (tmp_path / "data.yaml").write_text(f"train: train/images\n{NAMES}")
    remarks = yolo.read(tmp_path).remarks
    assert remarks == [
        f"left out, not named in data.yaml: 2 images below {tmp_path} "
        "(extra/images/c.jpg, valid/images/b.jpg)"
    ]
    # Without a description all are read.
    (tmp_path / "data.yaml").unlink()
    assert _places(yolo.read(tmp_path)) == [("a", "train"), ("b", "val"), ("c", "")]


def test_sources_that_are_none(tmp_path):
    with pytest.raises(AnnotationError, match="expected a folder or its data.yaml"):
        yolo.read(tmp_path / "none")
    with pytest.raises(AnnotationError, match="got no images there"):
        yolo.read(tmp_path)
    _put(tmp_path, "images/a.jpg", None)
    with pytest.raises(AnnotationError, match=r"expected a label file of .*labels/a\.txt"):
        yolo.read(tmp_path)
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text(NAMES)
    with pytest.raises(AnnotationError, match=r"expected one data\.yaml, got .*a\.yaml"):
        yolo.read(tmp_path)
