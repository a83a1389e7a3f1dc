"""Scores of an object's boundary: how near do map and mask agree on it?"""

from __future__ import annotations

import math
from collections import Counter
from typing import Optional

import cv2
import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair, bounding_box
from paddleseg_u2net.metrics.metric import MeanMetric
from paddleseg_u2net.metrics.scores import Score, register

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_BAND = 0.02  # of the diagonal
_RADII = 5


@register(
    Score(
        "relaxF",
        "boundary",
        "relaxed F of boundaries",
        "share of pixels within 3 of the other boundary",
        "Qin et al. 2019, 2020",
        also_called=("relaxfb", "relaxedf", "boundaryf"),
    ),
    slack="slack",
    beta2="beta2",
    threshold="threshold",
)
class RelaxedBoundaryF(MeanMetric):
    """Relaxed boundary F-measure, relaxF^b of BASNet and U²-Net: (1 + beta2) P R / (beta2 P + R).

    P is the share of the map's boundary within ``slack`` pixels of the mask's, R the other way
    round. Source: Qin et al. 2019, "BASNet", CVPR, sec. 4.3; Qin et al. 2020, "U²-Net"; Ehrig and
    Euzenat 2005, "Relaxed Precision and Recall for Ontology Matching". What they leave open is as
    in the first author's code (BASNet's issue 20): the boundary is what an erosion by the four
    neighbours takes away, the image's edge is off the object, distances are Euclidean and
    inclusive.
    """

    def __init__(self, slack: float = 3, beta2: float = 0.3, threshold: float = 0.5) -> None:
        self.slack, self.beta2, self.threshold = slack, beta2, threshold
        super().__init__()
        steps = np.arange(-int(slack), int(slack) + 1)
        self._near = (steps**2 + steps[:, None] ** 2 <= slack**2).astype(np.uint8)

    def score(self, pair: MapMaskPair) -> float:
        found = _rim(pair.positive(self.threshold), pair.valid, _CROSS)
        wanted = _rim(pair.mask, pair.valid, _CROSS)
        found_pixels, wanted_pixels = np.count_nonzero(found), np.count_nonzero(wanted)
        if not found_pixels or not wanted_pixels:
            return 0.0 if found_pixels or wanted_pixels else math.nan
        precision = self._hits(found, wanted) / found_pixels
        recall = self._hits(wanted, found) / wanted_pixels
        below = self.beta2 * precision + recall
        return (1 + self.beta2) * precision * recall / below if below else 0.0

    def _hits(self, rim: np.ndarray, other: np.ndarray) -> int:
        """Return how many pixels of a rim are near to another."""
        near = cv2.dilate(other.view(np.uint8), self._near)
        return int(np.count_nonzero(rim & near.view(np.bool_)))


@register(
    Score(
        "BIoU",
        "boundary",
        "boundary IoU, 2 % of the diagonal",
        "IoU of bands of that width inside both outlines",
        "Cheng et al. 2021",
        also_called=("boundaryiou", "iou", "jaccard"),
    ),
    threshold="threshold",
)
class BoundaryIoU(MeanMetric):
    """Boundary IoU: intersection over union of two bands inside the outlines of map and mask.

    A band is what d erosions by 3 x 3 pixels take away, where d is 2 % of the diagonal, rounded, at
    least 1, and the image's edge is off the object. Source: Cheng et al. 2021, "Boundary IoU",
    CVPR, and the authors' code, whose scores these are (it divides 0 by 0 where both are empty).
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold
        super().__init__()

    def score(self, pair: MapMaskPair) -> float:
        height, width = pair.shape
        erosions = max(1, round(_BAND * math.sqrt(height**2 + width**2)))
        # One erosion by a large square takes what several by small ones take. From as far as the
        # image is high or wide, everything is taken.
        side = 2 * min(erosions, height, width) + 1
        square = np.ones((side, side), np.uint8)
        found = _rim(pair.positive(self.threshold), pair.valid, square)
        wanted = _rim(pair.mask, pair.valid, square)
        union = np.count_nonzero(found | wanted)
        return np.count_nonzero(found & wanted) / union if union else math.nan


@register(
    Score(
        "mBA",
        "boundary",
        "mean boundary accuracy, 5 radii",
        "share of right pixels near the true boundary",
        "Cheng et al. 2020",
    ),
    threshold="threshold",
)
class MeanBoundaryAccuracy(MeanMetric):
    """Mean boundary accuracy, mBA: share of right pixels near the boundary, mean of five radii.

    Source: Cheng et al. 2020, "CascadePSP", CVPR, sec. 4, and the authors' code, which is followed
    here: its radii are 1 + floor(i (L - 1) / 5), i = 0..4, with L = (width + height) / 300; the
    paper's begin at 3. A pixel is near where OpenCV's disc around it has pixels on the object and
    off it; the image's edge is no boundary. Where ignored pixels hide the boundary from the smaller
    radii, the mean is over the larger ones.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold
        super().__init__()

    def score(self, pair: MapMaskPair) -> float:
        if not pair.foreground_pixels:
            return math.nan
        span = max(sum(pair.shape) / 300 - 1, 0)
        radii = Counter(1 + int(span / _RADII * i) for i in range(_RADII))
        part = bounding_box(pair.mask, max(radii))
        mask, off = pair.mask[part], pair.background[part]
        right = pair.positive(self.threshold)[part] == mask
        total, with_pixels = 0.0, 0
        for radius, times in radii.items():
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
            sees_object = cv2.dilate(mask.view(np.uint8), disc).view(np.bool_)
            sees_other = cv2.dilate(off.view(np.uint8), disc).view(np.bool_)
            near = (off & sees_object) | (mask & sees_other)
            pixels = np.count_nonzero(near)
            if pixels:
                total += times * np.count_nonzero(near & right) / pixels
                with_pixels += times
        return total / with_pixels if with_pixels else math.nan


def _rim(inside: np.ndarray, valid: Optional[np.ndarray], element: np.ndarray) -> np.ndarray:
    """Return bool (H, W): the object's pixels that an erosion takes away."""
    solid = inside if valid is None else inside | ~valid  # ignored pixels erode nothing
    # What is outside of the image is off the object.
    border = {"borderType": cv2.BORDER_CONSTANT, "borderValue": 0}
    kept = cv2.erode(solid.view(np.uint8), element, **border)
    return inside & ~kept.view(np.bool_)
