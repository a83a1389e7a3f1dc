"""Which classes of a source become which numbers, and files that say what masks hold."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError, read_lines
from paddleseg_u2net.datasets.mask_encoding import IGNORE
from paddleseg_u2net.io.images import files_below

Colour = Tuple[int, int, int]

BACKGROUND = "background"
MOST_CLASSES = 254  # beside the background
_BACKGROUNDS = (BACKGROUND, "_background_", "__background__")
# In Roboflow's exports.
VALUES_FILE = "_classes.csv"

_RGB = r"(?P<r>\d+)[\s,;]+(?P<g>\d+)[\s,;]+(?P<b>\d+)"
_HEX = r"#(?P<hex>[0-9a-fA-F]{6})"
_LINES = [
    # CVAT: label:r,g,b:parts:actions, the colour may be empty
    re.compile(r"(?P<name>[^:]+):\s*(?:(?P<r>\d+)\s*,\s*(?P<g>\d+)\s*,\s*(?P<b>\d+))?\s*(?::.*)?"),
    *(re.compile(rf"(?P<name>[^\s,;].*?)[\s,;]+{colour}[\s,;]*") for colour in (_RGB, _HEX)),
]
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

    def numbers(
        self, found: Sequence[str], where: object
    ) -> Tuple[Tuple[str, ...], Dict[str, int], List[str]]:
        """Number the classes that a source has.

        Args:
            found: Names in the source, without spaces around them in what comes back; those of a
                background are number 0 unless chosen.

        Returns:
            New names from the background on; source name -> number for each name that becomes
            something; remarks on those that do not.
        """
        names = list(dict.fromkeys(name.strip() for name in found))
        if "" in names:
            raise AnnotationError(f"{where}: a class has no name; give it one there")
        numbers = {name: 0 for name in names if is_background(name)}
        if self.chosen is None:
            own = [name for name in names if name not in self.ignored and name not in numbers]
            chosen: Mapping[str, Tuple[str, ...]] = {name: (name,) for name in own}
        else:
            chosen = self.chosen
        asked = [*chain.from_iterable(chosen.values()), *dict.fromkeys(self.ignored)]
        missing = [name for name in asked if name not in names]
        if missing or len(set(asked)) < len(asked):
            wrong = f"has no class {missing[0]}" if missing else "was asked for a class twice"
            raise AnnotationError(
                f"{where}: {wrong}; its classes are {', '.join(names) or 'none'}; correct "
                "--classes or --ignore"
            )
        if not 1 <= len(chosen) <= MOST_CLASSES:
            raise AnnotationError(
                f"{where}: expected 1 to {MOST_CLASSES} classes beside the background, got "
                f"{len(chosen)}; choose some with --classes"
            )
        numbers.update(dict.fromkeys(self.ignored, IGNORE))
        for number, old in enumerate(chosen.values(), start=1):
            numbers.update(dict.fromkeys(old, number))
        left_out = [name for name in names if name not in numbers]
        remarks = [f"left out as background: {', '.join(left_out)}"] if left_out else []
        return (BACKGROUND, *chosen), numbers, remarks


def voc_colour(number: int) -> Colour:
    """The colour of a class number in the PASCAL VOC palette (255: the void colour).

    Every third bit of the number belongs to one channel, its lowest three to the highest bits.
    """
    channels = [0, 0, 0]
    for bit in range(8):
        channels[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
    return channels[0], channels[1], channels[2]


def read_colours(path: Path) -> Dict[Colour, str]:
    """Read which colour (red, green, blue) is which class, in the order of the lines.

    A line is ``name r g b`` or ``name #RRGGBB`` with spaces, tabs, commas or semicolons between,
    or ``name:r,g,b:parts:actions`` as CVAT's labelmap.txt has it (with no colour: the VOC colour
    of the line's number, from 0). Empty lines, comments (``#``) and the
    heading ``name,r,g,b`` are skipped.
    """
    table: Dict[Colour, str] = {}
    lines = [(n, line) for n, line in enumerate(read_lines(path), start=1) if line]
    lines = [(n, line) for n, line in lines if line[0] != "#" and not _HEADING.fullmatch(line)]
    for number, (line_number, line) in enumerate(lines):
        where = f"{path}:{line_number}"
        match = next((m for m in (form.fullmatch(line) for form in _LINES) if m), None)
        if match is None:
            raise AnnotationError(
                f"{where}: expected `name r g b`, `name,#RRGGBB` or `name:r,g,b::`, got {line!r}"
            )
        name, colour = match["name"].strip(), _colour(match, number)
        if max(colour) > 255:
            raise AnnotationError(f"{where}: expected a colour of 0..255 each, got {colour}")
        if colour in table:
            raise AnnotationError(
                f"{where}: {name} has the colour {colour} of {table[colour]}; each class needs a "
                "colour of its own"
            )
        table[colour] = name
    if not table:
        raise AnnotationError(f"{path}: expected lines such as `name r g b`, the file has none")
    return table


def _colour(match: re.Match[str], number: int) -> Colour:
    parts = match.groupdict()
    if parts.get("hex"):
        red, green, blue = bytes.fromhex(parts["hex"])
        return red, green, blue
    if not parts.get("r"):
        return voc_colour(number)
    return int(parts["r"]), int(parts["g"]), int(parts["b"])


def number_colours(
    table: Mapping[Colour, str], classes: Classes, where: object
) -> Tuple[Tuple[str, ...], Dict[Colour, int], List[str]]:
    """As `Classes.numbers`, by colour; black is background if the table says nothing else."""
    names, numbers, remarks = classes.numbers(list(table.values()), where)
    return names, {(0, 0, 0): 0, **{c: numbers.get(n, 0) for c, n in table.items()}}, remarks


def find_values(folder: Path) -> Dict[int, str]:
    """Class names by value, of all files ``_classes.csv`` below a folder; empty if none.

    Lists of another kind (``filename, cat, dog``, for classification) are skipped.
    """
    names: Dict[int, str] = {}
    for path in (path for path in files_below(folder) if path.name.lower() == VALUES_FILE):
        for value, name in _read_values(path):
            other = next((v for v, known in names.items() if (v == value) != (known == name)), None)
            if other is not None:
                raise AnnotationError(
                    f"{path}: {value} is {name}, but elsewhere {other} is {names[other]}; import "
                    "these masks one by one, or make the files the same"
                )
            names[value] = name
    return names


def _read_values(path: Path) -> List[Tuple[int, str]]:
    rows = list(csv.reader(filter(None, read_lines(path)), skipinitialspace=True))
    if not rows or rows[0][0].strip().lower() != "pixel value":
        return []
    try:
        return [(int(value), name.strip()) for value, name in rows[1:]]
    except ValueError as error:
        raise AnnotationError(
            f"{path}: expected lines of a value and a name, such as `1, cat`, but {error}; "
            "correct it"
        ) from None


def number_values(
    names: Mapping[int, str], chosen: Optional[Sequence[str]], where: object
) -> Tuple[List[str], Dict[int, int], List[str]]:
    """As `Classes.numbers`, by value, and without the name of the background.

    The values 0 and 255 are themselves unless named otherwise; ``chosen`` names, None: all,
    become the classes 1, 2 ...
    """
    found = [names[value] for value in sorted(names)]
    choice = None if chosen is None else {name: (name,) for name in chosen}
    titles, numbers, remarks = Classes(choice).numbers(found, where)
    table = {0: 0, IGNORE: IGNORE}
    table.update({value: numbers.get(name, 0) for value, name in names.items()})
    return list(titles[1:]), table, remarks
