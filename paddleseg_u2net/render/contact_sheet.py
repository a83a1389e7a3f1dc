"""Contact sheets: many pictures in one, in rows with names and columns with headings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = ["contact_sheet"]

_PAPER = (246, 246, 244)
_CELL = (228, 228, 225)
_INK = (40, 40, 44)
_FAINT_INK = (96, 96, 102)
_TEXT_SIZE = 13
_LINE = 20  # what one line of text takes, with the room around it
_MARGIN = 14
_GAP = 8
_SMALLEST_CELL = 32


def contact_sheet(
    rows: Sequence[tuple[str, Sequence[np.ndarray]]],
    headings: Sequence[str],
    cell: int = 160,
) -> np.ndarray:
    """Return pictures side by side, one row each, as one picture.

    Each picture is scaled to fit a square cell, keeping its proportions. A row's name stands under
    it, on several lines where it is long; a heading too long for its cell is cut in the middle.

    Args:
        rows: per row a name and as many images as there are headings: uint8 or bool, (H, W),
            (H, W, 1) or (H, W, 3) in RGB, of any sizes. True is drawn white.
        headings: one text per column.
        cell: the side of a cell in pixels, 32 or more.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        ValueError: without rows or headings, for a row of another length than `headings`, an
            image of another shape or type, or a cell below 32.
    """
    if not rows or not headings:
        raise ValueError("a contact sheet needs at least one row and one heading")
    if cell < _SMALLEST_CELL:
        raise ValueError(f"cell must be {_SMALLEST_CELL} or more, not {cell}")
    width = 2 * _MARGIN + len(headings) * (cell + _GAP) - _GAP
    font = _font()
    ruler = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    names = [_lines(ruler, name, width - 2 * _MARGIN, font) for name, _ in rows]
    height = 2 * _MARGIN + _LINE + sum(cell + _LINE * len(lines) + _GAP for lines in names) - _GAP
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = _MARGIN + _LINE
    for column, heading in enumerate(headings):
        left = _MARGIN + column * (cell + _GAP)
        _write(draw, (left, _MARGIN), heading, cell, font, _INK)
    for (name, images), lines in zip(rows, names):
        if len(images) != len(headings):
            raise ValueError(f"{name}: {len(images)} images for {len(headings)} headings")
        for column, image in enumerate(images):
            left = _MARGIN + column * (cell + _GAP)
            sheet.paste(Image.fromarray(_letterboxed(_as_rgb(image, name), cell)), (left, top))
        for number, line in enumerate(lines):
            draw.text((_MARGIN, top + cell + 2 + number * _LINE), line, fill=_FAINT_INK, font=font)
        top += cell + _LINE * len(lines) + _GAP
    return np.array(sheet)


def _as_rgb(image: np.ndarray, name: str) -> np.ndarray:
    """Return `image` as uint8 (H, W, 3)."""
    grey = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1)
    colored = image.ndim == 3 and image.shape[2] == 3
    if image.dtype not in (np.uint8, np.bool_) or not (grey or colored) or not image.size:
        raise ValueError(
            f"{name}: an image must be uint8 or bool, (H, W) or (H, W, 3), "
            f"not {image.dtype} of {image.shape}"
        )
    if image.dtype == np.bool_:
        image = image.astype(np.uint8) * 255
    if grey:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(image)


def _letterboxed(image: np.ndarray, cell: int) -> np.ndarray:
    """Return `image` (H, W, 3) scaled into the middle of a cell (cell, cell, 3)."""
    height, width = image.shape[:2]
    scale = cell / max(height, width)
    fitted = max(round(width * scale), 1), max(round(height * scale), 1)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    box = np.empty((cell, cell, 3), np.uint8)
    box[:] = _CELL
    top, left = (cell - fitted[1]) // 2, (cell - fitted[0]) // 2
    box[top : top + fitted[1], left : left + fitted[0]] = cv2.resize(
        image, fitted, interpolation=how
    )
    return box


def _font() -> Any:
    try:
        return ImageFont.load_default(size=_TEXT_SIZE)
    except (TypeError, ImportError):  # Pillow before 10.1, or without FreeType: one fixed size
        return ImageFont.load_default()


def _write(
    draw: Any, place: tuple[int, int], text: str, room: int, font: Any, ink: tuple[int, int, int]
) -> None:
    """Write one line of `text` at `place`, cut to `room` pixels."""
    draw.text(place, _cut(draw, _drawable(text), room, font), fill=ink, font=font)


def _drawable(text: str) -> str:
    # The default font has Latin letters only; older ones raise on others.
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text.encode("latin-1", "replace").decode("latin-1")


def _lines(draw: Any, text: str, room: int, font: Any) -> list[str]:
    """Return `text` in lines of at most `room` pixels, broken anywhere; one line at least."""
    lines = [""]
    for letter in _drawable(text):
        if lines[-1] and draw.textlength(lines[-1] + letter, font=font) > room:
            lines.append("")
        lines[-1] += letter
    return lines


def _cut(draw: Any, text: str, room: int, font: Any) -> str:
    """Return `text` without its middle where it is wider than `room` pixels."""
    if draw.textlength(text, font=font) <= room:
        return text
    for kept in range(len(text) - 1, 1, -1):
        head, tail = (kept + 1) // 2, kept // 2
        shorter = f"{text[:head]}...{text[len(text) - tail :]}"
        if draw.textlength(shorter, font=font) <= room:
            return shorter
    return text[:1]
