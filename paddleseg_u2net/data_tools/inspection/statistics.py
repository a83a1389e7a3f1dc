"""PairStats about a data set to numbers: sizes, foreground, classes, places, colours, advice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from paddleseg_u2net.data_tools.inspection.scan import PLACES, SOFT, Look, PairStats
from paddleseg_u2net.data_tools.inspection.values import Content, Reader

_QUANTILES = {"min": 0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "max": 1}
_SIZES_SHOWN = 10
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The encoder halves its input five times.
_STEP = 32


@dataclass
class Numbers:
    """What some pairs are made of. Pairs of which a file cannot be read count where they can.

    Attributes:
        pairs: How many there are.
        unreadable: How many have a file that cannot be read.
        sizes: int64 (N, 2), height and width of the images.
        foreground: float64 (M,), share of every mask that is foreground, of the pixels that count.
        classes: Per label its mean share of a mask, and how many masks have it.
        ignored: Mean share of masks that counts nowhere.
        centre: float64 (64, 64) in [0, 1]: how often each place of an image is foreground.
        mean, std: Per channel, in [0, 1], of the images at the network's size; each weighs the
            same. Empty without images.
        formats: How many images of each format, kind of colours and bits.
    """

    pairs: int
    unreadable: int
    sizes: np.ndarray
    foreground: np.ndarray
    classes: Dict[int, Tuple[float, int]]
    ignored: float
    centre: np.ndarray
    mean: List[float]
    std: List[float]
    formats: Dict[str, int]

    def as_json(self) -> Dict[str, Any]:
        """For a report: shares of 1, sizes in pixels."""
        height, width = (self.sizes.reshape(-1, 2)[:, axis].astype(np.float64) for axis in (0, 1))
        return {
            "pairs": self.pairs,
            "unreadable": self.unreadable,
            "width": quantiles(width),
            "height": quantiles(height),
            "width_by_height": quantiles(width / height),
            "different_sizes": len({tuple(size) for size in self.sizes.tolist()}),
            "sizes": [
                {"width": size[1], "height": size[0], "images": count}
                for size, count in self.most_sizes()
            ],
            "formats": self.formats,
            "foreground": {
                **quantiles(self.foreground),
                "mean": _mean(self.foreground),
                "empty": int((self.foreground == 0).sum()),
                "full": int((self.foreground == 1).sum()),
            },
            "classes": {
                str(label): {"pixels": share, "masks": masks}
                for label, (share, masks) in self.classes.items()
            },
            "ignored": self.ignored,
            "mean": self.mean,
            "std": self.std,
            "centre": np.round(self.centre, 4).tolist(),
        }

    def most_sizes(self) -> List[Tuple[Tuple[int, int], int]]:
        """The most frequent (height, width) and their numbers of images."""
        counted = Counter((int(height), int(width)) for height, width in self.sizes)
        return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:_SIZES_SHOWN]


def quantiles(values: np.ndarray) -> Dict[str, float]:
    """Least, median, greatest and those between; nothing for no values."""
    if not len(values):
        return {}
    return {name: float(np.quantile(values, share)) for name, share in _QUANTILES.items()}


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def summed(looks: Sequence[Tuple[Look, Reader]], size: Tuple[int, int]) -> Numbers:
    """Numbers of one part, or of several together.

    Args:
        looks: For each part its facts, with colours and places, and how its masks are read.
        size: (width, height) that colours were taken at.
    """
    facts = [fact for look, _ in looks for fact in look.facts]
    contents = [
        reader.content(fact.values) for look, reader in looks for fact in look.facts if fact.values
    ]
    counting = [content for content in contents if content.pixels]
    mean, std = _colours(facts, size)
    return Numbers(
        pairs=len(facts),
        unreadable=sum(bool(fact.image_error or fact.mask_error) for fact in facts),
        sizes=np.array([fact.shape for fact in facts if fact.shape], np.int64).reshape(-1, 2),
        foreground=np.array([content.foreground for content in counting], np.float64).clip(0, 1),
        classes=_classes(counting),
        ignored=_mean(np.array([content.ignored for content in contents])),
        centre=_centre(looks) / max(len(contents), 1),
        mean=mean,
        std=std,
        formats=_formats(facts),
    )


def _classes(contents: Sequence[Content]) -> Dict[int, Tuple[float, int]]:
    labels = sorted({label for content in contents for label in content.pixels})
    return {
        label: (
            _mean(np.array([content.pixels.get(label, 0.0) for content in contents])),
            sum(label in content.pixels for content in contents),
        )
        for label in labels
    }


def _centre(looks: Sequence[Tuple[Look, Reader]]) -> np.ndarray:
    total = np.zeros((PLACES, PLACES))
    for look, reader in looks:
        for key, shares in sorted(look.places.items()):
            total += shares / 255 * (1.0 if key == SOFT else _weight(*key, reader))
    return total


def _weight(value: int, sixteen_bit: bool, reader: Reader) -> float:
    """How much foreground a value is, 0 to 1."""
    label = reader.label(value, sixteen_bit)
    if label is None or (label == reader.ignore_index and reader.coding != "soft"):
        return 0.0
    return float(label > 0) if reader.num_classes > 1 else label


def _colours(facts: Sequence[PairStats], size: Tuple[int, int]) -> Tuple[List[float], List[float]]:
    sums = [np.frombuffer(fact.colours) for fact in facts if fact.colours]
    if not sums:
        return [], []
    total, squares = np.sum(sums, axis=0).reshape(2, -1) / (len(sums) * size[0] * size[1])
    deviation = np.sqrt(np.maximum(squares - total**2, 0))
    return total.tolist(), deviation.tolist()


def _formats(facts: Sequence[PairStats]) -> Dict[str, int]:
    counted: Counter = Counter()
    for fact in facts:
        if fact.shape:
            header = fact.image
            alpha = " with alpha" if header.alpha else ""
            name = f"{header.format or 'unknown'} {header.colours} {header.bits} bit{alpha}"
            counted[name] += 1
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


# ---------------------------------------------------------------- advice


def advice(numbers: Numbers, size: Tuple[int, int], num_classes: int) -> List[str]:
    """What these numbers say about a configuration; nothing where the usual one fits.

    Args:
        numbers: Of all images that are trained on.
        size: (width, height) of the network's input as it is.
        num_classes: 1 or more.
    """
    found = [*_about_size(numbers, size)]
    share = _mean(numbers.foreground)
    if num_classes == 1 and 0 < share < 0.05:
        found.append(
            f"foreground is {100 * share:.2g} % of the pixels: loss.types.0.iou: 1 adds a term "
            "that background cannot outweigh"
        )
    if len(numbers.mean) == 3 and np.abs(np.array(numbers.mean) - _IMAGENET_MEAN).max() > 0.15:
        mean, std = (", ".join(f"{v:.3f}" for v in row) for row in (numbers.mean, numbers.std))
        found.append(
            f"colours are unlike ImageNet's: preprocess.mean: [{mean}] and std: [{std}], to train "
            "from random weights; pretrained ones want the mean and std that they were made with"
        )
    return found


def _about_size(numbers: Numbers, size: Tuple[int, int]) -> List[str]:
    found: List[str] = []
    if not len(numbers.sizes):
        return found
    ratio = float(np.median(numbers.sizes[:, 1] / numbers.sizes[:, 0])) * size[1] / size[0]
    if not 1 / 1.5 <= ratio <= 1.5:
        width, height = _of_ratio(ratio * size[0] / size[1], size)
        found.append(
            f"half of the images are squeezed {max(ratio, 1 / ratio):.2g} times in one direction: "
            f"preprocess.size: [{width}, {height}] keeps proportions at the same cost"
        )
    present = numbers.foreground[numbers.foreground > 0]
    if len(present):
        pixels = float(np.quantile(present, 0.05)) * size[0] * size[1]
        larger = bool((numbers.sizes.prod(axis=1) > size[0] * size[1]).mean() > 0.5)
        if pixels < 100 and larger:
            found.append(
                f"in one image of twenty the foreground is {pixels:.0f} pixels or fewer of the "
                f"network's {size[0]}x{size[1]}: take a larger preprocess.size, or windows "
                "(test_config.is_slide)"
            )
    return found


def _of_ratio(ratio: float, size: Tuple[int, int]) -> Tuple[int, int]:
    """(width, height) of about the same area, in steps that the network halves evenly."""
    width = (size[0] * size[1] * ratio) ** 0.5
    return (
        max(_STEP, round(width / _STEP) * _STEP),
        max(_STEP, round(width / ratio / _STEP) * _STEP),
    )
