"""Roboflow's PNG masks, whose values ``_classes.csv`` names."""

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.formats import folders

SHAPE = (2, 4)
CSV = "Pixel Value, Class\n0, background\n1, cabinet\n2, door"


def part(root, name, values, text=CSV):
    """A folder with one image and its mask, which shows these values."""
    folder = root / name
    folder.mkdir(parents=True)
    Image.new("RGB", SHAPE[::-1]).save(folder / f"{name}_jpg.rf.0a.jpg")
    mask = np.resize(np.array(values, np.uint8), SHAPE)
    Image.fromarray(mask).save(folder / f"{name}_jpg.rf.0a_mask.png")
    if text:
        (folder / "_classes.csv").write_text(text)


def shown(collection):
    return [sorted(set(record.mask.read(SHAPE).flat)) for record in collection.samples]


def test_an_export_of_roboflow(tmp_path):
    part(tmp_path, "train", [0, 2])
    part(tmp_path, "valid", [0, 1])
    found = folders.read(tmp_path, tmp_path)
    # A class of its own is one even if the masks do not show it.
    assert found.classes == ("background", "cabinet", "door")
    assert [record.split for record in found.samples] == ["train", "val"]
    assert shown(found) == [[0, 2], [0, 1]]
    assert "classes named as _classes.csv says: 0 background, 1 cabinet, 2 door" in found.remarks


@pytest.mark.parametrize(
    "text, values, classes, numbers",
    [
        ("Pixel Value, Class\n0, background\n7, cat\n3, dog\n", [0, 7, 3], "dog cat", [0, 1, 2]),
        ("\ufeffpixel value,class\r\n0,Background\r\n1,cat\r\n", [0, 1], "cat", [0, 1]),
        ("Pixel Value, Class\n1, cat\n2, dog\n", [0, 1, 2], "cat dog", [0, 1, 2]),
        ("Pixel Value, Class\n0, cat\n1, background\n", [0, 1], "cat", [0, 1]),
        ('Pixel Value, Class\n0, background\n1, "a, b"\n', [0, 1, 255], "a,_b", [0, 1, 255]),
        ("Pixel Value, Class\n0, background\n255, cat\n", [0, 255], "cat", [0, 1]),
    ],
)
def test_values_and_names(tmp_path, text, values, classes, numbers):
    part(tmp_path, "train", values, text)
    found = folders.read(tmp_path, tmp_path)
    assert " ".join(name.replace(" ", "_") for name in found.classes[1:]) == classes
    assert shown(found) == [numbers]
    if text.startswith("Pixel Value, Class\n0, cat"):
        assert found.samples[0].mask.read(SHAPE)[0].tolist() == [1, 0, 1, 0]


def test_names_may_be_chosen_or_given(tmp_path):
    part(tmp_path, "train", [0, 1, 2])
    found = folders.read(tmp_path, tmp_path, classes=["door"])
    assert found.classes == ("background", "door") and shown(found) == [[0, 1]]
    assert found.samples[0].mask.read(SHAPE)[0].tolist() == [0, 0, 1, 0]
    assert "left out as background: cabinet" in found.remarks
    found = folders.read(tmp_path, tmp_path, classes=["cup", "plate"])
    assert found.classes == ("background", "cup", "plate") and shown(found) == [[0, 1, 2]]
    found = folders.read(tmp_path, tmp_path, values="instance")
    assert found.classes == ("background", "object") and shown(found) == [[0, 1]]


def test_files_that_differ(tmp_path):
    part(tmp_path, "train", [0, 1])
    part(tmp_path, "valid", [0, 3], "Pixel Value, Class\n3, window\n")
    assert folders.read(tmp_path, tmp_path).classes[1:] == ("cabinet", "door", "window")
    for text in ("Pixel Value, Class\n1, door\n", "Pixel Value, Class\n4, door\n"):
        (tmp_path / "valid/_classes.csv").write_text(text)
        with pytest.raises(AnnotationError, match=r"valid/.*door, but elsewhere"):
            folders.read(tmp_path, tmp_path)
