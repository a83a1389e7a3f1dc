"""An exported network beside the model that it was made from."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from paddleseg_u2net.datasets.synthetic import draw_pair
from paddleseg_u2net.inference.backends.backend import Network, output_type_of
from paddleseg_u2net.inference.description import Shape
from paddleseg_u2net.inference.pipeline import activate, resized
from paddleseg_u2net.inference.preprocess import Preprocess

# Differences of probabilities, the largest and the mean one. In float32 they come from sums in
# another order: 7e-5 and 3e-7 on the published U2NetP. Weights rounded to float16 make 0.17 and
# 1.2e-3 (26 pictures; its weights with the bits drawn that the published file has lost).
TOLERANCES = {"fp32": (1e-3, 1e-4), "fp16": (0.5, 5e-3)}

# Of a picture, as cameras have them; the preprocessing brings it to the network's size.
_PICTURE = (192, 256)
# What a network sees that takes pictures of any size, when the preprocessing names none.
_USUAL = (320, 320)


class Compared(NamedTuple):
    """How far an exported network is from the model: the largest and mean difference of
    probabilities, of class numbers how much one differs at least for another class to be the
    largest; ``pixels``: the share of those with another class. ``sizes``: (N, h, w). ``sure``: the
    share of the model's probabilities that are 0 or 1 to three digits.
    """

    images: int
    sizes: Tuple[Tuple[int, int, int], ...]
    largest: float
    mean: float
    pixels: Optional[float] = None
    sure: float = 0.0

    def __str__(self) -> str:
        sizes = ", ".join(f"{n} of {width}x{height}" for n, height, width in self.sizes)
        others = "" if self.pixels is None else f"; {self.pixels:.2g} of the pixels' classes do"
        return (
            f"{self.images} images ({sizes}): probabilities differ by {self.largest:.2g} at most, "
            f"by {self.mean:.2g} on average{others}"
        )

    def described(self) -> Dict[str, Any]:
        """What the description of an export says of it."""
        content = {**self._asdict(), "sizes": [list(size) for size in self.sizes]}
        del content["sure"]
        return {key: value for key, value in content.items() if value is not None}


def compare(model: Network, exported: Network, preprocess: Preprocess, shape: Shape) -> Compared:
    """Run both on drawings, in several numbers and sizes as far as ``shape`` (N, C, H, W) leaves
    them open. ``model`` gives logits.
    """
    sizes, found, sure, gives = [], [], [], output_type_of(exported)
    for batch, logits in _runs(model, preprocess, shape):
        sizes.append((len(batch), batch.shape[2], batch.shape[3]))
        probability = activate(logits)
        sure.append((np.abs(probability - 0.5) > 0.499).mean())
        found.append(_differences(probability, exported(batch), gives))
    largest = float(np.max([item.max() for item, _ in found]))  # NaN stays NaN
    pixels = sum(item.size for item, _ in found)
    mean = sum(float(item.sum(dtype=np.float64)) for item, _ in found) / pixels
    others = [other for _, other in found if other is not None]
    share = sum(others) / pixels if others else None
    images = sum(size[0] for size in sizes)
    return Compared(images, tuple(sizes), largest, mean, share, float(min(sure)))


def logits_gap(model: Network, exported: Network, preprocess: Preprocess, shape: Shape) -> float:
    """The largest difference of logits, as a share of their standard deviation within maps, on the
    drawings of `compare`. Both give logits.
    """
    gaps = []
    for batch, logits in _runs(model, preprocess, shape):
        within = float((logits - logits.mean((2, 3), keepdims=True)).std())
        scale = max(within, 1e-3 * float(np.abs(logits).max()))  # rounding of a flat map is nothing
        gaps.append(np.abs(exported(batch) - logits).max() / scale)
    return float(np.max(gaps))  # NaN stays NaN


def _differences(
    probability: np.ndarray, found: np.ndarray, gives: str
) -> Tuple[np.ndarray, Optional[int]]:
    """Differences of all probabilities, and of class numbers how many are others."""
    if gives != "argmax":
        return np.abs(found - probability), None
    if probability.shape[1] == 1:
        probability = np.concatenate([1 - probability, probability], 1)
    chosen = np.take_along_axis(probability, found[:, None].astype(np.int64), 1)[:, 0]
    # Two probabilities are this far from being equal, each has to move by half of it.
    short = (probability.max(1) - chosen) / 2
    return short, int((short > 0).sum())


def _runs(
    model: Network, preprocess: Preprocess, shape: Shape
) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
    """Inputs, and the model's logits of them at their size."""
    for choices in _batches(preprocess, shape):
        batch, logits = _taken(model, choices)
        yield batch, resized(logits, batch.shape[2:])


def _taken(model: Network, choices: List[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
    """The first of these inputs that the model takes, and its logits."""
    for batch in choices[:-1]:
        with contextlib.suppress(Exception):  # whatever a network's own code raises
            return batch, model(batch)
    return choices[-1], model(choices[-1])


def _batches(preprocess: Preprocess, shape: Shape) -> Iterator[List[np.ndarray]]:
    """Inputs float32 (N, C, h, w) that the exported network has to take; of each, one for a model
    that takes any size comes first.
    """
    count, channels, height, width = shape
    usual = preprocess.size or preprocess.fit.last or _USUAL
    base = (width or usual[0], height or usual[1])
    # Odd sizes make windows of pooling that are cut off.
    other = (width or base[0] // 2 + 1 | 1, height or base[1] * 3 // 4 | 1)
    even = (width or _even(other[0]), height or _even(other[1]))
    drawn = 0
    for number, wanted in ((count or 1, [base]), (count or 3, [other, even])):
        choices = []
        for size in dict.fromkeys(wanted):
            made = Preprocess(size, preprocess.mean, preprocess.std, channels, preprocess.type)
            pictures = [made(_picture(drawn + index, channels)) for index in range(number)]
            choices.append(np.stack(pictures))
        drawn += number
        yield choices


def _even(side: int) -> int:
    """A side near this one that every network can halve five times."""
    return max(64, (side + 16) // 32 * 32)


def _picture(index: int, channels: int) -> np.ndarray:
    """A drawing, uint8 (H, W, channels)."""
    image, mask = draw_pair(index, size=_PICTURE)
    planes: List[np.ndarray] = [image[..., 1]] if channels == 1 else [*image.transpose(2, 0, 1)]
    planes += [mask] if channels == 4 else []
    return np.stack(planes, axis=-1)
