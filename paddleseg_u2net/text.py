"""Text for messages: shortened lists, columns of one width, and one line of anything."""

from __future__ import annotations

import difflib
import unicodedata
from typing import Any, Callable, Iterable, List, Sequence


def short_list(things: Iterable[object], most: int = 3, count: int = 0) -> str:
    """The first ``most`` things and how many more there are: ``a, b, c and 5 more``.

    ``count``: how many there are, where ``things`` are only the first.
    """
    things = list(things)
    left = max(count, len(things)) - most
    more = f" and {left} more" if left > 0 else ""
    return ", ".join(map(str, things[:most])) + more


def short_values(values: Iterable[int]) -> str:
    """The least ten numbers, the largest and their count: ``0, 1, 2 ... 255 (17 values)``."""
    numbers = sorted(int(value) for value in values)
    more = f" ... {numbers[-1]} ({len(numbers)} values)" if len(numbers) > 10 else ""
    return ", ".join(map(str, numbers[:10])) + more


def short_lines(lines: Sequence[str], most: int) -> List[str]:
    """The first ``most`` lines, and one that says how many more there are: ``... and 5 more``."""
    more = [f"... and {len(lines) - most} more"] if len(lines) > most else []
    return [*lines[:most], *more]


def did_you_mean(given: Any, known: Iterable[str]) -> str:
    """``; did you mean X?``, by the beginning or by a similar name; empty if there is none."""
    asked = str(given).lower().lstrip("-")
    # Without the dashes, by which all flags are alike.
    bare = {name.lower().lstrip("-"): name for name in known}
    near = [asked] if asked in bare else [name for name in bare if asked and name.startswith(asked)]
    near = near[:3] or difflib.get_close_matches(asked, bare, 1)
    return f"; did you mean {' or '.join(bare[name] for name in near)}?" if near else ""


def class_names(names: Sequence[str], count: int) -> List[str]:
    """``count`` names of classes; where some are missing two are background and foreground, of more
    their numbers stand for them.
    """
    missing = ["background", "foreground"] if count == 2 else [str(n) for n in range(count)]
    return [*names[:count], *missing[len(names) :]]


def aligned(rows: Sequence[Sequence[str]]) -> List[str]:
    """The lines of a table: the first column to the left, the others to the right."""
    columns = [
        one_width(cells, str.rjust if n else str.ljust) for n, cells in enumerate(zip(*rows))
    ]
    return ["  ".join(cells) for cells in zip(*columns)]


def one_width(texts: Sequence[str], side: Callable[[str, int], str]) -> List[str]:
    """``texts`` of one width on a terminal, by ``str.ljust`` or ``str.rjust``."""
    width = max(map(width_of, texts))
    return [side(text, width - width_of(text) + len(text)) for text in texts]


def width_of(text: str) -> int:
    """How many places a terminal gives to ``text``."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def one_line(text: str) -> str:
    """``text`` with a space for what cannot be printed: line breaks, names that are no UTF-8."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
