"""What was scanned becomes numbers: sizes, foreground, classes, colours."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple, Union

import numpy as np

from paddleseg_u2net.data_tools.inspection.inputs import Input, Settings
from paddleseg_u2net.data_tools.inspection.mask_reader import (
    SAYING,
    Content,
    content_of,
    encoding_of,
)
from paddleseg_u2net.data_tools.inspection.scan import PairStats, scan
from paddleseg_u2net.datasets.balance import class_pixels, median_frequencies
from paddleseg_u2net.datasets.mask_encoding import MaskEncoding, MaskError

_QUANTILES = {"min": 0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "max": 1}
_SIZES_SHOWN = 10


class ScannedPart(NamedTuple):
    """What was scanned of a part, and how its masks are read."""

    stats: List[PairStats]
    encoding: MaskEncoding


def scan_parts(
    data: Input, workers: int, progress: Callable[[int], object] = lambda pairs: None
) -> List[ScannedPart]:
    """Scan a data set for its statistics; MaskError where it is not clear what masks mean."""
    settings, parts = data.settings, []
    for part in data.parts:
        stats = scan(part.pairs, settings.channels, workers, progress, settings.size)
        encoding, why = encoding_of(part, stats, settings)
        if why and encoding is None:
            raise MaskError(f"{why}; here with {SAYING}")
        parts.append(ScannedPart(stats, encoding or "index"))
    return parts


@dataclass
class Numbers:
    """What some pairs are made of; of a pair with an unreadable file what the other one says."""

    pairs: int
    unreadable: int  # pairs with a file that cannot be read
    sizes: np.ndarray  # int64 (N, 2), height and width of the images
    foreground: np.ndarray  # float64 (M,), share of every mask, of pixels not ignored
    classes: Dict[int, Tuple[float, int]]  # mean share of a mask, and how many masks have it
    ignored: float  # mean share of masks
    # Per channel, 0 to 1, of the images at the network's size, of which each weighs the same.
    mean: List[float]
    std: List[float]
    weights: List[float]  # of the classes in a loss, by median frequency

    def as_json(self) -> Dict[str, Any]:
        """For a report: shares of 1, sizes in pixels."""
        height, width = self.sizes.astype(np.float64).T
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
            "class_weights": self.weights,
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


def _mean(values: Union[np.ndarray, Sequence[float]]) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def summed(parts: Sequence[ScannedPart], settings: Settings) -> Numbers:
    """The numbers of one part, or of several together."""
    stats = [one for part in parts for one in part.stats]
    contents = [
        content_of(one.values, part.encoding, settings)
        for part in parts
        for one in part.stats
        if one.values
    ]
    counted = [content for content in contents if content.pixels]
    mean, std = _colours(stats, settings.size)
    return Numbers(
        pairs=len(stats),
        unreadable=sum(bool(one.image_error or one.mask_error) for one in stats),
        sizes=np.array([one.shape for one in stats if one.shape], np.int64).reshape(-1, 2),
        foreground=np.array([content.foreground for content in counted], np.float64).clip(0, 1),
        classes=_classes(counted),
        ignored=_mean([content.ignored for content in contents]),
        mean=mean,
        std=std,
        weights=_weights(stats, contents, settings),
    )


def _weights(
    stats: Sequence[PairStats], contents: Sequence[Content], settings: Settings
) -> List[float]:
    """What ``weight: auto`` of a loss is; empty where there are no masks."""
    classes, pixels = range(max(settings.num_classes, 2)), []
    masks = [one.values.arrays()[1].sum() for one in stats if one.values]
    for total, content in zip(masks, contents):
        counted = total * (1 - content.ignored - content.strange_share)
        pixels.append([counted * content.pixels.get(label, 0.0) for label in classes])
    return median_frequencies(class_pixels(np.array(pixels))) if pixels else []


def _classes(contents: Sequence[Content]) -> Dict[int, Tuple[float, int]]:
    labels = sorted({label for content in contents for label in content.pixels})
    return {
        label: (
            _mean([content.pixels.get(label, 0.0) for content in contents]),
            sum(label in content.pixels for content in contents),
        )
        for label in labels
    }


def _colours(stats: Sequence[PairStats], size: Tuple[int, int]) -> Tuple[List[float], List[float]]:
    sums = [np.frombuffer(one.colours) for one in stats if one.colours]
    if not sums:
        return [], []
    total, squares = np.sum(sums, axis=0).reshape(2, -1) / (len(sums) * size[0] * size[1])
    return total.tolist(), np.sqrt(np.maximum(squares - total**2, 0)).tolist()
