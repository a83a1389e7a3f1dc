"""Which columns of a wide table stand side by side, and what stands above them."""

from __future__ import annotations

from itertools import groupby
from typing import Callable, List, Sequence, Tuple

Headings = Tuple[str, ...]
"""What stands above one column, the outermost first."""


def spans(headings: Sequence[Headings], level: int) -> List[Tuple[str, int, int]]:
    """Return (text, first column, column after the last) of the headings of one level."""
    found = []
    for _, group in groupby(range(len(headings)), lambda number: headings[number][: level + 1]):
        numbers = list(group)
        found.append((headings[numbers[0]][level], numbers[0], numbers[-1] + 1))
    return found


def pack(
    headings: Sequence[Headings],
    widths: Sequence[float],
    room: float,
    gap: float = 0,
    width_of: Callable[[str], float] = lambda text: 0,
) -> List[List[int]]:
    """Deal columns out, in order, to as few tables as fit.

    Columns under one heading stay together, those of an outer one rather than those of an inner
    one, unless they alone are too wide.

    Args:
        headings: of each column.
        widths: of each column, with the room around it.
        room: for the columns of one table; one column stands alone where even that is too wide.
        gap: of the room around a column, what a heading over several does not cover.
        width_of: how wide a heading is.
    """
    tables: List[List[int]] = []

    def total(numbers: Sequence[int]) -> float:
        above = [headings[number] for number in numbers]
        own = widened(above, [widths[number] - gap for number in numbers], gap, width_of)
        return sum(own) + gap * len(own)

    def place(numbers: List[int], level: int) -> None:
        if tables and total([*tables[-1], *numbers]) <= room:
            tables[-1].extend(numbers)
        elif total(numbers) <= room or len(numbers) == 1:
            tables.append(numbers)
        else:
            # What is in pieces anyway begins with a table.
            tables.append([])
            for _, group in groupby(numbers, lambda number: headings[number][: level + 1]):
                inner = list(group)
                if level < len(headings[0]):
                    place(inner, level + 1)
                else:
                    for number in inner:
                        place([number], level)

    place(list(range(len(widths))), 0)
    return [numbers for numbers in tables if numbers]


def widened(
    headings: Sequence[Headings],
    widths: Sequence[float],
    gap: float,
    width_of: Callable[[str], float],
) -> List[float]:
    """Return the widths of columns, the first ones under wide headings so wide that these fit."""
    found = list(widths)
    for level in reversed(range(len(headings[0]) if headings else 0)):
        for text, first, end in spans(headings, level):
            there = sum(found[first:end]) + gap * (end - first - 1)
            found[first] += max(0, width_of(text) - there)
    return found
