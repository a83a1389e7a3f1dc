"""Which classes of a source become which numbers, and files that say what masks hold."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError, read_lines, wrong
from paddleseg_u2net.datasets.mask_encoding import IGNORE
from paddleseg_u2net.io.images import files_below

Colour = Tuple[int, int, int]
# New names from the background on, the numbers of what becomes one of them, and remarks.
Numbered = Tuple[Tuple[str, ...], Dict[str, int], List[str]]

BACKGROUND = "background"
MOST_CLASSES = 254  # beside the background
_BACKGROUNDS = (BACKGROUND, "_background_", "__background__")
# In Roboflow's exports.
VALUES_FILE = "_classes.csv"

_RGB = r"\d+[\s,;]+\d+[\s,;]+\d+"
# CVAT's label:r,g,b:parts:actions, whose colour may be empty, and lists.
_CVAT_LINE = re.compile(rf"(?P<name>[^:]+):\s*(?P<colour>{_RGB})?\s*(?::.*)?")
_LINE = re.compile(rf"(?P<name>[^\s,;].*?)[\s,;]+(?P<colour>{_RGB}|#[0-9a-fA-F]{{6}})[\s,;]*")
_HEADING = re.compile(r"(?i)name\W+r\W+g\W+b\W*")  # as in CamVid's class_dict.csv


def is_background(name: str) -> bool:
    """Whether a name in a source means the background."""
    return name.strip().lower() in _BACKGROUNDS


@dataclass(frozen=True)
class Classes:
    """A choice of classes.

    Attributes:
        chosen: New name -> names in the source that become it, the first new name number 1 and so
            on. None: every class of the source under its own name, in the source's order, but for
            its background.
        ignored: Names in the source whose area is ignored (255 in masks).
    """

    chosen: Optional[Mapping[str, Tuple[str, ...]]] = None
    ignored: Tuple[str, ...] = ()

    @property
    def asked(self) -> FrozenSet[str]:
        """The names in the source that are chosen or ignored."""
        return frozenset(self.ignored).union(*(self.chosen or {}).values())

    def numbers(self, found: Sequence[str], where: object) -> Numbered:
        """Number the classes that a source has, those of a background 0 unless chosen.

        Spaces around names go; names that become nothing are in the remarks.
        """
        names = list(dict.fromkeys(name.strip() for name in found))
        if "" in names:
            raise wrong(where, "a name for each class", "an empty one")
        numbers = {name: 0 for name in names if is_background(name)}
        own = [name for name in names if name not in self.ignored and name not in numbers]
        chosen = self.chosen if self.chosen is not None else {name: (name,) for name in own}
        asked = [*chain.from_iterable(chosen.values()), *dict.fromkeys(self.ignored)]
        missing = [name for name in asked if name not in names]
        if missing or len(set(asked)) < len(asked):
            why = f"has no class {missing[0]}" if missing else "was asked for a class twice"
            known = f"its classes are {', '.join(names) or 'none'}"
            raise AnnotationError(f"{where}: {why}; {known}; correct --classes or --ignore")
        if not 1 <= len(chosen) <= MOST_CLASSES:
            expected = f"1 to {MOST_CLASSES} classes beside the background"
            raise wrong(where, expected, len(chosen), "choose some with --classes")
        numbers.update(dict.fromkeys(self.ignored, IGNORE))
        for number, old in enumerate(chosen.values(), start=1):
            numbers.update(dict.fromkeys(old, number))
        left_out = [name for name in names if name not in numbers]
        remarks = [f"left out as background: {', '.join(left_out)}"] if left_out else []
        return (BACKGROUND, *chosen), numbers, remarks


ALL_CLASSES = Classes()


def voc_colour(number: int) -> Colour:
    """The colour of a class number in the PASCAL VOC palette (255: the void colour)."""
    channels = [0, 0, 0]
    # Every third bit belongs to one channel, the lowest three to the highest bits.
    for bit in range(8):
        channels[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
    return channels[0], channels[1], channels[2]


def read_colours(path: Path) -> Dict[Colour, str]:
    """Read which colour (red, green, blue) is which class, in the order of the lines.

    A line is ``name r g b`` or ``name #RRGGBB`` with spaces, tabs, commas or semicolons between,
    or CVAT's ``name:r,g,b:parts:actions`` (with no colour: VOC's of the line's number, from 0).
    """
    table: Dict[Colour, str] = {}
    lines = [(n, line) for n, line in enumerate(read_lines(path), start=1) if line]
    lines = [(n, line) for n, line in lines if line[0] != "#" and not _HEADING.fullmatch(line)]
    for number, (line_number, line) in enumerate(lines):
        where = f"{path}:{line_number}"
        match = _CVAT_LINE.fullmatch(line) or _LINE.fullmatch(line)
        if match is None:
            raise wrong(where, "`name r g b`, `name,#RRGGBB` or `name:r,g,b::`", repr(line))
        name, colour = match["name"].strip(), _colour(match["colour"], number)
        if max(colour) > 255:
            raise wrong(where, "a colour of 0..255 each", colour)
        if colour in table:
            got = f"{colour} for {name} and for {table[colour]}"
            raise wrong(where, "a colour of its own for each class", got)
        table[colour] = name
    if not table:
        raise wrong(path, "lines such as `name r g b`", "none")
    return table


def _colour(text: Optional[str], number: int) -> Colour:
    if not text:
        return voc_colour(number)
    red, green, blue = bytes.fromhex(text[1:]) if text[0] == "#" else re.findall(r"\d+", text)
    return int(red), int(green), int(blue)


def number_colours(
    table: Mapping[Colour, str], classes: Classes, where: object
) -> Tuple[Tuple[str, ...], Dict[Colour, int], List[str]]:
    """As `Classes.numbers`, by colour; black is background if the table says nothing else."""
    names, numbers, remarks = classes.numbers(list(table.values()), where)
    return names, {(0, 0, 0): 0, **{c: numbers.get(n, 0) for c, n in table.items()}}, remarks


def find_values(folder: Path) -> Dict[int, str]:
    """Class names by value, of all files ``_classes.csv`` below a folder; empty if none."""
    names: Dict[int, str] = {}
    for path in (path for path in files_below(folder) if path.name.lower() == VALUES_FILE):
        for value, name in _read_values(path):
            other = next((v for v, known in names.items() if (v == value) != (known == name)), None)
            if other is not None:
                got = f"{value} is {name}, but elsewhere {other} is {names[other]}"
                raise wrong(path, "the same as elsewhere", got, "import these masks one by one")
            names[value] = name
    return names


def _read_values(path: Path) -> List[Tuple[int, str]]:
    rows = list(csv.reader(filter(None, read_lines(path)), skipinitialspace=True))
    if not rows or rows[0][0].strip().lower() != "pixel value":  # a list for classification
        return []
    try:
        return [(int(value), name.strip()) for value, name in rows[1:]]
    except ValueError as error:
        raise wrong(path, "lines of a value and a name, such as `1, cat`", error) from None


def number_values(
    names: Mapping[int, str], chosen: Optional[Sequence[str]], where: object
) -> Tuple[List[str], Dict[int, int], List[str]]:
    """As `Classes.numbers`, by value, and without the background's name; ``chosen`` None: all.

    The values 0 and 255 are themselves unless named otherwise.
    """
    found = [names[value] for value in sorted(names)]
    choice = None if chosen is None else {name: (name,) for name in chosen}
    titles, numbers, remarks = Classes(choice).numbers(found, where)
    table = {0: 0, IGNORE: IGNORE}
    table.update({value: numbers.get(name, 0) for value, name in names.items()})
    return list(titles[1:]), table, remarks
