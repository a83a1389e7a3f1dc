"""A contact sheet of samples: images, their masks drawn over them, and what is said of each.

Classes have colours and outlines, so that the image stays visible below and a mask on a background
of its own colour can be seen. Nothing is stretched: pictures keep their proportions.
"""

from __future__ import annotations

import colorsys
import textwrap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from paddleseg_u2net.io.images import MAX_PIXELS

__all__ = ["SMALLEST", "Cell", "class_colors", "fitted", "masked", "sheet"]

Color = Tuple[int, int, int]

SMALLEST = 64  # pixels, of a cell: below that no letter fits
_PAPER, _BEHIND = (246, 246, 244), (226, 226, 223)
_INK, _FAINT_INK = (32, 32, 36), (92, 92, 98)
_WARNING, _WARNING_PAPER = (168, 20, 20), (250, 230, 226)
_TITLE_SIZE, _TEXT_SIZE = 15, 12
_TITLE_LINE, _LINE = 22, 16
_MARGIN, _GAP, _BLOCK_GAP, _ROW_GAP = 16, 6, 26, 12
_SWATCH = 13
_COLUMNS = 6  # of pictures side by side, at least, where there are so many

# Colours that are rare in photographs and stay apart for colour-blind readers. Source for the
# hues: Okabe and Ito 2008, "Color Universal Design".
_COLORS = (
    (0, 200, 255),
    (255, 140, 0),
    (240, 60, 200),
    (0, 190, 120),
    (255, 235, 60),
    (70, 90, 255),
)
_GOLDEN = (5**0.5 - 1) / 2  # multiples of it divide a circle evenly
_STRENGTH = 0.42  # of a class's colour over the image
_STRIPE = 8  # pixels from one stripe to the next, where nothing counts


@dataclass(frozen=True, eq=False)
class Cell:
    """A picture with two lines of text, or an error in its place.

    Attributes:
        picture: uint8 (H, W, 3), RGB; shown as it is, so at most the size of a cell.
        lines: Texts below it.
        warning: Whether the last line is something to look into.
        error: Stands in place of the picture and takes the rest of its row.
    """

    picture: Optional[np.ndarray]
    lines: Sequence[str] = ()
    warning: bool = False
    error: str = ""


def class_colors(count: int) -> np.ndarray:
    """Return a colour for each class number below ``count``, uint8 (count, 3) in RGB.

    The first, the background, is drawn nowhere. Beyond the six that are easily told apart come
    bright ones whose hues are as far from those before them as may be.
    """
    colors = [(0, 0, 0), *_COLORS]
    for number in range(len(colors), count):
        red, green, blue = colorsys.hsv_to_rgb(number * _GOLDEN % 1, 0.75, 1.0)
        colors.append((round(255 * red), round(255 * green), round(255 * blue)))
    return np.array(colors[: max(count, 1)], np.uint8)


def fitted(image: np.ndarray, size: int) -> np.ndarray:
    """Return an image, uint8 (H, W, 1), (H, W, 3) or (H, W, 4), as uint8 (h, w, 3).

    The longer side becomes ``size``. Small images are enlarged as squares, so that their pixels
    can be seen; a fourth channel is left out.
    """
    image = _resized(image, _shape(image.shape, size))
    image = image.reshape(*image.shape[:2], -1)
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., :3].copy()


def masked(
    image: np.ndarray, label: np.ndarray, size: int, colors: np.ndarray, ignore_index: int
) -> np.ndarray:
    """Return an image with its mask drawn over it, uint8 (h, w, 3), the longer side ``size``.

    Args:
        image: As for `fitted`.
        label: (H, W) of the image's size; floats are the probability of class 1, 0 to 1, integers
            are class numbers; ``ignore_index`` in both where nothing counts.
        size: Of the longer side, in pixels.
        colors: As from `class_colors`.
        ignore_index: Drawn as grey stripes.

    Raises:
        ValueError: image and label differ in size, or a class has no colour.
    """
    if label.shape != image.shape[:2]:
        raise ValueError(f"expected a label of the image's size, {image.shape}, got {label.shape}")
    drawn = fitted(image, size).astype(np.float32)
    ignored = _resized((label == ignore_index).astype(np.float32), drawn.shape)
    covers = _covers(label, drawn.shape, ignore_index)
    if max(covers, default=0) >= len(colors):
        raise ValueError(f"class {max(covers)} has no colour, there are {len(colors)}")
    for number, cover in covers.items():
        share = (_STRENGTH * cover)[..., None]
        drawn += share * (colors[number].astype(np.float32) - drawn)
    _draw_stripes(drawn, ignored)
    # What is thinner than a pixel here is outlined all the same; faint soft maps are not.
    hard = label.dtype.kind != "f" or not _is_soft(label)
    insides = {
        number: cover >= (max(min(0.5, float(cover.max()) / 2), 1e-3) if hard else 0.5)
        for number, cover in covers.items()
    }
    _draw_outlines(drawn, insides, colors, max(1, round(size / 192)))
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


def sheet(
    title: Sequence[str],
    legend: Sequence[Tuple[Optional[Color], str]],
    headings: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    size: int,
) -> np.ndarray:
    """Return the sheet, uint8 (H, W, 3) in RGB.

    Each row has a cell for each heading, or fewer, the last of them an error. With few headings
    several rows stand side by side.

    Args:
        title: Lines above everything, the first one larger.
        legend: Colours and their meaning; None are the stripes where nothing counts.
        headings: Texts above the columns.
        rows: Samples.
        size: Of a cell, in pixels, `SMALLEST` or more.

    Raises:
        ValueError: there is nothing to show, a row is longer than the headings, cells are too
            small, or the sheet is too large.
    """
    if not rows or not headings:
        raise ValueError("a sheet needs at least one row and one heading")
    if not 1 <= min(map(len, rows)) <= max(map(len, rows)) <= len(headings):
        raise ValueError(f"expected rows of 1 to {len(headings)} cells, as there are headings")
    if size < SMALLEST:
        raise ValueError(f"size: expected {SMALLEST} pixels or more, got {size}")
    across = max(1, min(_COLUMNS // len(headings), len(rows)))
    block = len(headings) * (size + _GAP) - _GAP
    width = 2 * _MARGIN + across * (block + _BLOCK_GAP) - _BLOCK_GAP
    bands = [rows[i : i + across] for i in range(0, len(rows), across)]
    heights = [_band_height(band, size) for band in bands]
    top = _MARGIN + _TITLE_LINE * len(title) + _legend_lines(legend, width) * _TITLE_LINE
    height = top + _LINE + 4 + sum(heights) + _ROW_GAP * (len(bands) - 1) + _MARGIN
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"a sheet of {len(rows)} rows would have {width} x {height} pixels; show fewer samples "
            "or make cells smaller"
        )
    paper = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(paper)
    _draw_head(draw, title, legend, width)
    for number in range(across):
        for column, heading in enumerate(headings):
            left = _MARGIN + number * (block + _BLOCK_GAP) + column * (size + _GAP)
            _write(draw, (left, top), heading, size, _INK)
    top += _LINE + 4
    for band, tall in zip(bands, heights):
        for number, row in enumerate(band):
            left = _MARGIN + number * (block + _BLOCK_GAP)
            _draw_row(paper, draw, (left, top), row, (size, tall), block)
        top += tall + _ROW_GAP
    return np.array(paper)


# ---------------------------------------------------------------- pictures


def _shape(shape: Tuple[int, ...], size: int) -> Tuple[int, int]:
    scale = size / max(shape[:2])
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _resized(array: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
    smaller = shape[0] < array.shape[0] or shape[1] < array.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    return cv2.resize(np.ascontiguousarray(array), (shape[1], shape[0]), interpolation=how)


def _is_soft(label: np.ndarray) -> bool:
    return bool(((label > 0) & (label < 1)).any())


def _covers(label: np.ndarray, shape: Tuple[int, ...], ignore_index: int) -> Dict[int, np.ndarray]:
    """Return for each class but the background how much of each shown pixel it covers."""
    if label.dtype.kind == "f":
        # Written so that what augmentation may bring beside the labels, even NaN, can be drawn.
        sure = np.where(label == ignore_index, 0, np.nan_to_num(label)).astype(np.float32)
        return {1: np.clip(_resized(sure, shape), 0, 1)} if sure.any() else {}
    numbers = [int(n) for n in np.unique(label) if n not in (0, ignore_index)]
    return {n: _resized((label == n).astype(np.float32), shape) for n in numbers}


def _draw_stripes(drawn: np.ndarray, ignored: np.ndarray) -> None:
    """Cover what is ignored with grey stripes, light and dark, written over ``drawn``."""
    if not ignored.any():
        return
    rows, columns = np.indices(ignored.shape)
    tone = np.where((rows + columns) % _STRIPE < _STRIPE // 2, 70.0, 215.0)
    drawn += (0.75 * ignored * (tone - drawn.transpose(2, 0, 1))).transpose(1, 2, 0)


def _draw_outlines(
    drawn: np.ndarray, insides: Dict[int, np.ndarray], colors: np.ndarray, width: int
) -> None:
    """Draw a line of its colour within each region and a dark one around, over ``drawn``."""
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    wholes = {number: inside.astype(np.uint8) for number, inside in insides.items()}
    for whole in wholes.values():
        around = cv2.dilate(whole, kernel) > whole
        drawn[around] = 0.25 * drawn[around]
    for number, whole in wholes.items():
        drawn[cv2.erode(whole, kernel) < whole] = colors[number]


# ---------------------------------------------------------------- the sheet


def _band_height(band: Sequence[Sequence[Cell]], size: int) -> int:
    cells = [cell for row in band for cell in row]
    pictures = [cell.picture.shape[0] for cell in cells if cell.picture is not None]
    errors = [min(size, 120) for cell in cells if cell.error]
    lines = max((len(cell.lines) for cell in cells), default=0)
    return max(pictures + errors, default=0) + 3 + lines * _LINE


def _draw_row(
    paper: Any,
    draw: Any,
    place: Tuple[int, int],
    row: Sequence[Cell],
    room: Tuple[int, int],
    block: int,
) -> None:
    (left, top), (size, tall), right = place, room, place[0] + block
    # The text of all cells begins at one height.
    lines = max(len(cell.lines) for cell in row)
    bottom = top + tall - 3 - max(lines, 2) * _LINE
    for cell in row:
        if cell.error:
            _draw_error(draw, (left, top, right, bottom), cell.error)
        elif cell.picture is not None:
            draw.rectangle((left, top, left + size - 1, bottom - 1), fill=_BEHIND)
            high, wide = cell.picture.shape[:2]
            where = left + (size - wide) // 2, top + (bottom - top - high) // 2
            paper.paste(Image.fromarray(cell.picture), where)
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
    lines = textwrap.wrap(_drawable(text), letters)
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][: max(letters - 3, 0)] + "..."]
    for row, line in enumerate(lines):
        place = (left + 6, top + 4 + row * (_LINE - 1))
        draw.text(
            place, _cut(draw, line, right - left - 12, _TEXT_SIZE), _WARNING, _font(_TEXT_SIZE)
        )


def _draw_head(
    draw: Any, title: Sequence[str], legend: Sequence[Tuple[Optional[Color], str]], width: int
) -> None:
    room = width - 2 * _MARGIN
    for number, line in enumerate(title):
        large = number == 0
        place = (_MARGIN, _MARGIN + number * _TITLE_LINE - 4)
        _write(draw, place, line, room, _INK, _TITLE_SIZE if large else _TEXT_SIZE)
    top = _MARGIN + len(title) * _TITLE_LINE - 2
    for (left, row), (color, name) in zip(_legend_places(legend, width), legend):
        box = (left, top + row * _TITLE_LINE, _SWATCH, _SWATCH)
        _draw_swatch(draw, box, color)
        _write(draw, (left + _SWATCH + 6, box[1] - 1), name, room - _SWATCH, _INK)


def _draw_swatch(draw: Any, box: Tuple[int, int, int, int], color: Optional[Color]) -> None:
    left, top, wide, high = box
    draw.rectangle((left, top, left + wide, top + high), fill=color or (215, 215, 215))
    if color is None:
        for shift in range(0, 2 * wide, _STRIPE // 2 + 1):
            start = (left + max(0, shift - high), top + min(shift, high))
            draw.line(
                (*start, left + min(shift, wide), top + max(0, shift - wide)), (70, 70, 70), 2
            )
    draw.rectangle((left, top, left + wide, top + high), outline=(60, 60, 60))


def _legend_places(
    legend: Sequence[Tuple[Optional[Color], str]], width: int
) -> List[Tuple[int, int]]:
    """Return for each entry where it begins and on which line."""
    draw, places, left, line = ImageDraw.Draw(Image.new("L", (1, 1))), [], _MARGIN, 0
    for _, name in legend:
        takes = _SWATCH + 24 + _length(draw, _drawable(name), _TEXT_SIZE)
        if left > _MARGIN and left + takes > width - _MARGIN:
            left, line = _MARGIN, line + 1
        places.append((int(left), line))
        left += int(takes)
    return places


def _legend_lines(legend: Sequence[Tuple[Optional[Color], str]], width: int) -> int:
    return max((line + 1 for _, line in _legend_places(legend, width)), default=0)


# ---------------------------------------------------------------- letters


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    """Return Matplotlib's DejaVu Sans, which has Greek, Cyrillic and Arabic letters too."""
    return ImageFont.truetype(str(_font_file()), size)


@lru_cache(maxsize=1)
def _font_file() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


@lru_cache(maxsize=1)
def _letters() -> Any:
    from matplotlib.ft2font import FT2Font

    return FT2Font(str(_font_file())).get_charmap()


def _drawable(text: str) -> str:
    """Return ``text`` on one line; letters that the font lacks as Python writes them in ASCII."""
    known = _letters()
    return "".join(
        letter if ord(letter) in known else letter.encode("unicode_escape").decode()
        for letter in " ".join(text.split())
    )


def _write(
    draw: Any, place: Tuple[int, int], text: str, room: int, ink: Color, size: int = _TEXT_SIZE
) -> None:
    draw.text(place, _cut(draw, _drawable(text), room, size), fill=ink, font=_font(size))


def _length(draw: Any, text: str, size: int) -> float:
    return draw.textlength(text, font=_font(size))


def _cut(draw: Any, text: str, room: int, size: int) -> str:
    """Return ``text`` without its middle where it is wider than ``room`` pixels."""
    if _length(draw, text, size) <= room:
        return text
    low, high = 0, len(text)
    while high - low > 1:
        kept = (low + high) // 2
        fits = _length(draw, _shortened(text, kept), size) <= room
        low, high = (kept, high) if fits else (low, kept)
    return _shortened(text, low)


def _shortened(text: str, kept: int) -> str:
    return f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"
