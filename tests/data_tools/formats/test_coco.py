"""COCO files: masks computed by hand, and everything that such files get wrong."""

import json
import re

import pytest

from paddleseg_u2net.data_tools.annotations.classes import Classes
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.formats import coco
from tests.data_tools.formats.drawn import as_text, blank, put, splits

# Images are 6 x 4: width, height.
SIZE = (4, 6)


def _box(left, top, right, bottom):
    return [left, top, right, top, right, bottom, left, bottom]


def _image(number=1, name="a.jpg", **more):
    return {"id": number, "file_name": name, "width": 6, "height": 4, **more}


def _object(segmentation, image=1, category=1, number=1, **more):
    keys = {"id": number, "image_id": image, "category_id": category, "iscrowd": 0, "area": 1}
    return {**keys, "bbox": [0, 0, 1, 1], "segmentation": segmentation, **more}


CATS = [{"id": 1, "name": "cat"}, {"id": 17, "name": "dog", "supercategory": "animal"}]


def _tree(*objects, images=None, categories=CATS):
    images = [_image()] if images is None else images
    return {"images": images, "annotations": list(objects), "categories": categories}


@pytest.fixture
def source(tmp_path):
    """Writes a file and its images, and reads them."""

    def read(tree, *args, names=("a.jpg",), **options):
        for name in names:
            blank(tmp_path / "images" / name)
        path = put(tmp_path / "instances.json", tree)
        return coco.read([(path, tmp_path / "images")], *args, **options)

    return read


def test_polygons_in_gapped_categories(source):
    dog = [_box(0, 0, 2, 1), _box(4, 0, 6, 1)]  # one object of two parts
    found = source(_tree(_object([_box(1, 2, 3, 4)]), _object(dog, category=17, number=2)))
    assert found.classes == ("background", "cat", "dog")
    assert [record.name for record in found.samples] == ["a"]
    assert as_text(found.samples[0]) == ["22..22", "......", ".11...", ".11..."]
    assert found.remarks == [] and not found.soft
    assert found.samples[0].split == found.samples[0].group == ""


def test_run_lengths_packed_or_not(source):
    # Down the columns: rows 1 and 2 of column 1, then all of column 3.
    counts = [5, 2, 5, 4, 8]
    plain = _object({"size": [4, 6], "counts": counts})
    # 5, 2, 5, then 4 - 2 = 2, then 8 - 5 = 3.
    packed = _object({"size": [4, 6], "counts": "52523"})
    for item in (plain, packed):
        assert as_text(source(_tree(item)).samples[0]) == ["...1..", ".1.1..", ".1.1..", "...1.."]


def test_a_crowd_is_an_object_or_ignored(source):
    tree = _tree(
        _object({"size": [4, 6], "counts": [0, 8, 16]}, iscrowd=1),
        _object([_box(1, 0, 2, 1)], category=17),
    )
    assert as_text(source(tree).samples[0])[:2] == ["12....", "11...."]
    ignored = source(tree, crowd="ignore").samples[0].mask.read(SIZE)
    assert ignored[:2, :2].tolist() == [[255, 2], [255, 255]]


def test_images_without_objects_and_images_without_entry(source):
    tree = _tree(_object([_box(0, 0, 1, 1)]), images=[_image(), _image(2, "b.jpg")])
    found = source(tree, names=("a.jpg", "b.jpg", "c.jpg"))
    assert as_text(found.samples[1]) == ["......"] * 4
    assert found.remarks[0] == "without objects, so all background: 1 image"
    assert re.fullmatch(
        r"left out, not in instances\.json: 1 image below .*images \(c\.jpg\)", found.remarks[1]
    )


def test_what_is_counted(source):
    found = source(
        _tree(
            _object([_box(-3, 0, 2, 1)]),
            _object([_box(9, 9, 12, 12)]),
            _object([_box(-2, -2, 0, 0), _box(5, 3, 6, 4)]),
            _object([[1, 1, 2, 2]]),
            _object([[1, 1, 2, 2, 3, 3]]),
            _object({"size": [4, 6], "counts": [24]}),
            _object([]),
            _object([_box(0, 0, 1, 1)], category=99),
            _object([_box(0, 0, 1, 1)], image=99),
        )
    )
    assert as_text(found.samples[0]) == ["11....", "......", "......", ".....1"]
    assert found.remarks == [
        "left out, of classes that the source does not list: category 99 (1 object)",
        "left out, no areas or of no known kind: objects with a box only (1 object)",
        "left out, without area: 3 objects",
        "reach out of their image, drawn as far as inside: 3 objects",
        "left out, of images that the file does not list: 1 object",
    ]


BAD = {
    "cut": ('{"images": [\n{"id": 1,', "expected JSON .*line 2 column 10 .*export it again"),
    "too deep": ("[" * 100_000, "maximum recursion depth"),
    "a list": ([], "expected a COCO file with images, annotations, categories, got a list"),
    "labelme": ({"shapes": [], "imagePath": "a.jpg"}, "got the keys shapes, imagePath"),
    "images no list": ({**_tree(), "images": {}}, r"expected list as images, got dict"),
    "no images": (_tree(images=[]), "lists no images"),
    "image without id": (_tree(images=[{"file_name": "a.jpg"}]), r"images\[0\]: id is missing"),
    "ids twice": (
        _tree(images=[_image(), _image(name="b.jpg")]),
        "an id of its own for each image, got 1",
    ),
    "names twice": (_tree(images=[_image(1), _image(2)]), "two labels, .*image 1 and .*image 2"),
    "size of 0": (_tree(images=[_image(height=0)]), "number of pixels as height, got 0"),
    "categories of one id": (
        _tree(categories=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]),
        "for each category, got 1 for a and for b",
    ),
    "no name": (_tree(categories=[{"id": 1, "name": " "}]), "a name for each class"),
    "object of no kind": (_tree("x"), r"annotations\[0\]: expected an object"),
    "NaN": (_tree(_object([[float("nan"), 2, 3, 4, 5, 6]])), "annotation 1: .*finite coordinates"),
    "segmentation of no kind": (_tree(_object("abc")), "annotation 1: expected polygons or run"),
    "runs of another size": (
        _tree(_object({"size": [6, 4], "counts": [24]})),
        r"run lengths for \[4, 6\] \(height, width\) as its image, got \[6, 4\]",
    ),
    "runs too short": (_tree(_object({"size": [4, 6], "counts": [3, 4]})), "= 24 pixels, got 7"),
    "negative runs": (_tree(_object({"size": [4, 6], "counts": [30, -6]})), "expected run lengths"),
    "cut runs": (_tree(_object({"size": [4, 6], "counts": "5T"})), "whole packed run lengths"),
}


@pytest.mark.parametrize("tree, said", BAD.values(), ids=BAD)
def test_bad_files(source, tmp_path, tree, said):
    with pytest.raises(AnnotationError, match=said) as caught:
        source(tree, names=("a.jpg", "b.jpg"))
    assert str(tmp_path / "instances.json") in str(caught.value) or "two labels" in said
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("as_read", [str, float, "{:012}".format])
@pytest.mark.parametrize("turned", [False, True])
def test_ids_of_other_json_types_are_the_same_ids(source, as_read, turned):
    """Links are followed whichever side is the number."""
    image, category = _image(1), {"id": 17, "name": "dog"}
    item = _object([_box(0, 0, 2, 1)], image=1, category=17)
    for tree, key in (
        ((image, "id"), (category, "id")) if turned else ((item, "image_id"), (item, "category_id"))
    ):
        tree[key] = as_read(tree[key])
    found = source(_tree(item, images=[image], categories=[category]))
    assert as_text(found.samples[0])[0] == "11...." and found.remarks == []


def test_a_background_cuts_holes_into_larger_objects(source):
    cats = [*CATS, {"id": 5, "name": "background"}]
    hole = {"size": [4, 6], "counts": [5, 2, 17]}  # column 1, rows 1 and 2
    items = [
        _object(hole, category=5),
        _object([_box(3, 1, 5, 3)], category=5),
        _object([_box(0, 0, 6, 4)]),
        _object([_box(4, 1, 5, 2)], category=17),
    ]
    for classes in (Classes(), Classes({"cat": ("cat",), "dog": ("dog",)})):
        found = source(_tree(*items, categories=cats), classes)
        assert found.classes == ("background", "cat", "dog")
        assert as_text(found.samples[0]) == ["111111", "1.1.21", "1.1..1", "111111"]
    # Somebody may want it as a class.
    found = source(_tree(*items, categories=cats), Classes({"none": ("background",)}))
    assert as_text(found.samples[0]) == ["......", ".1.11.", ".1.11.", "......"]


def test_another_suffix_is_taken_of_images_that_are_not_named(source):
    entries = [_image(1, "a.jpg"), _image(2, "a.png"), _image(3, "b.png")]
    found = source(_tree(images=entries), names=("a.jpg", "b.jpg"))
    assert [record.image.name for record in found.samples] == ["a.jpg", "b.jpg"]
    assert [item.image.name for item in found.bad] == ["a.png"]
    assert "1 image, such as b.jpg for b.png" in found.remarks[-1]


def test_a_supercategory_that_no_object_has_is_no_class(source):
    """As Roboflow writes it."""
    cats = [
        {"id": 0, "name": "kites", "supercategory": "none"},
        {"id": 1, "name": "kite", "supercategory": "kites"},
        {"id": 2, "name": "person", "supercategory": "person"},
    ]
    found = source(_tree(_object([_box(0, 0, 1, 1)]), categories=cats))
    assert found.classes == ("background", "kite", "person")
    assert found.remarks == ["left out, only the supercategory of others: kites"]
    used = source(_tree(_object([_box(0, 0, 1, 1)], category=0), categories=cats))
    assert used.classes == ("background", "kites", "kite", "person") and not used.remarks
    asked = source(_tree(_object([_box(0, 0, 1, 1)]), categories=cats), Classes({"a": ("kites",)}))
    assert asked.classes == ("background", "a")


def test_names_that_differ_in_the_suffix(source):
    entries = ["a.jpg", "a.png", "A_png.jpg"]
    tree = _tree(images=[_image(number, name) for number, name in enumerate(entries)])
    found = source(tree, names=entries)
    assert [(record.name, record.image.name) for record in found.samples] == [
        ("A_png", "A_png.jpg"),
        ("a_jpg", "a.jpg"),
        ("a_png_2", "a.png"),
    ]


@pytest.mark.parametrize("flag", ["0", None, False])
def test_a_crowd_that_is_none(source, flag):
    item = _object([_box(0, 0, 1, 1)], iscrowd=flag)
    assert as_text(source(_tree(item), crowd="ignore").samples[0])[0] == "1....."


CATEGORIES = {"cat": 1, "dog": 17}


def _write(path, images, names, *objects):
    """A COCO file and its images; objects are (image, category, left, top, right, bottom)."""
    items = [_object([_box(*box)], image, CATEGORIES[name]) for image, name, *box in objects]
    put(path, _tree(*items, images=[_image(number, name) for number, name in enumerate(names)]))
    for name in names:
        blank(images / name)
    return path, images


def _roboflow(root, part, names, *objects):
    path = root / part / "_annotations.coco.json"
    return _write(path, path.parent, names, *objects)


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
    blank(tmp_path / "train/extra.jpg")
    (tmp_path / "captions_train.json").write_text("{}")
    found = coco.read_folder(tmp_path)
    assert [(record.name, record.split) for record in found.samples] == [("a", "")]
    assert found.remarks == [
        f"left out, in none of these files: 1 image below {tmp_path}/train (extra.jpg)",
        "not read, for their names are not those of COCO files: captions_train.json",
    ]
    _roboflow(tmp_path, "valid", ["b.jpg"])
    blank(tmp_path / "test/c.jpg")
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
