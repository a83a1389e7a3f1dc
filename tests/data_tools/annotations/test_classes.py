"""Names of classes as sources write them."""

import pytest

from paddleseg_u2net.data_tools.annotations.classes import Classes
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError


@pytest.mark.parametrize("name", ["", "  "])
def test_a_class_without_a_name_is_refused(name):
    with pytest.raises(AnnotationError, match="a source: expected a name for each class"):
        Classes().numbers(["cat", name], "a source")


@pytest.mark.parametrize("name", ["background", "Background", "_background_", "__background__"])
def test_a_background_is_number_0(name):
    names, numbers, _ = Classes().numbers([name, "cat"], "a source")
    assert names == ("background", "cat") and numbers == {name: 0, "cat": 1}
