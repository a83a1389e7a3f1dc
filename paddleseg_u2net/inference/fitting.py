"""How an image comes to the size that a network sees, step by step, and how maps come back.

=================  ==============================================================================
step               what it does
=================  ==============================================================================
resize: [w, h]     that size; with ``keep_ratio`` the largest inside of it, turned as the image is;
                   with ``multiple`` each side is then made a multiple of that, the next above
short: n           the shorter side becomes n; with ``longest`` no side gets longer than that
long: n            the longer side becomes n
limit: [a, b]      the longer side becomes a if it is below, b if it is above; either may be null
pad: [w, h]        that size, by ``value`` on the right and below; larger images are an error
pad_to_ratio: r    width / height becomes r, in the same way
=================  ==============================================================================

Sizes are those of PaddleSeg 2.8.0's transforms, to the pixel; ``value`` is of 8 bits, 127.5 if it
is not given.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import cv2
import numpy as np

Size = Tuple[int, int]  # width, height

_PADS = ("pad", "pad_to_ratio")
_VALUE = 127.5


def _resize(size: Size, target: Sequence[int], keep_ratio: bool = False, multiple: int = 1) -> Size:
    sides: Sequence[float] = target
    if keep_ratio:
        scale = min(max(target) / max(size), min(target) / min(size))
        sides = [round(side * scale) for side in size]
    width, height = (math.ceil(side / multiple) * multiple for side in sides)
    return width, height


def _scaled(size: Size, scale: float) -> Size:
    return round(size[0] * scale), round(size[1] * scale)


def _short(size: Size, short: int, longest: Optional[int] = None) -> Size:
    if longest is not None and short / min(size) * max(size) > longest:
        short = int(longest / max(size) * min(size))
    return _scaled(size, short / min(size))


def _long(size: Size, long: int) -> Size:
    return _scaled(size, long / max(size))


def _limit(size: Size, bounds: Sequence[Optional[int]]) -> Size:
    low, high = bounds
    if high is not None and max(size) > high:
        return _long(size, high)
    return _long(size, low) if low is not None and max(size) < low else size


def _pad(size: Size, target: Sequence[int]) -> Size:
    if size[0] > target[0] or size[1] > target[1]:
        raise ValueError(
            f"preprocess.fit: pad: expected an image of at most {target[0]}x{target[1]} pixels "
            f"(width x height), got {size[0]}x{size[1]}; put a step before it that makes it smaller"
        )
    return target[0], target[1]


def _pad_to_ratio(size: Size, ratio: float) -> Size:
    width, height = size
    if width / height > ratio:
        return width, int(width / ratio)
    return (width, height) if width / height == ratio else (int(height * ratio), height)


_SIZES: Dict[str, Callable[..., Size]] = {
    "resize": _resize,
    "short": _short,
    "long": _long,
    "limit": _limit,
    "pad": _pad,
    "pad_to_ratio": _pad_to_ratio,
}


def _is_side(value: Any) -> bool:
    return type(value) is int and 1 <= value < 2**15


def _are_sides(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(map(_is_side, value))


def _is_positive(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf


def _are_bounds(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return False
    given = [side for side in value if side is not None]
    return bool(given) and all(map(_is_side, given)) and given == sorted(given)


_SIDE = ("a whole number of 1 to 32767", _is_side)
_SIDES = ("two whole numbers of 1 to 32767, width and height", _are_sides)
_GREY = (
    "a number from 0 to 255",
    lambda value: value == 0 or (_is_positive(value) and value < 256),
)
_Rule = Tuple[str, Callable[[Any], bool]]
_RULES: Dict[str, Tuple[_Rule, Dict[str, _Rule]]] = {
    "resize": (
        _SIDES,
        {
            "keep_ratio": ("true or false", lambda value: isinstance(value, bool)),
            "multiple": _SIDE,
        },
    ),
    "short": (_SIDE, {"longest": _SIDE}),
    "long": (_SIDE, {}),
    "limit": (
        ("two whole numbers, the lower first, of which one may be null", _are_bounds),
        {},
    ),
    "pad": (_SIDES, {"value": _GREY}),
    "pad_to_ratio": (("a number above 0", _is_positive), {"value": _GREY}),
}


class Fitting:
    """Steps that bring an image to the network's size, and its maps back.

    Args:
        steps: each a mapping of a step's name to its value, and of its further keys, as the
            module's table says.

    Raises:
        ValueError: a step is none of those.
    """

    def __init__(self, steps: Sequence[Mapping[str, Any]]) -> None:
        self.steps: List[Dict[str, Any]] = [
            _checked(number, step) for number, step in enumerate(steps)
        ]

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __str__(self) -> str:
        parts = (", ".join(f"{key} {value}" for key, value in step.items()) for step in self.steps)
        return ", then ".join(parts)

    @property
    def resizes(self) -> bool:
        """Whether a step changes more than the border."""
        return any(next(iter(step)) not in _PADS for step in self.steps)

    @property
    def last(self) -> Optional[Size]:
        """(width, height) that all images have behind the last step, if that is one."""
        step = self.steps[-1] if self.steps else {}
        target = step.get("pad") or (None if step.get("keep_ratio") else step.get("resize"))
        return _resize((1, 1), target, multiple=step.get("multiple", 1)) if target else None

    def sizes(self, size: Size) -> List[Size]:
        """(width, height) of an image before each step, and after the last."""
        found = [size]
        for step in self.steps:
            (name, value), *further = step.items()
            options = {key: option for key, option in further if key != "value"}
            width, height = _SIZES[name](found[-1], value, **options)
            found.append((max(1, width), max(1, height)))
        return found

    def __call__(
        self, image: np.ndarray, resize: Callable[[np.ndarray, Size], np.ndarray]
    ) -> np.ndarray:
        """uint8 (H, W, C) -> float32 (h, w, C), not rounded between, as in PaddleSeg."""
        image = image.astype(np.float32)
        sizes = self.sizes((image.shape[1], image.shape[0]))
        for step, before, after in zip(self.steps, sizes, sizes[1:]):
            if next(iter(step)) in _PADS:
                image = _padded(image, after, float(step.get("value", _VALUE)))
            elif before != after:
                image = resize(image, after)
                image = image.reshape(*image.shape[:2], -1)  # cv2 drops a single channel
        return image

    def unpadded(self, planes: np.ndarray, size: Size) -> np.ndarray:
        """Planes (K, h, w) without what the last steps added around an image that was ``size``."""
        sizes = self.sizes(size)[:-1]
        for step, (width, height) in zip(reversed(self.steps), reversed(sizes)):
            if next(iter(step)) not in _PADS:
                break
            planes = planes[:, :height, :width]
        return planes

    def restore(
        self,
        planes: np.ndarray,
        size: Size,
        resize: Callable[[np.ndarray, Tuple[int, ...]], np.ndarray],
    ) -> np.ndarray:
        """Planes (K, h, w) of an image that was ``size`` -> (K, H, W), the steps undone."""
        sizes = self.sizes(size)[:-1]
        for step, (width, height) in zip(reversed(self.steps), reversed(sizes)):
            if next(iter(step)) in _PADS:
                planes = planes[:, :height, :width]
            elif planes.shape[1:] != (height, width):
                planes = resize(np.ascontiguousarray(planes), (height, width))
        return np.ascontiguousarray(planes)


def _padded(image: np.ndarray, size: Size, value: float) -> np.ndarray:
    right, below = size[0] - image.shape[1], size[1] - image.shape[0]
    colour = [value] * 4
    image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=colour)
    return image.reshape(*image.shape[:2], -1)


def _checked(number: int, step: Any) -> Dict[str, Any]:
    """A step with its name first."""
    where = f"preprocess.fit.{number}"
    names = [key for key in step if key in _RULES] if isinstance(step, Mapping) else []
    if len(names) != 1:
        raise ValueError(
            f"{where}: expected one of {', '.join(_RULES)} with its value, such as "
            f"{{short: 512}}, got {step!r}"
        )
    own, further = _RULES[names[0]]
    for key, value in step.items():
        if key not in (names[0], *further):
            known = ", ".join((names[0], *further))
            raise ValueError(f"{where}.{key}: there is no such key; known: {known}")
        expected, fits = own if key == names[0] else further[key]
        if not fits(value):
            raise ValueError(f"{where}.{key}: expected {expected}, got {value!r}")
    rest = {key: _plain(value) for key, value in step.items() if key != names[0]}
    return {names[0]: _plain(step[names[0]]), **rest}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
