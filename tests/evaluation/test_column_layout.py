from __future__ import annotations

import random

import pytest

from paddleseg_u2net.evaluation.column_layout import pack, spans, widened

TWO = [("A", "x"), ("A", "x"), ("A", "y"), ("B", "x"), ("B", "y"), ("B", "y")]


def test_spans():
    assert spans(TWO, 0) == [("A", 0, 3), ("B", 3, 6)]
    # The same text under another heading is another span.
    assert spans(TWO, 1) == [("x", 0, 2), ("y", 2, 3), ("x", 3, 4), ("y", 4, 6)]


def test_what_is_under_one_heading_stays_together():
    assert pack(TWO, [1] * 6, 6) == [[0, 1, 2, 3, 4, 5]]
    assert pack(TWO, [1] * 6, 5) == [[0, 1, 2], [3, 4, 5]]
    assert pack(TWO, [1] * 6, 3) == [[0, 1, 2], [3, 4, 5]]
    assert pack(TWO, [1] * 6, 2) == [[0, 1], [2], [3], [4, 5]]
    assert pack(TWO, [1] * 6, 1) == [[0], [1], [2], [3], [4], [5]]
    assert pack([], [], 9) == []
    assert pack([()] * 5, [1, 1, 1, 9, 1], 3) == [[0, 1, 2], [3], [4]]


def test_wide_headings_take_room():
    assert widened([("wide",), ("wide",)], [1, 1], 0, len) == [3, 1]
    assert widened([("wide",), ("wide",)], [1, 1], 1, len) == [2, 1]
    assert pack([("wide",), ("b",)], [1, 1], 4, 0, len) == [[0], [1]]
    assert pack([("wide",), ("b",)], [1, 1], 5, 0, len) == [[0, 1]]


@pytest.mark.parametrize("seed", range(200))
def test_every_column_once_in_order_and_no_table_too_wide(seed):
    rng = random.Random(seed)
    headings = [
        ("s" * rng.randint(1, 12) + str(group), "f" * rng.randint(1, 9))
        for group in range(rng.randint(1, 4))
        for _ in range(rng.randint(1, 5))
    ]
    widths = [rng.randint(1, 9) + 2 for _ in headings]
    room = rng.randint(5, 60)
    tables = pack(headings, widths, room, 2, len)
    assert [n for numbers in tables for n in numbers] == list(range(len(headings)))
    for numbers in tables:
        above = [headings[number] for number in numbers]
        own = widened(above, [widths[number] - 2 for number in numbers], 2, len)
        assert len(numbers) == 1 or sum(own) + 2 * len(own) <= room
