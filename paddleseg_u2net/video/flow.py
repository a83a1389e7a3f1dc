"""How what is seen moves from one frame to the next, and how far that can be trusted."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Optional, Tuple

import cv2
import numpy as np

from paddleseg_u2net.video.cuts import is_cut, relit

# The longer side, in pixels, at which the motion is looked for: that of canvases is no better.
_SIDE = 192
# And the least, below which the search ends with an error.
_FEWEST = 16
# Pixels by which going there and back may miss, squared: what it is for pixels at rest, and the
# share of the way's square that comes to it.
_MISS, _MISS_OF_WAY = 0.3, 0.02
# Grey levels by which a pixel may differ from what it was.
_CHANGE = 12.0


class Motion(NamedTuple):
    """Where the pixels of one canvas lie on another.

    Args:
        places: float32 (h, w, 2), the x and y of each pixel on the other canvas, as `cv2.remap`
            takes them.
        confidence: float32 (h, w), 0 to 1: whether the same thing is seen there. 0 where it was
            hidden, or outside.
    """

    places: np.ndarray
    confidence: np.ndarray

    @property
    def flow(self) -> np.ndarray:
        """How far each pixel is from its own place, float32 (h, w, 2), x and y."""
        return self.places - grid(*self.confidence.shape)


class Step(NamedTuple):
    """From the frame before to this one; without motions at the beginning and where a cut lies.

    Args:
        back: where this frame's pixels were in the frame before; brings its maps to this frame.
        forth: where those of the frame before are in this one; brings maps of this frame to it.
        cut: whether a new scene begins with this frame.
    """

    back: Optional[Motion]
    forth: Optional[Motion]
    cut: bool


class Flow:
    """Steps from frame to frame: `push` each frame's grey canvas, in order.

    Source: T. Kroeger, R. Timofte, D. Dai, L. Van Gool, "Fast Optical Flow using Dense Inverse
    Search", ECCV 2016, as OpenCV has it; there and back as in N. Sundaram, T. Brox, K. Keutzer,
    "Dense Point Trajectories by GPU-accelerated Large Displacement Optical Flow", ECCV 2010.
    """

    def __init__(self) -> None:
        self._engine = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._before: Optional[np.ndarray] = None

    def push(self, grey: np.ndarray) -> Step:
        """The step from the frame before; ``grey``: uint8 (h, w), always of the same size."""
        before, self._before = self._before, grey
        if before is None:
            return Step(None, None, False)
        back, forth = self.between(grey, before)
        if is_cut(before, grey, warped(before, back), back.confidence):
            return Step(None, None, True)
        return Step(back, forth, False)

    def between(self, grey: np.ndarray, other: np.ndarray) -> Tuple[Motion, Motion]:
        """Where pixels of a canvas lie on another one, and where the other's lie on it."""
        height, width = grey.shape
        scale = min(1.0, _SIDE / max(height, width))
        size = max(_FEWEST, round(width * scale)), max(_FEWEST, round(height * scale))
        here, over = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (grey, other))
        there = self._engine.calc(here, over, None)
        back = self._engine.calc(over, here, None)
        shape = grey.shape
        return _motion(there, back, here, over, shape), _motion(back, there, over, here, shape)


def warped(values: np.ndarray, motion: Motion, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
    """What lies on the other canvas, (h, w) or (h, w, C), brought to this one."""
    return cv2.remap(values, motion.places, None, interpolation, borderMode=cv2.BORDER_REPLICATE)


@lru_cache(maxsize=4)
def grid(height: int, width: int) -> np.ndarray:
    """Each pixel's own x and y, float32 (height, width, 2)."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = np.dstack([x, y])
    places.flags.writeable = False
    return places


def _motion(
    there: np.ndarray, back: np.ndarray, grey: np.ndarray, other: np.ndarray, shape: Tuple[int, ...]
) -> Motion:
    """From the flow at its own size, there and back, to the motion at a canvas's (h, w)."""
    height, width = grey.shape
    places = there + grid(height, width)
    # Where the other one ends, the flow there is 0 and all is missed.
    returned = cv2.remap(back, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    missed = _squares(there + returned)
    missed /= _MISS + _MISS_OF_WAY * (_squares(there) + _squares(returned))
    seen = cv2.remap(other, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    change = cv2.blur(cv2.absdiff(grey, relit(seen, grey)), (3, 3)) / np.float32(_CHANGE)
    confidence = np.exp(-missed - change * change)
    x, y = places[..., 0], places[..., 1]
    confidence *= (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    if grey.shape != shape:
        size = shape[1], shape[0]
        there = cv2.resize(there, size, interpolation=cv2.INTER_LINEAR)
        there *= np.array([size[0] / width, size[1] / height], np.float32)
        places = there + grid(*shape)
        confidence = cv2.resize(confidence, size, interpolation=cv2.INTER_LINEAR)
    return Motion(places, confidence)


def _squares(vectors: np.ndarray) -> np.ndarray:
    return vectors[..., 0] ** 2 + vectors[..., 1] ** 2
