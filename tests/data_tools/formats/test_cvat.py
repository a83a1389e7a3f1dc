"""CVAT's exports: masks in colours, and shapes in XML."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.formats import cvat
from tests.data_tools.formats.drawn import blank, splits

WIDTH, HEIGHT = 20, 12
SHAPE = (HEIGHT, WIDTH)


def xml(*images, labels=("car", "road"), head='<?xml version="1.0" encoding="utf-8"?>'):
    names = "".join(
        f"<label><name>{label}</name><color>#c06060</color><type>any</type><attributes/></label>"
        for label in labels
    )
    return (
        f"{head}<annotations><version>1.1</version><meta><task><id>1</id><labels>{names}</labels>"
        f"</task><dumped>now</dumped></meta>{''.join(images)}</annotations>"
    )


def entry(*shapes, name="a.png", more=""):
    return (
        f'<image id="0" name="{name}" width="{WIDTH}" height="{HEIGHT}" {more}>'
        + "".join(shapes)
        + "</image>"
    )


def box(label, left, top, right, bottom, more=""):
    return (
        f'<box label="{label}" source="manual" occluded="0" xtl="{left}" ytl="{top}" '
        f'xbr="{right}" ybr="{bottom}" {more}><attribute name="n">1</attribute></box>'
    )


def read(root, text, images=("a.png",)):
    """What the export of this text says."""
    for name in images:
        blank(root / "images" / name, SHAPE)
    (root / "annotations.xml").write_text(text, encoding="utf-8")
    return cvat.read(root)


def mask(root, *shapes):
    """The mask of one image with these shapes, of the class car."""
    collection = read(root, xml(entry(*shapes)))
    return collection.samples[0].mask.read(SHAPE)


def rectangle(left, top, right, bottom, number=1):
    expected = np.zeros(SHAPE, np.uint8)
    expected[top:bottom, left:right] = number
    return expected


def test_a_mask_runs_along_the_rows_of_its_box(tmp_path):
    shape = '<mask label="car" rle="1, 2, 4, 1, 1" left="5" top="2" width="3" height="3"></mask>'
    expected = np.zeros(SHAPE, np.uint8)
    expected[2:5, 5:8] = [[0, 1, 1], [0, 0, 0], [0, 1, 0]]
    assert np.array_equal(mask(tmp_path, shape), expected)


@pytest.mark.parametrize(
    ("radii", "rotation", "half_size"), [((5, 3), "0", (3, 5)), ((5, 2), "90", (5, 2))]
)
def test_an_ellipse_covers_its_pixels(tmp_path, radii, rotation, half_size):
    shape = f'cx="10" cy="6" rx="{radii[0]}" ry="{radii[1]}" rotation="{rotation}"'
    found = mask(tmp_path, f'<ellipse label="car" {shape}></ellipse>')
    rows, columns = half_size
    assert np.array_equal(found, found[:, ::-1])
    assert abs(int(found.sum()) - np.pi * rows * columns) < 4
    assert found[6, 10 - columns : 10 + columns].all() and found[6 - rows : 6 + rows, 10].all()
    assert found.any(axis=1).sum() == 2 * rows and found.any(axis=0).sum() == 2 * columns


def test_a_turn_is_clockwise(tmp_path):
    found = mask(tmp_path, box("car", 5, 5, 15, 7, 'rotation="30"'))
    assert abs(int(found.sum()) - 20) <= 3
    # The left end rises and the right end sinks, for y grows downwards.
    rows = np.arange(HEIGHT)[:, None]
    left, right = found[:, :9], found[:, 11:]
    assert (left * rows).sum() / left.sum() < 5.5 < 6 < (right * rows).sum() / right.sum()


def test_shapes_are_drawn_by_their_layer_then_in_order(tmp_path):
    found = mask(
        tmp_path,
        box("road", 0, 0, 4, 4, 'z_order="1"'),
        box("car", 0, 0, 8, 4, 'z_order="0"'),
        box("road", 6, 0, 8, 4, 'z_order="0"'),
        box("car", 3, 0, 4, 4, 'z_order="10"'),
    )
    assert found[0, :9].tolist() == [2, 2, 2, 1, 1, 1, 2, 2, 0]


def test_what_is_no_area_is_counted(tmp_path):
    shapes = [
        box("car", 0, 0, 3, 3),
        '<polygon label="car" points="1,1;2,2"></polygon>',
        '<polyline label="car" points="1,1;2,2"></polyline>',
        '<points label="car" points="1,1"></points>',
    ]
    found = read(tmp_path, xml(entry(*shapes)))
    assert np.array_equal(found.samples[0].mask.read(SHAPE), rectangle(0, 0, 3, 3))
    assert found.remarks == [
        "left out, no areas or of no known kind: points (1 object), polyline (1 object)",
        "left out, without area: 1 object",
    ]


def test_labels_are_classes_in_the_order_of_the_file(tmp_path):
    text = xml(entry(box("sky", 0, 0, 2, 2), box("car", 4, 0, 6, 2)), labels=("road", "car"))
    collection = read(tmp_path, text)
    assert collection.classes == ("background", "road", "car", "sky")
    assert collection.samples[0].mask.read(SHAPE)[0, :6].tolist() == [3, 3, 0, 0, 2, 2]


SUBSETS = {"Train": 1, "Validation": 2, "default": 3}


def project(root, subsets=SUBSETS, top="images"):
    """A project whose images have equal names; those of each subset show one class."""
    labels = ("car", "road", "sky")
    entries = []
    for subset in SUBSETS:
        shape = box(labels[SUBSETS[subset] - 1], 0, 0, 5, 5)
        entries.append(entry(shape, name="cam/i.png", more=f'subset="{subset}"'))
        if subset in subsets:
            blank(root / top / subset / "cam/i.png", SHAPE)
    (root / "annotations.xml").write_text(xml(*entries, labels=labels))
    return cvat.read(root)


@pytest.mark.parametrize("top", ["images", "", "pictures"])
def test_equal_names_in_subsets_stay_with_their_labels(tmp_path, top):
    collection = project(tmp_path, top=top)
    assert [(record.name.split("/")[-3], record.split) for record in collection.samples] == [
        ("Train", "train"),
        ("Validation", "val"),
        ("default", ""),
    ]
    for record, number in zip(collection.samples, SUBSETS.values()):
        assert set(np.unique(record.mask.read(SHAPE))) == {0, number}


@pytest.mark.parametrize("there", SUBSETS)
def test_an_image_of_another_subset_is_none_of_this(tmp_path, there):
    collection = project(tmp_path, [there])
    assert [record.name for record in collection.samples] == [f"{there}/cam/i"]
    assert set(np.unique(collection.samples[0].mask.read(SHAPE))) == {0, SUBSETS[there]}
    assert len(collection.bad) == 2


def test_tasks_exported_one_by_one_are_all_read(tmp_path):
    for task, label in (("task_0", "car"), ("task_1", "road"), ("more/train", "road")):
        read(tmp_path / task, xml(entry(box(label, 0, 0, 5, 5)), labels=("car", "road")))
    collection = cvat.read(tmp_path)
    assert collection.classes == ("background", "car", "road")
    shown = {r.name: (int(r.mask.read(SHAPE).max()), r.split) for r in collection.samples}
    assert shown == {"task_0/a": (1, ""), "task_1/a": (2, ""), "more/train/a": (2, "train")}
    # By another name, and with other labels.
    (tmp_path / "task_2.xml").write_text(xml(entry(box("cat", 0, 0, 5, 5)), labels=("cat",)))
    with pytest.raises(AnnotationError, match=r"task_2\.xml \(cat\), got car, road;"):
        cvat.read(tmp_path, images=tmp_path / "task_0/images")


BOMB = '<!DOCTYPE annotations [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<?xml version="1.0"?>\n<!-- x --><!DOCTYPE annotations SYSTEM "http://127.0.0.1:9/x">'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (xml(entry())[:-20], "expected whole XML"),
        ("<html></html>", "expected <annotations> with images.*found <html>|got <html>"),
        (xml('<track id="0" label="car"><box frame="0"/></track>'), "CVAT for images 1.1"),
        (xml(entry(), head=BOMB), "DOCTYPE"),
        (xml(entry(), head=OUTSIDE), "DOCTYPE"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    with pytest.raises(AnnotationError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ('<polygon label="car" points="1,1;2,x;3,3"/>', "polygon 1: expected points"),
        ('<polygon label="car"/>', "polygon 1: expected the attribute points"),
        ('<polygon points="1,1;2,5;3,3"/>', "polygon 1: expected the attribute label"),
        (box("car", 1, 1, "1e400", 3), "box 1: expected a number as xbr, got '1e400'"),
        ('<ellipse label="car" cx="1" cy="1" rx="-1" ry="2"/>', "expected a number as rx"),
    ],
)
def test_shapes_that_cannot_be_are_named(tmp_path, shape, message):
    with pytest.raises(AnnotationError, match=rf"annotations\.xml, image a\.png, .*{message}"):
        read(tmp_path, xml(entry(shape)))


@pytest.mark.parametrize(
    ("rle", "width", "height", "message"),
    [
        ("1, 2", 2, 2, "run lengths for 2 x 2 = 4 pixels, got 3"),
        ("1, x", 2, 2, "expected run lengths .*, got 1, x"),
        ("0, " + "9" * 30, 2, 2, "run lengths"),
        ("0, 3600000000", 60000, 60000, "within its image of 20 x 12, got 60000 x 60000"),
    ],
)
def test_masks_that_cannot_be_are_named(tmp_path, rle, width, height, message):
    shape = (
        f'<mask label="car" rle="{rle}" left="0" top="0" width="{width}" height="{height}"></mask>'
    )
    with pytest.raises(AnnotationError, match=rf"image a\.png, mask 1: .*{message}"):
        read(tmp_path, xml(entry(shape)))


LABELMAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:9,0,0::\nroad:0,9,0::\n"
COLOURS = [(0, 0, 0), (9, 0, 0), (0, 9, 0)]


def colour_masks(root, *names, labelmap=LABELMAP):
    pixels = np.array([COLOURS[n % 3] for n in range(HEIGHT * WIDTH)], np.uint8)
    for name in names:
        path = root / "SegmentationClass" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.reshape(*SHAPE, 3)).save(path)
    if labelmap:
        (root / "labelmap.txt").write_text(labelmap)
    lists = root / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "Train.txt").write_text("\n".join(names[:1]) + "\n")
    (lists / "Validation.txt").write_text("\n".join(names[1:]) + "\nempty\n")


def test_colour_masks_are_read_with_the_images_beside_them(tmp_path):
    colour_masks(tmp_path, "a", "sub/b")
    blank(tmp_path / "JPEGImages/a.jpg", SHAPE)
    blank(tmp_path / "JPEGImages/sub/b.png", SHAPE)
    blank(tmp_path / "JPEGImages/empty.png", SHAPE)
    collection = cvat.read(tmp_path)
    assert collection.classes == ("background", "car", "road")
    assert [(r.name, r.split) for r in collection.samples] == [("a", "train"), ("sub/b", "val")]
    found = collection.samples[1].mask.read(SHAPE)
    assert np.array_equal(found, np.resize(np.array([0, 1, 2]), SHAPE))
    assert "left out, in Validation.txt but without a mask: 1 images" in collection.remarks
    assert "left out, without a mask: 1 images" in collection.remarks


def test_mask_exports_below_one_folder_are_all_read(tmp_path):
    for task, names in (("task_0", "ab"), ("deep/er/task_1", "ac")):
        colour_masks(tmp_path / task, *names)
        for name in names:
            blank(tmp_path / task / f"JPEGImages/{name}.png", SHAPE)
    collection = cvat.read(tmp_path)
    splits = {record.name: record.split for record in collection.samples}
    assert list(splits) == ["deep/er/task_1/a", "deep/er/task_1/c", "task_0/a", "task_0/b"]
    assert list(splits.values()) == ["train", "val"] * 2
    (tmp_path / "task_0/labelmap.txt").write_text(LABELMAP.replace("road", "path"))
    with pytest.raises(AnnotationError, match=r"task_0: expected the classes of deep/er/task_1 "):
        cvat.read(tmp_path)


def test_labels_without_area_are_no_classes(tmp_path):
    text = xml(entry(box("car", 0, 0, 2, 2))).replace(
        "</labels>",
        "<label><name>weather</name><type>tag</type></label>"
        "<label><name>hand</name><type>any</type><parent>body</parent></label></labels>",
    )
    assert read(tmp_path, text).classes == ("background", "car", "road")


def test_a_task_among_others_has_the_split_of_its_subset(tmp_path):
    for task in ("Train", "Validation"):
        text = xml(entry(box("car", 0, 0, 5, 5)))
        text = text.replace("<id>1</id>", f"<id>1</id><subset>{task}</subset>")
        alone = read(tmp_path / task.lower()[:3], text, images=(f"{task}/a.png",))
        assert [(record.name, record.split) for record in alone.samples] == [(f"{task}/a", "")]
    collection = cvat.read(tmp_path)
    assert splits(collection) == {"Train/a": "train", "Validation/a": "val"}
