"""The rule by which the numbers in masks are understood, as a table, and the decoding of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from paddleseg_u2net.datasets.mask_encoding import (
    MaskError,
    check_mask_encoding,
    decode,
    infer_from_masks,
    infer_mask_encoding,
    seem_instances,
)

PATH = Path("masks/a.png")
AMBIGUOUS = "ambiguous"


@pytest.mark.parametrize(
    ("values", "num_classes", "ignore_index", "expected"),
    [
        # one class: foreground or not
        ({0}, 1, 255, "index"),
        ({0, 1}, 1, 255, "index"),
        ({0, 255}, 1, 255, "binary"),
        ({0, 128, 255}, 1, 255, "soft"),
        ({0, 33, 255}, 1, 255, "soft"),
        ({0, 1, 255}, 1, 255, AMBIGUOUS),
        ({0, 32, 255}, 1, 255, AMBIGUOUS),
        ({0, 38}, 1, 255, AMBIGUOUS),
        ({0, 1, 2}, 1, 255, AMBIGUOUS),
        # one class, 16 bit
        ({0, 65535}, 1, 255, "binary"),
        ({0, 30000, 65535}, 1, 255, "soft"),
        ({0, 30000}, 1, 255, AMBIGUOUS),
        # two classes
        ({0, 1}, 2, 255, "index"),
        ({0, 1, 255}, 2, 255, "index"),
        ({0, 255}, 2, 255, "binary"),
        ({0, 65535}, 2, 255, "binary"),
        ({0, 2}, 2, 255, AMBIGUOUS),
        ({0, 128, 255}, 2, 255, AMBIGUOUS),
        ({0, 9}, 2, 9, AMBIGUOUS),
        # more classes
        ({0, 1, 2}, 3, 255, "index"),
        ({0, 2, 255}, 3, 255, "index"),
        ({0, 1, 9}, 3, 9, "index"),
        ({0, 255}, 3, 255, AMBIGUOUS),
    ],
)
def test_the_rule(values, num_classes, ignore_index, expected):
    wanted = "" if expected == AMBIGUOUS else expected
    assert infer_mask_encoding(values, num_classes, ignore_index) == wanted
    files = [(Path(f"masks/{n}.png"), {value}) for n, value in enumerate(sorted(values))]
    if wanted:
        assert infer_from_masks(files, num_classes, ignore_index) == wanted
        return
    with pytest.raises(MaskError) as caught:
        infer_from_masks(files, num_classes, ignore_index)
    message = str(caught.value)
    assert message.startswith(f"{caught.value.file}: cannot tell what the values ")
    assert ", ".join(str(value) for value in sorted(values)) in message
    assert "mask_values" in message and f"num_classes {num_classes}" in message


@pytest.mark.parametrize(
    ("masks", "instances"),
    [
        ([{0, 1, 2}, {0, 1}, {0, 1, 2, 3}], True),
        ([{0, 1, 2}, {1}, {0}, {0, 1, 255}], True),
        ([{0, 1}] * 3 + [{0, 1, 2}], True),
        ([{0, 1}] * 5 + [{0, 1, 2}], False),  # a stray label
        # Classes: one is not where a lower one is not either, or all have the same.
        ([{0, 1, 2, 3}, {0, 1, 2}, {0, 1, 3}], False),
        ([{0, 1, 2}] * 9, False),
        ([{0, 1}, {0}], False),
        ([{0, 1, 255}, {0, 1}], False),
        ([], False),
    ],
)
def test_numbers_of_objects_are_told_from_classes(masks, instances):
    assert seem_instances(masks) is instances


def decoded(values, coding, num_classes=1, ignore_index=255, dtype=np.uint8):
    return decode(np.array([values], dtype), coding, num_classes, ignore_index, PATH)


@pytest.mark.parametrize(
    ("values", "dtype", "coding", "num_classes", "expected"),
    [
        ([0, 1, 255], np.uint8, "index", 1, [0, 1, 255]),
        ([0, 1, 2, 255], np.uint8, "index", 3, [0, 1, 2, 255]),
        ([0, 1, 2], np.uint16, "index", 3, [0, 1, 2]),
        ([0, 255], np.uint8, "binary", 1, [0, 1]),
        ([0, 255], np.uint8, "binary", 2, [0, 1]),
        ([0, 65535], np.uint16, "binary", 1, [0, 1]),
        ([0, 51, 255], np.uint8, "soft", 1, [0, 0.2, 1]),
        ([0, 13107, 65535], np.uint16, "soft", 1, [0, 0.2, 1]),
        ([0, 1, 7, 255], np.uint8, "instance", 1, [0, 1, 1, 1]),
        ([0, 38, 7], np.uint8, {0: 0, 38: 1, 7: 255}, 1, [0, 1, 255]),
        ([0, 38, 7], np.uint8, {0: 0, 38: 1, 7: 2}, 3, [0, 1, 2]),
        ([0, 38], np.uint8, {0: 0, 38: 1, 3000: 1}, 1, [0, 1]),
    ],
)
def test_labels_of_each_coding(values, dtype, coding, num_classes, expected):
    label = decoded(values, coding, num_classes, dtype=dtype)
    assert label.dtype == (np.float32 if num_classes == 1 else np.uint8)
    assert label.shape == (1, len(values))
    np.testing.assert_array_equal(label[0], np.array(expected, np.float32))


@pytest.mark.parametrize(
    ("values", "dtype", "coding", "num_classes", "strange"),
    [
        ([0, 1, 2], np.uint8, "index", 1, "2 in 1 pixels"),
        ([3, 0, 4], np.uint8, "index", 3, "3, 4 in 2 pixels"),
        ([0, 254, 255], np.uint8, "binary", 1, "254 in 1 pixels"),
        ([0, 255], np.uint16, "binary", 1, "255 in 1 pixels"),
        ([0, 38, 39], np.uint8, {0: 0, 38: 1}, 1, "39 in 1 pixels"),
    ],
)
def test_values_that_an_encoding_does_not_know_are_named(
    values, dtype, coding, num_classes, strange
):
    with pytest.raises(MaskError) as caught:
        decoded(values, coding, num_classes, dtype=dtype)
    message = str(caught.value)
    assert message.startswith("masks/a.png: expected the values 0")
    assert f"got also {strange}" in message
    assert "mask_values" in message and "num_classes" in message


@pytest.mark.parametrize(
    ("coding", "num_classes"),
    [
        ("soft", 2),
        ("Binary", 1),
        (None, 1),
        ({}, 1),
        ({0: "background"}, 1),
        ({"0": 0}, 1),
        ({0: 0.5}, 1),
        ([0, 1], 1),
    ],
)
def test_codings_that_may_not_be_given(coding, num_classes):
    with pytest.raises(MaskError, match="^mask_values: expected auto, index, binary, soft"):
        check_mask_encoding(coding, num_classes, "mask_values")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_classes_that_are_numbered_from_1_on(dtype):
    raw = np.array([[0, 1, 2], [3, 255, 0]], dtype)
    found = decode(raw, "from_1", 3, 255, Path("a.png"))
    np.testing.assert_array_equal(found, [[255, 0, 1], [2, 255, 255]])
    np.testing.assert_array_equal(found, np.where(raw == 255, 255, raw.astype(np.uint8) - 1))
    with pytest.raises(MaskError, match="a.png: expected the values 0, 1, 2, 255 .*from_1.*also 3"):
        decode(raw, "from_1", 2, 255, Path("a.png"))
    check_mask_encoding("from_1", 150, "mask_values")
