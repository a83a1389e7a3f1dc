"""Masks whose colours stand for classes, and the tables that say which."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple

from paddleseg_u2net.data_tools.formats.classes import Classes, is_background
from paddleseg_u2net.data_tools.formats.mask_files import JPEG, Colour, ColourFile, some
from paddleseg_u2net.data_tools.formats.merged import merge
from paddleseg_u2net.data_tools.formats.pairing import pair
from paddleseg_u2net.data_tools.formats.sample import AnnotatedDataset, AnnotationError, Sample
from paddleseg_u2net.io import files

BLACK: Colour = (0, 0, 0)

_RGB = r"(?P<r>\d+)[\s,;]+(?P<g>\d+)[\s,;]+(?P<b>\d+)"
_HEX = r"#(?P<hex>[0-9a-fA-F]{6})"
_NAME = r"(?P<name>[^\s,;](?:.*?[^\s,;])?)"
_LINES = [
    # CVAT: label:r,g,b:parts:actions, the colour may be empty
    re.compile(r"(?P<name>[^:]+):\s*(?:(?P<r>\d+)\s*,\s*(?P<g>\d+)\s*,\s*(?P<b>\d+))?\s*(?::.*)?"),
    *(re.compile(rf"{_NAME}[\s,;]+{colour}[\s,;]*") for colour in (_RGB, _HEX)),
    *(re.compile(rf"{colour}[\s,;]+{_NAME}[\s,;]*") for colour in (_RGB, _HEX)),
]
_HEADER = re.compile(r"(?i)\W*(name|label|class|colou?r|r|red)\w*[\s,;:].*")


def voc_colour(number: int) -> Colour:
    """The colour of a class number in the PASCAL VOC palette (255: the void colour).

    Every third bit of the number belongs to one channel, its lowest three to the highest bits.
    """
    channels = [0, 0, 0]
    for bit in range(8):
        channels[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
    return channels[0], channels[1], channels[2]


def read_table(path: Path) -> Dict[Colour, str]:
    """Read which colour is which class.

    A line is ``name r g b``, ``r g b name``, ``name #RRGGBB`` or ``#RRGGBB name`` with spaces,
    tabs, commas or semicolons between, or ``name:r,g,b:parts:actions`` as CVAT's labelmap.txt
    has it (with no colour: the VOC colour of the line's number, from 0). Empty lines, comments
    (``#``) and a line of headings are skipped.

    Returns:
        (red, green, blue) -> name, in the order of the lines.

    Raises:
        AnnotationError: no such file, no colours in it, a line of another form, a channel above
            255, or a colour that stands twice.
    """
    table: Dict[Colour, str] = {}
    for number, (where, line) in enumerate(_entries(path)):
        match = next((m for m in (form.fullmatch(line) for form in _LINES) if m), None)
        if match is None:
            raise AnnotationError(
                f"{where}: expected `name r g b`, `name,#RRGGBB` or `name:r,g,b::`, got {line!r}"
            )
        name, colour = match["name"].strip().strip("\"'"), _colour(match, number)
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


def _entries(path: Path) -> List[Tuple[str, str]]:
    """(place, line) without comments and headings."""
    entries = []
    for number, line in enumerate(lines_of(path), start=1):
        colour_first = re.match(_HEX + r"[\s,;]", line)
        if line and (colour_first or not line.startswith("#")):
            entries.append((f"{path}:{number}", line))
    if entries and not re.search(r"\d|#|:", entries[0][1]) and _HEADER.fullmatch(entries[0][1]):
        entries = entries[1:]
    return entries


def lines_of(path: Path) -> List[str]:
    """The stripped lines of a UTF-8 text file.

    Raises:
        AnnotationError: there is no such file, or it is not UTF-8.
    """
    try:
        return [line.strip() for line in files.read_text(path).splitlines()]
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path}: expected text in UTF-8 ({error}); save it so") from error
    except OSError as error:
        raise AnnotationError(
            f"{path}: expected a text file ({error.strerror or error}); check the path"
        ) from error


def numbered(
    table: Mapping[Colour, str], classes: Classes, where: object
) -> Tuple[Tuple[str, ...], Dict[Colour, int], List[str]]:
    """Turn names of colours into class numbers.

    A class named ``background`` is number 0. Black is background if the table says nothing else.

    Returns:
        Names from the background on, colour -> number, remarks.

    Raises:
        AnnotationError: as ``Classes.numbers``.
    """
    found = list(dict.fromkeys(name for name in table.values() if not is_background(name)))
    names, numbers, remarks = classes.numbers(found, where)
    return names, {BLACK: 0, **{c: numbers.get(name, 0) for c, name in table.items()}}, remarks


def read(
    images: Path,
    masks: Path,
    table: Mapping[Colour, str],
    classes: Optional[Classes] = None,
    tolerance: int = 0,
    allow_missing: bool = False,
) -> AnnotatedDataset:
    """Read a folder of images and one of masks in colours.

    Args:
        images: As ``folders.read``, by which images and masks are paired.
        masks: RGB or palette files of the images' sizes.
        table: (red, green, blue) -> name, such as ``read_table`` gives; several colours may have
            one name.
        classes: Which names become which classes, and whose area counts nowhere.
        tolerance: As ``ColourFile.tolerance``.
        allow_missing: As ``folders.read``.

    Raises:
        AnnotationError: as ``folders.read``; a colour or class cannot be used. Colours that are
            not in the table show when masks are read.
    """
    for colour in table:
        if len(colour) != 3 or not all(0 <= channel <= 255 for channel in colour):
            raise AnnotationError(
                f"colour table: expected three numbers 0..255 for {table[colour]}, got {colour}"
            )
    names, numbers, remarks = numbered(table, classes or Classes(), "colour table")
    pairing = pair(images, masks, allow_missing)
    records = [
        Sample(
            item.image,
            item.name,
            merge([ColourFile(mask, numbers, tolerance) for mask in item.masks], False),
            item.split,
        )
        for item in pairing.pairs
    ]
    paths = [mask for item in pairing.pairs for mask in item.masks]
    lossy = [path.name for path in paths if path.suffix.lower() in JPEG]
    if lossy:
        pairing.remarks.append(
            f"{len(lossy)} masks are JPEG files ({some(lossy, 3)}), whose colours are smeared; "
            "export them as PNG, or allow a tolerance"
        )
    return AnnotatedDataset(names, records, remarks=pairing.remarks + remarks)
