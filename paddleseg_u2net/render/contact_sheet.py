"""Contact sheets: pictures in rows and columns, with texts, a legend, and errors in their place."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from paddleseg_u2net.io.images import MAX_PIXELS
from paddleseg_u2net.render.mask_overlay import STRIPE, Color, fitted
from paddleseg_u2net.render.mpl_style import font_file, letters

SMALLEST = 64  # pixels, of a cell: below that no letter fits
_PAPER, _BEHIND = (246, 246, 244), (226, 226, 223)
_INK, _FAINT_INK = (32, 32, 36), (92, 92, 98)
_WARNING, _WARNING_PAPER = (168, 20, 20), (250, 230, 226)
_TITLE_SIZE, _TEXT_SIZE = 15, 12
_TITLE_LINE, _LINE = 22, 16
_MARGIN, _GAP, _BLOCK_GAP, _ROW_GAP = 16, 6, 26, 12
_SWATCH = 13
_COLUMNS = 6  # of pictures side by side, at least, where there are so many

# A colour and its meaning; None is the striped area of ignored pixels.
LegendEntry = Tuple[Optional[Color], str]


@dataclass(frozen=True, eq=False)
class Cell:
    """A picture with lines of text, or an error in its place.

    Attributes:
        picture: uint8 (H, W, 3), RGB, at most the size of a cell; see `mask_overlay.fitted`.
        lines: Texts below it.
        warning: Whether the last line is a warning.
        error: Replaces the picture and takes the rest of its row.
    """

    picture: Optional[np.ndarray]
    lines: Sequence[str] = ()
    warning: bool = False
    error: str = ""


def picture_cells(name: str, pictures: Sequence[np.ndarray], size: int) -> List[Cell]:
    """Return a row of pictures with ``name`` below the first.

    Args:
        name: For example of the file.
        pictures: uint8 or bool, (H, W), (H, W, 1) or (H, W, 3) in RGB; True is white.
        size: Of the longer side, in pixels.
    """
    images = [np.where(p, np.uint8(255), np.uint8(0)) if p.dtype == bool else p for p in pictures]
    return [
        Cell(fitted(image, size), () if number else (name,)) for number, image in enumerate(images)
    ]


def contact_sheet(
    rows: Sequence[Sequence[Cell]],
    headings: Sequence[str],
    size: int,
    title: Sequence[str] = (),
    legend: Sequence[LegendEntry] = (),
) -> np.ndarray:
    """Return the sheet, uint8 (H, W, 3) in RGB.

    Each row has a cell for each heading, or fewer, the last of them an error. With few headings
    several rows are side by side. Texts that are too long are cut in the middle.

    Args:
        rows: One or more.
        headings: Texts above the columns, one or more.
        size: Of a cell, in pixels, `SMALLEST` or more.
        title: Lines above everything, the first one larger.
        legend: Colours and their meaning.

    Raises:
        ValueError: There is nothing to show, a row is longer than the headings, cells are too
            small, or the sheet is too large.
    """
    if not rows or not headings:
        raise ValueError("a contact sheet needs at least one row and one heading")
    if not 1 <= min(map(len, rows)) <= max(map(len, rows)) <= len(headings):
        raise ValueError(f"expected rows of 1 to {len(headings)} cells, as there are headings")
    if size < SMALLEST:
        raise ValueError(f"size: expected {SMALLEST} pixels or more, got {size}")
    across = max(1, min(_COLUMNS // len(headings), len(rows)))
    block = len(headings) * (size + _GAP) - _GAP
    width = 2 * _MARGIN + across * (block + _BLOCK_GAP) - _BLOCK_GAP
    bands = [rows[i : i + across] for i in range(0, len(rows), across)]
    heights = [_band_height(band, size) for band in bands]
    places = _legend_places(legend, width)
    legend_lines = max((line + 1 for _, line in places), default=0)
    top = _MARGIN + _TITLE_LINE * (len(title) + legend_lines)
    height = top + _LINE + 4 + sum(heights) + _ROW_GAP * (len(bands) - 1) + _MARGIN
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"a sheet of {len(rows)} rows would have {width} x {height} pixels; show fewer samples "
            "or make cells smaller"
        )
    paper = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(paper)
    for number, line in enumerate(title):
        place = (_MARGIN, _MARGIN + number * _TITLE_LINE - 4)
        _write(draw, place, line, width - 2 * _MARGIN, _INK, _TEXT_SIZE if number else _TITLE_SIZE)
    for (left, row), (color, name) in zip(places, legend):
        place = left, _MARGIN + (len(title) + row) * _TITLE_LINE - 2
        _draw_swatch(draw, place, color)
        room = width - 2 * _MARGIN - _SWATCH
        _write(draw, (left + _SWATCH + 6, place[1] - 1), name, room, _INK)
    lefts = [_MARGIN + number * (block + _BLOCK_GAP) for number in range(across)]
    for left in lefts:
        for column, heading in enumerate(headings):
            _write(draw, (left + column * (size + _GAP), top), heading, size, _INK)
    top += _LINE + 4
    for band, tall in zip(bands, heights):
        for left, cells in zip(lefts, band):
            _draw_row(paper, (left, top, left + block, top + tall), cells, size)
        top += tall + _ROW_GAP
    return np.array(paper)


def _band_height(band: Sequence[Sequence[Cell]], size: int) -> int:
    cells = [cell for row in band for cell in row]
    pictures = [cell.picture.shape[0] for cell in cells if cell.picture is not None]
    errors = [min(size, 120) for cell in cells if cell.error]
    lines = max((len(cell.lines) for cell in cells), default=0)
    return max(pictures + errors, default=0) + 3 + lines * _LINE


def _draw_row(paper: Any, box: Tuple[int, int, int, int], row: Sequence[Cell], size: int) -> None:
    left, top, right, bottom = box
    draw = ImageDraw.Draw(paper)
    # The text of all cells begins at one height.
    bottom -= 3 + max(len(cell.lines) for cell in row) * _LINE
    for cell in row:
        if cell.error:
            _draw_error(draw, (left, top, right, bottom), cell.error)
        elif cell.picture is not None:
            draw.rectangle((left, top, left + size - 1, bottom - 1), fill=_BEHIND)
            high, wide = cell.picture.shape[:2]
            place = left + (size - wide) // 2, top + (bottom - top - high) // 2
            paper.paste(Image.fromarray(cell.picture), place)
        for number, line in enumerate(cell.lines):
            warns = cell.warning and number == len(cell.lines) - 1
            ink = _WARNING if warns else (_INK, _FAINT_INK)[min(number, 1)]
            _write(draw, (left, bottom + 3 + number * _LINE), line, size, ink)
        left += size + _GAP


def _draw_error(draw: Any, box: Tuple[int, int, int, int], text: str) -> None:
    left, top, right, bottom = box
    draw.rectangle((left, top, right - 1, bottom - 1), fill=_WARNING_PAPER, outline=_WARNING)
    letters = max(int((right - left - 12) / (0.55 * _TEXT_SIZE)), 1)
    most = max((bottom - top - 8) // (_LINE - 1), 1)
    lines = textwrap.wrap(_drawable(text), letters, max_lines=most, placeholder="...")
    for number, line in enumerate(lines):
        place = (left + 6, top + 4 + number * (_LINE - 1))
        _write(draw, place, line, right - left - 12, _WARNING)


def _draw_swatch(draw: Any, place: Tuple[int, int], color: Optional[Color]) -> None:
    left, top = place
    box = (left, top, left + _SWATCH, top + _SWATCH)
    draw.rectangle(box, fill=color or (215, 215, 215))
    if color is None:
        for shift in range(0, 2 * _SWATCH, STRIPE // 2 + 1):
            near, far = max(0, shift - _SWATCH), min(shift, _SWATCH)
            draw.line((left + near, top + far, left + far, top + near), (70, 70, 70), 2)
    draw.rectangle(box, outline=(60, 60, 60))


def _legend_places(legend: Sequence[LegendEntry], width: int) -> List[Tuple[int, int]]:
    """Return for each entry where it begins and on which line."""
    places, left, line = [], _MARGIN, 0
    for _, name in legend:
        takes = _SWATCH + 24 + _font(_TEXT_SIZE).getlength(_drawable(name))
        if left > _MARGIN and left + takes > width - _MARGIN:
            left, line = _MARGIN, line + 1
        places.append((left, line))
        left += int(takes)
    return places


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    return ImageFont.truetype(str(font_file()), size)


def _drawable(text: str) -> str:
    """Return ``text`` on one line; letters that the font lacks as Python writes them in ASCII."""
    known = letters()
    return "".join(
        letter if ord(letter) in known else letter.encode("unicode_escape").decode()
        for letter in " ".join(text.split())
    )


def _write(
    draw: Any, place: Tuple[int, int], text: str, room: int, ink: Color, size: int = _TEXT_SIZE
) -> None:
    """Write ``text``, without its middle where it is wider than ``room`` pixels."""
    font, text = _font(size), _drawable(text)
    shown, kept = text, len(text)
    while kept and font.getlength(shown) > room:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"
    draw.text(place, shown, fill=ink, font=font)
