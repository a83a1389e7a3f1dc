"""Contact sheets: pictures in rows and columns, with texts, a legend, and errors in their place."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from paddleseg_u2net.io.images import MAX_PIXELS
from paddleseg_u2net.render.mask_overlay import STRIPE, Color, fitted
from paddleseg_u2net.text import one_line

SMALLEST = 64  # pixels, of a cell: below that no letter fits
_PAPER, _BEHIND = (246, 246, 244), (226, 226, 223)
_INK, _FAINT_INK = (32, 32, 36), (92, 92, 98)
_WARNING, _WARNING_PAPER = (168, 20, 20), (250, 230, 226)
_TITLE_SIZE, _TEXT_SIZE = 15, 12
_TITLE_LINE, _LINE = 22, 16
_MARGIN, _GAP, _BLOCK_GAP, _ROW_GAP = 16, 6, 26, 12
_SWATCH = 13
_ERROR = 120  # height of an error's box, at most
_COLUMNS = 6  # of pictures side by side, at least, where there are so many

# A colour and its meaning; None is the striped area of ignored pixels.
LegendEntry = Tuple[Optional[Color], str]


@dataclass(frozen=True, eq=False)
class Cell:
    """A picture, or an error in its place, with lines of text below it."""

    picture: Optional[np.ndarray]  # uint8 (H, W, 3), at most the size of a cell; see `fitted`
    lines: Sequence[str] = ()
    warning: bool = False  # whether the last line is one
    error: str = ""


def picture_cells(name: str, pictures: Sequence[np.ndarray], size: int) -> List[Cell]:
    """Return a row of pictures with ``name`` below the first; ``size`` of their longer side.

    Pictures are uint8 or bool (True is white), (H, W), (H, W, 1) or (H, W, 3) in RGB.
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

    Each row has a cell for each heading, or fewer. With few headings several rows are side by
    side. Texts that are too long are cut in the middle. Cells are ``size`` pixels wide, `SMALLEST`
    or more; of the title's lines the first one is larger.

    Raises:
        ValueError: There is nothing to show, or the sheet is too large.
    """
    if not rows:
        raise ValueError("a contact sheet needs at least one row")
    across = max(1, min(_COLUMNS // len(headings), len(rows)))
    block = len(headings) * (size + _GAP) - _GAP + _BLOCK_GAP
    room = across * block - _BLOCK_GAP
    head = [_title_line(line, room, first=not number) for number, line in enumerate(title)]
    head += _legend_lines(legend, room)
    bands = [[[Cell(None, (heading,)) for heading in headings]] * across]
    bands += [[*map(list, rows[i : i + across])] for i in range(0, len(rows), across)]
    heights = [_heights([cell for row in band for cell in row], size) for band in bands]
    width, height = room + 2 * _MARGIN, 2 * _MARGIN + _TITLE_LINE * len(head) - _ROW_GAP
    height += sum(high + below + _ROW_GAP for high, below in heights)
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"a sheet of {len(rows)} rows would have {width} x {height} pixels; show fewer samples "
            "or make cells smaller"
        )
    paper = Image.new("RGB", (width, height), _PAPER)
    for number, line in enumerate(head):
        paper.paste(line, (_MARGIN, _MARGIN + number * _TITLE_LINE))
    top = _MARGIN + _TITLE_LINE * len(head)
    for band, (high, below) in zip(bands, heights):
        for place, row in enumerate(band):
            for column, cell in enumerate(row):
                left = _MARGIN + place * block + column * (size + _GAP)
                paper.paste(_painted(cell, size, high, below), (left, top))
        top += high + below + _ROW_GAP
    return np.array(paper)


def _heights(cells: Sequence[Cell], size: int) -> Tuple[int, int]:
    """Return the heights of the pictures of a band and of the texts below them."""
    pictures = [cell.picture.shape[0] for cell in cells if cell.picture is not None]
    errors = [min(size, _ERROR) for cell in cells if cell.error]
    lines = max(len(cell.lines) for cell in cells)
    return max(pictures + errors, default=0), 3 + lines * _LINE


def _painted(cell: Cell, size: int, high: int, below: int) -> Any:
    paper = Image.new("RGB", (size, high + below), _PAPER)
    draw = ImageDraw.Draw(paper)
    if cell.error:
        draw.rectangle((0, 0, size - 1, high - 1), fill=_WARNING_PAPER, outline=_WARNING)
        letters, most = int((size - 12) / (0.55 * _TEXT_SIZE)), (high - 8) // _LINE
        text = one_line(cell.error)
        lines = textwrap.wrap(text, letters, max_lines=max(most, 1), placeholder="...")
        for number, line in enumerate(lines):
            _write(draw, (6, 4 + number * _LINE), line, size - 12, _WARNING)
    elif cell.picture is not None:
        draw.rectangle((0, 0, size - 1, high - 1), fill=_BEHIND)
        tall, wide = cell.picture.shape[:2]
        paper.paste(Image.fromarray(cell.picture), ((size - wide) // 2, (high - tall) // 2))
    for number, line in enumerate(cell.lines):
        warns = cell.warning and number == len(cell.lines) - 1
        ink = _WARNING if warns else (_INK, _FAINT_INK)[min(number, 1)]
        _write(draw, (0, high + 3 + number * _LINE), line, size, ink)
    return paper


def _title_line(text: str, room: int, first: bool) -> Any:
    paper = Image.new("RGB", (room, _TITLE_LINE), _PAPER)
    _write(ImageDraw.Draw(paper), (0, 0), text, room, _INK, _TITLE_SIZE if first else _TEXT_SIZE)
    return paper


def _legend_lines(legend: Sequence[LegendEntry], room: int) -> List[Any]:
    """Return as many lines as the entries take, one after the other."""
    lines: List[Any] = []
    left = 0
    for color, name in legend:
        takes = _SWATCH + 24 + int(_font(_TEXT_SIZE).getlength(one_line(name)))
        if not lines or left + takes > room:
            lines.append(Image.new("RGB", (room, _TITLE_LINE), _PAPER))
            left = 0
        square = np.full((_SWATCH, _SWATCH, 3), color or 215, np.uint8)
        if color is None:
            square[np.indices((_SWATCH, _SWATCH)).sum(axis=0) % STRIPE < STRIPE // 2] = 70
        lines[-1].paste(Image.fromarray(square), (left, 2))
        start = left + _SWATCH + 6
        _write(ImageDraw.Draw(lines[-1]), (start, 1), name, room - start, _INK)
        left += takes
    return lines


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    import matplotlib  # whose DejaVu Sans has Greek, Cyrillic and Arabic letters too

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return ImageFont.truetype(str(folder / "DejaVuSans.ttf"), size)


def _write(
    draw: Any, place: Tuple[int, int], text: str, room: int, ink: Color, size: int = _TEXT_SIZE
) -> None:
    """Write ``text``, without its middle where it is wider than ``room`` pixels."""
    font, text = _font(size), one_line(text)
    shown, kept = text, len(text)
    while kept and font.getlength(shown) > room:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"
    draw.text(place, shown, fill=ink, font=font)
