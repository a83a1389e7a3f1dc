"""Text for messages: shortened lists, and one line of anything."""

from __future__ import annotations

from typing import Iterable, List, Sequence


def short_list(things: Iterable[object], most: int = 3, count: int = 0) -> str:
    """The first ``most`` things and how many more there are: ``a, b, c and 5 more``.

    ``count``: how many there are, where ``things`` are only the first.
    """
    things = list(things)
    left = max(count, len(things)) - most
    more = f" and {left} more" if left > 0 else ""
    return ", ".join(map(str, things[:most])) + more


def short_values(values: Iterable[int], most: int = 10) -> str:
    """The least ``most`` numbers, the largest and their count: ``0, 1, 2 ... 255 (17 values)``."""
    numbers = sorted(int(value) for value in values)
    more = f" ... {numbers[-1]} ({len(numbers)} values)" if len(numbers) > most else ""
    return ", ".join(map(str, numbers[:most])) + more


def short_lines(lines: Sequence[str], most: int) -> List[str]:
    """The first ``most`` lines, and one that says how many more there are: ``... and 5 more``."""
    more = [f"... and {len(lines) - most} more"] if len(lines) > most else []
    return [*lines[:most], *more]


def one_line(text: str) -> str:
    """``text`` with a space for every letter that cannot be printed, such as a line break.

    File names that are no UTF-8 hold such letters too, and no file could be written with them.
    """
    return "".join(letter if letter.isprintable() else " " for letter in text)
