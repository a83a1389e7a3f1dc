"""Names of classes as sources write them."""

import json

import numpy as np
import pytest

from paddleseg_u2net.data_tools.annotations.classes import IGNORE, Classes
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.formats import labelme
from paddleseg_u2net.io.images import write_image


def test_spaces_around_a_name_make_no_class():
    names, numbers, remarks = Classes().numbers(["cat", "cat ", "\tdog"], "a source")
    assert names == ("background", "cat", "dog") and remarks == []
    assert numbers == {"cat": 1, "cat ": 1, "\tdog": 2}


def test_names_with_spaces_around_are_chosen_and_ignored():
    choice = Classes({"animal": ("cat",)}, (" void",))
    names, numbers, remarks = choice.numbers(["cat", "cat ", "dog ", "void"], "a source")
    assert names == ("background", "animal")
    assert numbers == {"cat": 1, "cat ": 1, "void": IGNORE}
    assert remarks == ["left out as background: dog"]


@pytest.mark.parametrize("name", ["", "  "])
def test_a_class_without_a_name_is_refused(name):
    with pytest.raises(AnnotationError, match="a source: a class has no name"):
        Classes().numbers(["cat", name], "a source")


def test_labels_with_a_space_behind_them_are_drawn(tmp_path):
    for name, label in (("a", "cat"), ("b", "cat ")):
        write_image(tmp_path / f"{name}.jpg", np.zeros((4, 6, 3), np.uint8))
        shape = {
            "label": label,
            "points": [[1, 1], [3, 1], [3, 3], [1, 3]],
            "shape_type": "polygon",
        }
        tree = {"shapes": [shape], "imagePath": f"{name}.jpg", "imageHeight": 4, "imageWidth": 6}
        (tmp_path / f"{name}.json").write_text(json.dumps(tree))
    found = labelme.read(tmp_path)
    assert found.classes == ("background", "cat")
    assert [int((record.mask.read((4, 6)) == 1).sum()) for record in found.samples] == [4, 4]
