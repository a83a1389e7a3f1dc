"""Supervisely projects: masks computed by hand, and everything that they get wrong."""

import base64
import io
import re
import zlib

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.annotations.classes import Classes
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.formats import supervisely
from paddleseg_u2net.io.images import ImageError
from tests.data_tools.formats.drawn import as_text, blank, put

PERSON = Classes({"person": ("person_poly", "person_bmp")}, ignored=("neutral",))
META = {
    "tags": [],
    "classes": [
        {"title": "person_poly", "shape": "polygon", "color": "#0F8A20"},
        {"title": "person_bmp", "shape": "bitmap", "color": "#0F8A20"},
        {"title": "neutral", "shape": "bitmap", "color": "#8B572A"},
        {"title": "box", "shape": "rectangle", "color": "#8B572A"},
    ],
}


def _packed(pixels, kind="palette"):
    """A bitmap as Supervisely writes it: a palette PNG whose first colour is transparent."""
    picture = Image.fromarray(np.array(pixels, np.uint8))
    options = {}
    if kind == "palette":
        picture.putpalette([0, 0, 0, 255, 255, 255])
        options = {"transparency": 0, "optimize": 0}
    elif kind == "alpha":
        alpha = Image.fromarray(np.array(pixels, np.uint8) * 255)
        picture = Image.merge("RGBA", [Image.new("L", picture.size, 255)] * 3 + [alpha])
    elif kind == "grades":  # as AlphaMask.data_2_base64 of the SDK 6.74 saves them
        options = {"transparency": 0, "optimize": 0}
    elif kind == "opaque":  # grades as colours
        picture = picture.convert("RGBA")
    elif kind == "black":  # as the case of its web page: colours are 0, opacity is in alpha
        picture = Image.merge("RGBA", [Image.new("L", picture.size, 0)] * 3 + [picture])
    stream = io.BytesIO()
    picture.save(stream, "PNG", **options)
    return base64.b64encode(zlib.compress(stream.getvalue())).decode()


def _bitmap(pixels, left, top, title="person_bmp", kind="palette", **more):
    return {
        "classTitle": title,
        "geometryType": "bitmap",
        "bitmap": {"data": _packed(pixels, kind), "origin": [left, top]},
        **more,
    }


def _polygon(exterior, interior=(), title="person_poly", kind="polygon", **more):
    points = {"exterior": exterior, "interior": list(interior)}
    return {"classTitle": title, "geometryType": kind, "points": points, **more}


def _label(*objects, height=4, width=6):
    size = {"height": height, "width": width}
    return {"description": "", "tags": [], "size": size, "objects": list(objects)}


@pytest.fixture
def source(tmp_path):
    """Writes a project of one image and reads it."""

    def read(*objects, classes=PERSON, label=None):
        put(tmp_path / "meta.json", META)
        blank(tmp_path / "ds1" / "img" / "a.png")
        put(tmp_path / "ds1" / "ann" / "a.png.json", label or _label(*objects))
        return supervisely.read(tmp_path, classes)

    return read


SQUARE = [[1, 1], [3, 1], [3, 3], [1, 3]]


def test_polygons_have_their_outline_and_holes_theirs(source):
    whole = [[0, 0], [5, 0], [5, 3], [0, 3]]
    found = source(_polygon(whole, [[[2, 1], [3, 1], [3, 2], [2, 2]]]))
    assert found.classes == ("background", "person")
    assert as_text(found.samples[0]) == ["111111", "11..11", "11..11", "111111"]
    assert found.samples[0].name == "ds1/a"
    assert found.samples[0].split == found.samples[0].group == ""
    assert found.remarks == ["left out as background: box"]


@pytest.mark.parametrize("kind", ["palette", "alpha", "grey"])
def test_bitmaps(source, kind):
    found = source(_bitmap([[1, 0, 1], [0, 1, 1]], 2, 1, kind=kind))
    assert as_text(found.samples[0]) == ["......", "..1.1.", "...11.", "......"]


@pytest.mark.parametrize("kind", ["grades", "black", "opaque"])
@pytest.mark.parametrize("said", ["geometryType", "meta"])
def test_alpha_masks_count_where_they_are_half_opaque(source, tmp_path, kind, said):
    item = _bitmap([[0, 1, 127], [128, 129, 255]], 2, 1, "neutral", kind)
    item["geometryType"] = "alpha_mask"
    classes = Classes({"hair": ("neutral",)})
    if said == "meta":  # older files name the kind in meta.json only
        del item["geometryType"]
        meta = [{**entry, "shape": "alpha_mask"} for entry in META["classes"]]
        source(item)
        put(tmp_path / "meta.json", {"tags": [], "classes": meta})
        found = supervisely.read(tmp_path, classes)
    else:
        found = source(item, classes=classes)
    assert as_text(found.samples[0]) == ["......", "......", "..111.", "......"]
    assert found.bad == []


def test_older_files_do_not_say_what_an_object_is(tmp_path):
    put(tmp_path / "meta.json", META)
    blank(tmp_path / "ds" / "img" / "a.jpg")
    empty = {"exterior": [], "interior": []}
    bitmap = {**_bitmap([[1, 1]], 0, 0), "points": empty}
    polygon = {**_polygon(SQUARE), "bitmap": None}
    box = {**_polygon([[5, 0], [4, 0]], title="box"), "bitmap": None}
    for item in (bitmap, polygon, box):
        del item["geometryType"]
    put(tmp_path / "ds" / "ann" / "a.json", _label(bitmap, polygon, box))
    found = supervisely.read(tmp_path)
    assert found.classes == ("background", "person_poly", "person_bmp", "neutral", "box")
    assert as_text(found.samples[0]) == ["22..44", ".111..", ".111..", ".111.."]


def test_data_sets_inside_of_each_other_and_names(tmp_path):
    put(tmp_path / "meta.json", META)
    for folder in ("ds1", "ds1/datasets/inner", "ds2"):
        blank(tmp_path / folder / "img" / "1.JPG")
        put(tmp_path / folder / "ann" / "1.jpg.json", _label(_polygon(SQUARE)))
    blank(tmp_path / "ds2" / "img" / "1.png")
    put(tmp_path / "ds2" / "ann" / "1.png.JSON", _label())
    found = supervisely.read(tmp_path, PERSON)
    names = ["ds1/1", "ds1/datasets/inner/1", "ds2/1_JPG", "ds2/1_png"]
    assert [record.name for record in found.samples] == names
    assert {record.split for record in found.samples} == {""}
    assert as_text(found.samples[3]) == ["......"] * 4
    assert "without objects, so all background: 1 image" in found.remarks


def test_what_is_no_area_is_counted(source):
    found = source(
        _polygon([[4, 1], [9, 1], [9, 2]]),
        _polygon([[1, 1]]),
        _polygon(SQUARE, title="ghost"),
        _polygon([], kind="rectangle"),
        {"classTitle": "neutral", "geometryType": "graph"},
    )
    assert as_text(found.samples[0])[:2] == ["......", "....11"]
    assert found.remarks[1:] == [
        "left out, of classes that the source does not list: ghost (1 object)",
        "left out, no areas or of no known kind: graph (1 object)",
        "left out, without area: 2 objects",
        "reach out of their image, drawn as far as inside: 1 object",
    ]


def _bitmap_of(data, origin=(0, 0)):
    item = _bitmap([[1]], 0, 0)
    item["bitmap"] = {"data": data, "origin": list(origin)}
    return item


def _bomb():
    return base64.b64encode(zlib.compress(bytes(100 << 20), 1)).decode()


def _huge_png():
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (100_000).to_bytes(4, "big") * 2 + bytes(9)
    return base64.b64encode(zlib.compress(head)).decode()


BAD_LABELS = {
    "labelme": ({"shapes": [], "imagePath": ""}, "with size, objects, got the keys shapes"),
    "no size": ({"size": {"height": 4}, "objects": []}, "size: width is missing"),
    "no title": (_label({"points": {}}), r"objects\[0\]: classTitle is missing"),
    "odd hole": (_label(_polygon(SQUARE, [[["a", 1]]])), r"objects\[0\]: expected points"),
    "three corners": (
        _label(_polygon(SQUARE[:3], kind="rectangle")),
        "2 points of a rectangle, got 3",
    ),
    "not packed": (_label(_bitmap_of("QUJD")), r"objects\[0\]: .* of a packed PNG"),
    "cut bitmap": (_label(_bitmap_of(_packed([[1]])[:40])), r"objects\[0\]: .*cut off"),
    "bomb": (_label(_bitmap_of(_bomb())), r"objects\[0\]: .*far too large"),
    "huge": (_label(_bitmap_of(_huge_png())), "pixels, got 100000 x 100000"),
    "two origins": (_label(_bitmap_of(_packed([[1]]), [1, 2, 3, 4])), "points of an origin"),
}


@pytest.mark.parametrize("label, said", BAD_LABELS.values(), ids=BAD_LABELS)
def test_a_bad_label_is_named_and_the_others_are_read(source, tmp_path, label, said):
    blank(tmp_path / "ds1" / "img" / "b.png")
    put(tmp_path / "ds1" / "ann" / "b.png.json", _label(_polygon(SQUARE)))
    found = source(label=label)
    assert [record.name for record in found.samples] == ["ds1/b"]
    (bad,) = found.bad
    assert re.search(said, bad.why) and not bad.missing
    assert str(tmp_path / "ds1" / "ann" / "a.png.json") in bad.why and len(bad.why) < 500


def test_images_without_label_and_labels_without_image(source, tmp_path):
    put(tmp_path / "ds1" / "ann" / "b.png.json", _label())
    blank(tmp_path / "ds1" / "img" / "c.jpg")
    found = source(_polygon(SQUARE))
    assert [record.name for record in found.samples] == ["ds1/a"]
    first, second = found.bad
    assert first.missing and "img/c.jpg: expected its label" in first.why
    assert second.missing and "ann/b.png.json: expected its image" in second.why


def test_bad_projects(tmp_path):
    def refused(folder, said):
        with pytest.raises((AnnotationError, ImageError), match=said):
            supervisely.read(folder)

    inner = tmp_path / "inner"
    refused(tmp_path, "expected Supervisely's meta.json, got none")
    put(inner / "meta.json", META)
    refused(tmp_path, rf"give {inner}$")
    refused(inner, "expected data sets, .* got none")
    blank(inner / "ds" / "img" / "a.jpg")
    refused(inner, "got only one of them in .*ds")
    put(inner / "meta.json", {"images": [], "annotations": []})
    refused(inner, "expected Supervisely.* got the keys images")
    refused(tmp_path / "none", "none")
