"""Files ``_classes.csv``, in which Roboflow says what the values of its PNG masks mean."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.formats.classes import IGNORE, Classes, is_background
from paddleseg_u2net.data_tools.formats.colours import lines_of
from paddleseg_u2net.data_tools.formats.sample import AnnotationError
from paddleseg_u2net.io.images import files_below
from paddleseg_u2net.text import short_list

FILE = "_classes.csv"
_HEADING = "pixel value"


def find(folder: Path) -> Dict[int, str]:
    """Class names by value, of all files below a folder; empty if there are none.

    Lists of another kind (``filename, cat, dog``, for classification) say nothing about masks.

    Raises:
        AnnotationError: a line is no value and name, or files contradict each other.
    """
    names: Dict[int, str] = {}
    first: Dict[int, Path] = {}
    for path in (path for path in files_below(folder) if path.name.lower() == FILE):
        for value, name in _read(path):
            other = next((v for v, known in names.items() if (v == value) != (known == name)), None)
            if other is not None:
                raise AnnotationError(
                    f"{path}: {value} is {name}, but in {first[other]} {other} is {names[other]}; "
                    "import these masks one by one, or make the files the same"
                )
            names[value] = name
            first.setdefault(value, path)
    return names


def _read(path: Path) -> List[Tuple[int, str]]:
    rows = list(csv.reader(filter(None, lines_of(path)), skipinitialspace=True))
    if not rows or rows[0][0].strip().lower() != _HEADING:
        return []
    found = []
    for row in rows[1:]:
        value, name = (row[0].strip(), row[1].strip()) if len(row) == 2 else ("", "")
        if not (value.isascii() and value.isdigit() and int(value) <= 65535 and name):
            raise AnnotationError(
                f"{path}: expected a value of the masks and a name, such as `1, cat`, got "
                f"{', '.join(row)[:60]!r}; correct it there"
            )
        found.append((int(value), name))
    return found


def meaning(
    names: Dict[int, str], chosen: Optional[Sequence[str]], where: Path
) -> Tuple[List[str], Dict[int, int], List[str]]:
    """What the values become.

    Args:
        names: As `find` gives them.
        chosen: Those that become the classes 1, 2 ...; None: all, in the order of their values.
        where: The masks, for messages.

    Returns:
        The names of the classes 1, 2 ...; value -> class number (the background 0 unless it is
        called otherwise, 255 ignored); remarks.

    Raises:
        AnnotationError: as ``Classes.numbers``.
    """
    found = [names[value] for value in sorted(names) if not is_background(names[value])]
    choice = None if chosen is None else {name: (name,) for name in chosen}
    titles, numbers, remarks = Classes(choice).numbers(found, where / FILE)
    table = {0: 0, IGNORE: IGNORE}
    table.update({value: numbers.get(name, 0) for value, name in names.items()})
    said = (
        f"classes named as {FILE} says: {short_list([f'{v} {names[v]}' for v in sorted(names)], 8)}"
    )
    return list(titles[1:]), table, [said, *remarks]
