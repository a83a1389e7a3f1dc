"""labelme files: masks computed by hand, and everything that such files get wrong."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.annotations import labelme
from paddleseg_u2net.annotations.classes import Classes
from paddleseg_u2net.annotations.record import AnnotationError
from paddleseg_u2net.images import ImageError, write_image

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


def _put(path, tree):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree), encoding="utf-8")


def _picture(path, size=SIZE):
    write_image(path, np.zeros((*size, 3), np.uint8))


@pytest.fixture
def source(tmp_path):
    """Writes one image with a file and reads the folder."""

    def read(*shapes, classes=None, **more):
        _picture(tmp_path / "a.jpg")
        _put(tmp_path / "a.json", _page(*shapes, **more))
        return labelme.read(tmp_path, classes or Classes())

    return read


def _rows(record, size=SIZE):
    mask = record.mask.read(size)
    digits = {0: ".", 255: "x"}
    return ["".join(digits.get(value, str(value)) for value in row) for row in mask.tolist()]


def test_polygons_in_the_order_of_the_file(source):
    dog = _shape("dog", [[2, 2], [6, 2], [6, 4], [2, 4]])
    found = source(dog, _shape(group_id=3, flags={"blurred": True}))
    assert found.classes == ("background", "cat", "dog")
    assert _rows(found.records[0]) == ["......", ".11...", ".11222", "..2222"]
    assert found.remarks == [] and found.records[0].name == "a"
    assert _rows(source(_shape(), dog).records[0])[2] == ".12222"


def test_rectangles_and_circles(source):
    # The second corner may come first; the circle's second point lies on its line.
    found = source(
        _shape(points=[[3, 2], [1, 0]], kind="rectangle"),
        _shape("dog", [[4.5, 2.5], [4.5, 3.5]], "circle"),
    )
    assert _rows(found.records[0]) == [".11...", ".11.2.", "...222", "....2."]
    four = _shape(points=[[0, 0], [2, 0], [2, 1], [0, 1]], kind="rectangle")
    turned = _shape(points=[[0, 3], [2, 3], [2, 4], [0, 4]], kind="oriented_rectangle")
    assert _rows(source(four, turned).records[0]) == ["11....", "......", "......", "11...."]


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB"])
def test_masks(source, mode):
    mask = _png([[1, 0, 1], [0, 1, 1]], mode)
    found = source(_shape(points=[[2.0, 1.0], [4.0, 2.0]], kind="mask", mask=mask))
    assert _rows(found.records[0]) == ["......", "..1.1.", "...11.", "......"]


def test_names_with_a_meaning(source):
    found = source(
        _shape("dog", [[0, 0], [6, 0], [6, 4], [0, 4]]),
        _shape("_background_", [[0, 0], [2, 0], [2, 1], [0, 1]]),
        _shape("__ignore__", [[4, 0], [6, 0], [6, 1], [4, 1]]),
    )
    assert found.classes == ("background", "dog")
    assert _rows(found.records[0])[:2] == ["..11xx", "111111"]
    asked = source(_shape("dog"), _shape("__ignore__"), classes=Classes(ignored=("__ignore__",)))
    assert _rows(asked.records[0])[1] == ".xx..."


def test_chosen_classes(source):
    shapes = [_shape("cat"), _shape("dog", [[0, 0], [1, 0], [1, 1], [0, 1]]), _shape("cow")]
    found = source(*shapes, classes=Classes({"pet": ("dog",)}, ("cow",)))
    assert found.classes == ("background", "pet")
    assert _rows(found.records[0])[:2] == ["1.....", ".xx..."]
    assert found.remarks == ["left out as background: cat"]
    with pytest.raises(AnnotationError, match="has no class bird; its classes are cat, cow, dog"):
        source(*shapes, classes=Classes({"bird": ("bird",)}))


def test_what_is_counted(source, tmp_path):
    _picture(tmp_path / "alone.png")
    _picture(tmp_path / "b.jpg")
    _put(tmp_path / "b.json", _page(image="b.jpg"))
    found = source(
        _shape(),
        _shape(points=[[0, 0], [2, 2]], kind="line"),
        _shape(points=[[0, 0]], kind="point"),
        _shape(points=[[0, 0], [1, 1], [2, 3]], kind="linestrip"),
        _shape(points=[[0, 0], [1, 1]], kind="line"),
        _shape(points=[[0, 0], [1, 1]]),
        _shape(points=[[-4, 0], [1, 0], [1, 1]]),
        _shape(points=[[-4, 0], [-1, 0], [-1, 1]]),
    )
    assert found.remarks == [
        "left out, no areas or of no known kind: line (2 objects), linestrip (1 object), "
        "point (1 object)",
        "left out, without area: 1 object",
        "partly outside their image, drawn as far as inside: 1 object",
        "wholly outside their image, not to be seen: 1 object",
        "without objects, so all background: 1 image",
        "left out, without a labelme file: 1 image",
    ]


def test_old_files_say_less(source):
    shape = {"label": "cat", "points": SQUARE, "line_color": None}
    found = source(shape, imageHeight=None)
    assert _rows(found.records[0])[1] == ".11..."


@pytest.mark.parametrize(
    "name",
    ["a.jpg", "..\\in\\a.jpg", "../in/a.jpg", "A.JPG", "C:\\Users\\me\\a.jpg", "/home/me/a.jpg"],
)
def test_paths_of_other_computers(tmp_path, name):
    for folder in ("in", "other"):
        _picture(tmp_path / folder / "a.jpg")
        _put(
            tmp_path / folder / "a.JSON", _page(_shape(), image=name if folder == "in" else "a.jpg")
        )
    found = labelme.read(tmp_path)
    assert [record.name for record in found.records] == ["in/a", "other/a"]
    assert found.records[0].image.resolve() == (tmp_path / "in" / "a.jpg").resolve()
    assert found.remarks == []


@pytest.mark.parametrize("name", ["a.jpg", "../images/sub/a.jpg", "elsewhere\\a.jpg"])
def test_images_in_a_folder_of_their_own(tmp_path, name):
    _put(tmp_path / "labels" / "sub" / "a.json", _page(_shape(), image=name))
    for folder in ("sub", "other"):
        _picture(tmp_path / "images" / folder / "a.jpg")
    found = labelme.read(tmp_path / "labels", images=tmp_path / "images")
    assert found.records[0].image == tmp_path / "images" / "sub" / "a.jpg"
    assert found.records[0].name == "sub/a"


def test_deeper_folders_count_from_the_file_on(tmp_path):
    _put(tmp_path / "labels" / "sub" / "a.json", _page(_shape(), image="deep\\a.jpg"))
    for folder in ("sub", "other"):
        _picture(tmp_path / "images" / folder / "deep" / "a.jpg")
    found = labelme.read(tmp_path / "labels", images=tmp_path / "images")
    assert found.records[0].image == tmp_path / "images" / "sub" / "deep" / "a.jpg"


def test_missing_images_are_named(tmp_path):
    for number in range(5):
        _put(tmp_path / f"{number}.json", _page(_shape(), image=f"{number}.jpg"))
    with pytest.raises(
        AnnotationError, match=r"5 images are not there: 0\.jpg of .* and 2 more; g"
    ):
        labelme.read(tmp_path)
    _put(tmp_path / "0.json", _page(_shape(), image="0.jpg", imageData="iVBORw0KGgo="))
    with pytest.raises(AnnotationError, match=r"1 of these files hold.*labelme_export_json"):
        labelme.read(tmp_path)
    _put(tmp_path / "0.json", _page(_shape(), image="x" * 5000 + "\0"))
    with pytest.raises(AnnotationError, match="5 images are not there"):
        labelme.read(tmp_path)


def test_another_size_is_refused(source):
    record = source(_shape(), imageHeight=8).records[0]
    with pytest.raises(AnnotationError, match=r"a\.json: made for an image of 6 x 8"):
        record.mask.read(SIZE)


BAD_PAGES = {
    "cut": ('{"shapes": [', r"a\.json, line 1, column 13: expected JSON"),
    "COCO": ({"images": [], "annotations": []}, "it looks like a COCO file"),
    "a text": ('"cat"', "it looks like a text"),
    "no path": ({"shapes": []}, "imagePath is missing"),
    "path of no kind": (_page(image=3), "expected a text as imagePath, got a whole number 3"),
    "shapes of no kind": ({**_page(), "shapes": {}}, "expected a list as shapes"),
    "shape of no kind": (_page("x"), r"shapes\[0\]: expected an object"),
    "no label": (_page({"points": SQUARE}), r"shapes\[0\]: label is missing"),
    "label of no kind": (_page(_shape(None)), r"shapes\[0\]: expected a text as label, got null"),
    "no points": (_page({"label": "cat"}), r"shapes\[0\]: points is missing"),
    "points in threes": (_page(_shape(points=[[1, 2, 3]])), r"shapes\[0\]: expected points"),
    "NaN": (_page(_shape(points=[[1, float("nan")]] * 3)), r"shapes\[0\]: .*no finite number"),
    "corners": (
        _page(_shape(points=SQUARE[:3], kind="rectangle")),
        "2 points of a rectangle, got 3",
    ),
    "radius": (_page(_shape(kind="circle")), "2 points of a circle, got 4"),
    "no mask": (_page(_shape(points=SQUARE[:2], kind="mask")), "mask is missing"),
    "no base64": (
        _page(_shape(points=SQUARE[:2], kind="mask", mask="~~é")),
        "the bitmap is no base",
    ),
    "no PNG": (_page(_shape(points=SQUARE[:2], kind="mask", mask="QUJD")), "expected a PNG as the"),
    "height": (_page(imageHeight=-4), "expected a number of pixels as imageHeight, got -4"),
    "no labels": (_page(), "expected 1 to 254 classes beside the background, got 0"),
}


@pytest.mark.parametrize("tree, said", BAD_PAGES.values(), ids=BAD_PAGES)
def test_bad_files(tmp_path, tree, said):
    _picture(tmp_path / "a.jpg")
    _put(tmp_path / "a.json", tree)
    with pytest.raises(AnnotationError, match=said) as caught:
        labelme.read(tmp_path)
    assert str(tmp_path) in str(caught.value) and len(str(caught.value)) < 500


def test_a_damaged_mask_shows_when_it_is_drawn(source):
    text = base64.b64encode(base64.b64decode(_png(np.ones((50, 50))))[:60]).decode()
    record = source(_shape(points=SQUARE[:2], kind="mask", mask=text)).records[0]
    with pytest.raises(AnnotationError, match=r"a\.json, shapes\[0\]: the bitmap is damaged"):
        record.mask.read(SIZE)


def test_two_files_for_one_image(source, tmp_path):
    _put(tmp_path / "b.json", _page(_shape(), image="./a.jpg"))
    with pytest.raises(AnnotationError, match=r"a\.jpg: has two labels, .*a\.json and .*b\.json"):
        source(_shape())


def test_folders_without_files(tmp_path):
    with pytest.raises(AnnotationError, match=r"expected labelme files \(\.json\), found none"):
        labelme.read(tmp_path)
    with pytest.raises(ImageError, match="expected a folder"):
        labelme.read(tmp_path / "none")
