"""Run lengths there and back, and where bitmaps are drawn."""

import numpy as np
import pytest

from paddleseg_u2net.data_tools.annotations.bitmaps import Runs, check_runs, unpack_runs


def _runs(mask: np.ndarray, by_rows: bool = False) -> list:
    flat = mask.reshape(-1) if by_rows else mask.T.reshape(-1)
    counts, value, length = [], False, 0
    for pixel in flat:
        if pixel != value:
            counts.append(length)
            value, length = pixel, 0
        length += 1
    return [*counts, length]


def _pack(counts: list) -> str:
    """The text of the COCO tools, character by character."""
    text = ""
    for place, count in enumerate(counts):
        value = count - (counts[place - 2] if place > 2 else 0)
        while True:
            code = value & 31
            value >>= 5
            last = value == (-1 if code & 16 else 0)
            text += chr(48 + (code if last else code | 32))
            if last:
                break
    return text


@pytest.mark.parametrize("by_rows", [False, True])
def test_there_and_back(by_rows):
    random = np.random.default_rng(0)
    for _ in range(100):
        height, width = random.integers(1, 40, 2)
        mask = random.uniform(size=(height, width)) < random.choice([0, 0.02, 0.3, 0.9, 1])
        counts = _runs(mask, by_rows)
        assert unpack_runs(_pack(counts), "here").tolist() == counts
        for given in (counts, unpack_runs(_pack(counts), "here"), list(map(float, counts))):
            array = check_runs(given, mask.shape, "here")
            assert array.dtype == np.uint32
            assert np.array_equal(Runs(1, mask.shape, 0, 0, array, by_rows).pixels(), mask)


@pytest.mark.parametrize(
    ("top", "left", "drawn"),
    [
        (1, 2, ["......", "..7.7.", "...77.", "......"]),
        (-1, -1, ["77....", "......", "......", "......"]),
        (3, 5, ["......", "......", "......", ".....7"]),
        *((top, left, ["......"] * 4) for top, left in ((-2, 0), (5, 0), (0, -3), (0, 6))),
        (10**9, -(10**9), ["......"] * 4),
    ],
)
def test_bitmaps_are_cut_off_on_every_side(top, left, drawn):
    counts = check_runs([0, 1, 1, 1, 1, 2], (2, 3), "here")  # 1 0 1 | 0 1 1
    mask = np.zeros((4, 6), np.uint8)
    Runs(7, (2, 3), top, left, counts, by_rows=True).paint(mask)
    assert ["".join(str(value or ".") for value in row) for row in mask] == drawn
    assert Runs(7, (2, 3), top, left, counts).area == 4
