"""Names of classes as sources write them."""

import pytest

from paddleseg_u2net.data_tools.annotations.classes import IGNORE, Classes
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError


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


@pytest.mark.parametrize("name", ["background", "Background", "_background_", "__background__"])
def test_a_background_is_number_0(name):
    names, numbers, _ = Classes().numbers([name, "cat"], "a source")
    assert names == ("background", "cat") and numbers == {name: 0, "cat": 1}
