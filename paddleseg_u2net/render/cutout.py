"""Cut-outs: the foreground in its own colours, without a rim of the background's."""

from __future__ import annotations

from typing import List, Tuple

import cv2
import numpy as np

from paddleseg_u2net.render.edge_colours import FRONT, edge_colours
from paddleseg_u2net.render.overlay import strips

# Pixels that colours are estimated at; a larger picture's are smooth enough to be brought to its
# size, since its opacity has the detail.
_ESTIMATED = 2**18
# Pixels that are worked on at once: few enough that they stay in a processor's cache.
_AT_ONCE = 2**17
_DEPTHS = {1: cv2.CV_8U, 2: cv2.CV_16U}


def cutout(image: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """Return the foreground as a picture that can be laid over any other.

    A pixel of an edge shows a mixture, I = a F + (1 - a) B. It gets the foreground's own colour F,
    estimated from the colours around it, so that no rim of the old background B comes along.

    Args:
        image: uint8 or uint16, (H, W, 3), RGB, or (H, W, 4), RGBA: what is transparent there stays
            so.
        foreground: how much of each pixel is foreground, uint8 (H, W) of 0 to 255.

    Returns:
        The image's type, (H, W, 4), RGBA, not premultiplied. Pixels of 254 and more keep their
        colour, pixels that have no foreground are 0.

    Source: see `edge_colours`, at up to 512x512 pixels; its colours are enlarged and get what their
    mixture lacks of the image's, as in M. Forte, "Approximate Fast Foreground Colour Estimation",
    ICIP 2021.
    """
    most = int(np.iinfo(image.dtype).max)
    opacity = foreground if most == 255 else foreground.astype(np.uint16) * 257
    colours = np.ascontiguousarray(image[..., :3])
    result = cv2.cvtColor(colours, cv2.COLOR_RGB2RGBA)
    mixed = cv2.inRange(foreground, 1, FRONT - 1)
    if mixed.any():
        factor = _factor(foreground.shape)
        small = (_reduced(part, factor) for part in (colours, foreground))
        estimate = edge_colours(*small)
        for rows in strips(foreground.shape, _AT_ONCE, factor):
            places = np.flatnonzero(mixed[rows].ravel() & 1)
            if len(places):
                part = (
                    colours[rows],
                    foreground[rows],
                    *_enlarged(estimate, rows, factor, foreground.shape[1]),
                )
                _decontaminate(result[rows], places, *part)
    if image.shape[2] == 4:
        own = np.ascontiguousarray(image[..., 3])
        opacity = cv2.multiply(own, np.ascontiguousarray(opacity), scale=1 / most)
    cv2.insertChannel(opacity, result, 3)
    # Whole pixels at once, and no index of a mask, which takes 16 bytes a pixel.
    pixels = result.view(f"u{4 * result.itemsize}")
    np.copyto(pixels, 0, where=result[..., 3:] == 0)
    return result


def _factor(shape: Tuple[int, ...]) -> int:
    """How many pixels colours are estimated for at once, in each direction: a power of two."""
    factor = 1
    while (shape[0] // factor) * (shape[1] // factor) > _ESTIMATED:
        factor *= 2
    return factor


def _reduced(picture: np.ndarray, factor: int) -> np.ndarray:
    """The means of squares, at the end of those with the last pixel repeated; by halves, which is
    what OpenCV does fastest.
    """
    below, beside = (-side % factor for side in picture.shape[:2])
    if below or beside:
        picture = cv2.copyMakeBorder(picture, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    while factor > 1:
        size = picture.shape[1] // 2, picture.shape[0] // 2
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        factor //= 2
    return picture


def _enlarged(
    estimate: Tuple[np.ndarray, ...], rows: slice, factor: int, width: int
) -> List[np.ndarray]:
    """Some rows of colours that were estimated, from a multiple of ``factor`` on."""
    if factor == 1:
        return [part[rows] for part in estimate]
    first, last = rows.start // factor, rows.stop // factor
    above = min(first, 1)
    few = [part[first - above : last + 1] for part in estimate]
    size = few[0].shape[1] * factor, few[0].shape[0] * factor
    return [cv2.resize(part, size)[above * factor :, :width] for part in few]


def _decontaminate(
    result: np.ndarray,
    places: np.ndarray,
    image: np.ndarray,
    foreground: np.ndarray,
    own: np.ndarray,
    other: np.ndarray,
) -> None:
    """Give some pixels of a picture (H, W, 4) the foreground's own colour, in place.

    Args:
        places: of the pixels, counted row by row.
        own, other: what was estimated for foreground and background, (H, W, 3).
    """
    seen, own, other = (
        np.ascontiguousarray(part).reshape(-1, 3).take(places, 0) for part in (image, own, other)
    )
    share = foreground.ravel().take(places).astype(np.float32) / 255
    shares = cv2.merge([share] * 3)[:, 0]
    # F + a (I - B - a (F - B)): the estimate, and what its mixture lacks.
    lacks = cv2.subtract(seen, other, dtype=cv2.CV_32F)
    lacks -= shares * cv2.subtract(own, other, dtype=cv2.CV_32F)
    lacks *= shares
    found = cv2.add(own, lacks, dtype=_DEPTHS[result.itemsize])[:, None]
    pixel = f"u{4 * result.itemsize}"
    result.view(pixel).reshape(-1)[places] = cv2.cvtColor(found, cv2.COLOR_RGB2RGBA).view(pixel)[
        :, 0, 0
    ]
