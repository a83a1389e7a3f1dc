"""An object called background is a hole in what lies below it, whatever the tool."""

import json

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.formats import coco, cvat, labelme, supervisely, yolo

WIDTH, HEIGHT = 20, 16
OUTER, INNER = (2, 2, 16, 14), (5, 5, 11, 9)


def corners(box):
    left, top, right, bottom = box
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def write_json(path, tree):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree))


def read_coco(root, name):
    write_json(
        root / "a.json",
        {
            "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
            "categories": [{"id": 1, "name": "ring"}, {"id": 2, "name": name}],
            "annotations": [
                {
                    "id": n,
                    "image_id": 1,
                    "category_id": n,
                    "segmentation": [np.ravel(corners(box)).tolist()],
                }
                for n, box in ((2, INNER), (1, OUTER))
            ],
        },
    )
    return coco.read([(root / "a.json", root)])


def read_yolo(root, name):
    lines = [
        f"{number} " + " ".join(f"{x / WIDTH} {y / HEIGHT}" for x, y in corners(box))
        for number, box in ((1, INNER), (0, OUTER))
    ]
    (root / "a.txt").write_text("\n".join(lines))
    (root / "data.yaml").write_text(json.dumps({"train": ".", "names": ["ring", name]}))
    return yolo.read(root)


def read_labelme(root, name):
    shapes = [
        {"label": label, "shape_type": "polygon", "points": corners(box)}
        for label, box in (("ring", OUTER), (name, INNER))
    ]
    write_json(root / "a.json", {"shapes": shapes, "imagePath": "a.png"})
    return labelme.read(root)


def read_cvat(root, name):
    shapes = "".join(
        f'<polygon label="{label}" points="{";".join(f"{x},{y}" for x, y in corners(box))}"/>'
        for label, box in (("ring", OUTER), (name, INNER))
    )
    (root / "annotations.xml").write_text(
        f'<annotations><image name="a.png" width="{WIDTH}" height="{HEIGHT}">{shapes}</image>'
        "</annotations>"
    )
    return cvat.read(root)


def read_supervisely(root, name):
    """Its corners name pixels, and those on the outline are inside."""
    image = root / "ds/img/a.png"
    image.parent.mkdir(parents=True)
    (root / "a.png").rename(image)
    titles = [{"title": title, "shape": "polygon"} for title in ("ring", name)]
    write_json(root / "meta.json", {"classes": titles})
    objects = [
        {
            "classTitle": title,
            "geometryType": "polygon",
            "points": {"exterior": corners((*box[:2], box[2] - 1, box[3] - 1)), "interior": []},
        }
        for title, box in (("ring", OUTER), (name, INNER))
    ]
    size = {"height": HEIGHT, "width": WIDTH}
    write_json(root / "ds/ann/a.png.json", {"size": size, "objects": objects})
    return supervisely.read(root)


@pytest.mark.parametrize("name", ["background", "Background", "_background_", "__background__"])
@pytest.mark.parametrize("read", [read_coco, read_yolo, read_labelme, read_cvat, read_supervisely])
def test_a_background_is_a_hole(tmp_path, read, name):
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png")
    found = read(tmp_path, name)
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    for (left, top, right, bottom), number in ((OUTER, 1), (INNER, 0)):
        expected[top:bottom, left:right] = number
    assert found.classes == ("background", "ring")
    assert np.array_equal(found.samples[0].mask.read(expected.shape), expected)
