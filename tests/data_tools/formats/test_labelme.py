"""labelme files: masks computed by hand, and everything that such files get wrong."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.annotations.classes import Classes
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.formats import labelme
from tests.data_tools.formats.drawn import as_text, blank, put

SIZE = (4, 6)
SQUARE = [[1, 1], [3, 1], [3, 3], [1, 3]]


def _shape(label="cat", points=SQUARE, kind="polygon", **more):
    keys = {"label": label, "points": points, "group_id": None, "flags": {}}
    return {**keys, "shape_type": kind, **more}


def _page(*shapes, image="a.jpg", **more):
    keys = {"version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": image}
    return {**keys, "imageData": None, "imageHeight": 4, "imageWidth": 6, **more}


def _png(pixels, mode="L"):
    stream = io.BytesIO()
    Image.fromarray(np.array(pixels, np.uint8) * 255).convert(mode).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


@pytest.fixture
def source(tmp_path):
    """Writes one image with a file and reads the folder."""

    def read(*shapes, classes=None, **more):
        blank(tmp_path / "a.jpg")
        put(tmp_path / "a.json", _page(*shapes, **more))
        return labelme.read(tmp_path, classes or Classes())

    return read


def test_polygons_in_the_order_of_the_file(source):
    dog = _shape("dog", [[2, 2], [6, 2], [6, 4], [2, 4]])
    found = source(dog, _shape(group_id=3, flags={"blurred": True}))
    assert found.classes == ("background", "cat", "dog")
    assert as_text(found.samples[0]) == ["......", ".11...", ".11222", "..2222"]
    assert found.remarks == [] and found.samples[0].name == "a"
    assert as_text(source(_shape(), dog).samples[0])[2] == ".12222"


def test_rectangles_and_circles(source):
    # The second corner may come first; the circle's second point lies on its line.
    found = source(
        _shape(points=[[3, 2], [1, 0]], kind="rectangle"),
        _shape("dog", [[4.5, 2.5], [4.5, 3.5]], "circle"),
    )
    assert as_text(found.samples[0]) == [".11...", ".11.2.", "...222", "....2."]
    four = _shape(points=[[0, 0], [2, 0], [2, 1], [0, 1]], kind="rectangle")
    turned = _shape(points=[[0, 3], [2, 3], [2, 4], [0, 4]], kind="oriented_rectangle")
    assert as_text(source(four, turned).samples[0]) == ["11....", "......", "......", "11...."]


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB"])
def test_masks(source, mode):
    mask = _png([[1, 0, 1], [0, 1, 1]], mode)
    found = source(_shape(points=[[2.0, 1.0], [4.0, 2.0]], kind="mask", mask=mask))
    assert as_text(found.samples[0]) == ["......", "..1.1.", "...11.", "......"]


# What labelme 7.9.1 makes of the mask [[1, 0, 1], [0, 1, 1]] (labelme._utils.shapes_to_label).
PLACED_MASKS = {
    "halves go to even numbers": ([[1.5, 0.5], [3.5, 1.5]], ["..1.1.", "...11.", "......"]),
    "also upwards": ([[1.4, 1.6], [3.4, 2.6]], ["......", "......", ".1.1.."]),
    "one fraction is enough": ([[1.5, 1], [3, 2]], ["......", "..1.1.", "...11."]),
    "outside": ([[-1.5, 0.5], [1.5, 1.5]], ["1.....", "1.....", "......"]),
    "halves below 0": ([[-0.5, -0.5], [1.5, 0.5]], ["1.1...", ".11...", "......"]),
    "whole bounds cut": ([[1, 1], [2, 2]], ["......", ".1....", "..1..."]),
    "whole bounds cut rows": ([[1, 1.0], [3, 1]], ["......", ".1.1..", "......"]),
    "whole bounds cut outside": ([[-2, 0], [0, 1]], ["1.....", "1.....", "......"]),
}


@pytest.mark.parametrize("corners, rows", PLACED_MASKS.values(), ids=PLACED_MASKS)
def test_masks_lie_where_labelme_puts_them(source, corners, rows):
    mask = _png([[1, 0, 1], [0, 1, 1]])
    found = source(_shape(points=corners, kind="mask", mask=mask))
    assert as_text(found.samples[0])[:3] == rows


def test_names_with_a_meaning(source):
    found = source(
        _shape("dog", [[0, 0], [6, 0], [6, 4], [0, 4]]),
        _shape("_background_", [[0, 0], [2, 0], [2, 1], [0, 1]]),
        _shape("__ignore__", [[4, 0], [6, 0], [6, 1], [4, 1]]),
    )
    assert found.classes == ("background", "dog")
    assert as_text(found.samples[0])[:2] == ["..11xx", "111111"]
    asked = source(_shape("dog"), _shape("__ignore__"), classes=Classes(ignored=("__ignore__",)))
    assert as_text(asked.samples[0])[1] == ".xx..."


def test_what_is_counted(source, tmp_path):
    blank(tmp_path / "alone.png")
    blank(tmp_path / "b.jpg")
    put(tmp_path / "b.json", _page(image="b.jpg"))
    found = source(
        _shape(),
        _shape(points=[[0, 0], [2, 2]], kind="line"),
        _shape(points=[[0, 0]], kind="point"),
        _shape(points=[[0, 0], [1, 1], [2, 3]], kind="linestrip"),
        _shape(points=[[0, 0], [1, 1]], kind="line"),
        _shape(points=[[0, 0], [1, 1]]),
        _shape(points=[]),
        _shape(points=[], kind="rectangle"),
        _shape(points=[[0, 0], [0, 3]], kind="rectangle"),
        _shape(points=[[3, 3]], kind="circle"),
        _shape(points=[[3, 3], [3, 3]], kind="circle"),
        _shape(points=[[-4, 0], [1, 0], [1, 1]]),
        _shape(points=[[-4, 0], [-1, 0], [-1, 1]]),
    )
    assert found.remarks == [
        "left out, no areas or of no known kind: line (2 objects), linestrip (1 object), "
        "point (1 object)",
        "left out, without area: 6 objects",
        "reach out of their image, drawn as far as inside: 2 objects",
        "without objects, so all background: 1 image",
        f"left out, without a labelme file: 1 image below {tmp_path} (alone.png)",
    ]


@pytest.mark.parametrize(
    "name",
    ["a.jpg", "..\\in\\a.jpg", "../in/a.jpg", "A.JPG", "C:\\Users\\me\\a.jpg", "/home/me/a.jpg"],
)
def test_paths_of_other_computers(tmp_path, name):
    for folder in ("in", "other"):
        blank(tmp_path / folder / "a.jpg")
        put(
            tmp_path / folder / "a.JSON", _page(_shape(), image=name if folder == "in" else "a.jpg")
        )
    found = labelme.read(tmp_path)
    assert [record.name for record in found.samples] == ["in/a", "other/a"]
    assert found.samples[0].image.resolve() == (tmp_path / "in" / "a.jpg").resolve()
    assert found.remarks == []


def test_images_of_another_suffix(tmp_path):
    # Converted after they were labelled; folders still tell equal names apart.
    for folder in ("in", "other"):
        blank(tmp_path / folder / "a.JPEG")
        put(tmp_path / folder / "a.json", _page(_shape(), image="C:\\me\\a.png"))
    blank(tmp_path / "b.v2.jpg")
    put(tmp_path / "b.json", _page(_shape(), image="b.v2.bmp"))
    found = labelme.read(tmp_path)
    assert [record.image.relative_to(tmp_path).as_posix() for record in found.samples] == [
        "b.v2.jpg",
        "in/a.JPEG",
        "other/a.JPEG",
    ]
    assert found.remarks == [
        "taken under another suffix than the label file says: 3 images, such as b.v2.jpg for "
        "b.v2.bmp"
    ]
    blank(tmp_path / "b.v2.tif")
    assert "b.v2.bmp could be" in labelme.read(tmp_path).bad[0].why


def test_a_file_that_names_itself(source):
    found = source(_shape(), image="a.json")
    assert found.samples[0].image.name == "a.jpg"
    assert as_text(found.samples[0])[1] == ".11..."


@pytest.mark.parametrize("size", [{}, {"imageHeight": None}])
def test_pictures_inside_the_files(tmp_path, size):
    blank(tmp_path / "elsewhere.jpg")
    picture = (tmp_path / "elsewhere.jpg").read_bytes()
    text = base64.b64encode(picture).decode()
    (tmp_path / "elsewhere.jpg").unlink()
    put(tmp_path / "a.json", _page(_shape(), image="a.png", imageData=text, **size))
    url = f"data:image/png;base64,{_png(np.zeros(SIZE))}"
    put(tmp_path / "b.json", _page(_shape(), image="b.json", imageData=url, **size))
    # As labelme's example has it: the picture is in the file and beside it.
    (tmp_path / "b.jpg").write_bytes(picture)
    first, second = (found := labelme.read(tmp_path)).samples
    assert (first.name, first.suffix, first.picture.read()) == ("a", ".jpg", picture)
    assert second.suffix == ".png" and second.picture.read().startswith(b"\x89PNG")
    assert as_text(first) == as_text(second) == ["......", ".11...", ".11...", "......"]
    assert found.remarks == []


BAD_PAGES = {
    "cut": ('{"shapes": [', r"a\.json: expected JSON .*line 1 column 13"),
    "no path": ({"shapes": []}, "a labelme file with shapes, imagePath, got the keys shapes"),
    "path of no kind": (_page(image=3), "expected str as imagePath, got int 3"),
    "shape of no kind": (_page("x"), r"shapes\[0\]: expected an object"),
    "no label": (_page({"points": SQUARE}), r"shapes\[0\]: label is missing"),
    "NaN": (_page(_shape(points=[[1, float("nan")]] * 3)), r"shapes\[0\]: .*finite coordinates"),
    "radius": (_page(_shape(kind="circle")), "2 points of a circle, got 4"),
    "no PNG": (_page(_shape(points=SQUARE[:2], kind="mask", mask="QUJD")), "text of a PNG as the"),
    "height": (_page(imageHeight=-4), "expected a number of pixels as imageHeight, got -4"),
}


@pytest.mark.parametrize("tree, said", BAD_PAGES.values(), ids=BAD_PAGES)
def test_a_bad_file_is_named_and_the_others_are_read(tmp_path, tree, said):
    for name in "ab":
        blank(tmp_path / f"{name}.jpg")
        put(tmp_path / f"{name}.json", _page(_shape(), image=f"{name}.jpg"))
    put(tmp_path / "a.json", tree)
    found = labelme.read(tmp_path)
    assert [record.name for record in found.samples] == ["b"]
    assert found.remarks == []
    (bad,) = found.bad
    assert re.search(said, bad.why) and not bad.missing
    assert str(tmp_path / "a.json") in bad.why and len(bad.why) < 500


def test_json_files_of_other_programs(source, tmp_path):
    put(tmp_path / "annotations.json", {"images": [], "annotations": []})
    with pytest.raises(
        AnnotationError, match=r"annotations\.json \(the keys images, annotations\)"
    ):
        labelme.read(tmp_path)
    put(tmp_path / "sub" / "classes.json", '["cat"]')
    found = source(_shape())
    assert found.remarks == [
        "left out, no labelme files: annotations.json (the keys images, annotations), "
        "sub/classes.json (a list)"
    ]
    with pytest.raises(AnnotationError, match="1 to 254 classes beside the background, got 0"):
        source()


def test_two_files_for_one_image(source, tmp_path):
    put(tmp_path / "b.json", _page(_shape(), image="./a.jpg"))
    with pytest.raises(AnnotationError, match=r"a\.jpg: has two labels, .*a\.json and .*b\.json"):
        source(_shape())


@pytest.mark.parametrize(
    "name, place",
    [
        ("a.jpg", "a.jpg"),
        ("../images/sub/a.jpg", "a.jpg"),
        ("elsewhere\\a.jpg", "a.jpg"),
        ("deep\\a.jpg", "deep/a.jpg"),
    ],
)
def test_images_in_a_folder_of_their_own(tmp_path, name, place):
    put(tmp_path / "labels" / "sub" / "a.json", _page(_shape(), image=name))
    for folder in ("sub", "other"):
        blank(tmp_path / "images" / folder / place)
    found = labelme.read(tmp_path / "labels", images=tmp_path / "images")
    assert found.samples[0].image == tmp_path / "images" / "sub" / place
    assert found.samples[0].name == "sub/a"
