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
    order=10,
    slack="slack",
    beta2="beta2",
    threshold="threshold",
)
class RelaxedBoundaryF(MeanMetric):
    """Relaxed boundary F-measure, relaxF^b of BASNet and U²-Net, mean over images.

    Higher is better, in [0, 1]. The map is binarised. The boundary of map and mask is one pixel
    wide: the object's pixels that an erosion takes away. Relaxed precision P is the share of the
    map's boundary that lies within `slack` pixels of the mask's; relaxed recall R is the share of
    the mask's boundary within `slack` pixels of the map's. F = (1 + beta2) P R / (beta2 P + R) of
    each image. Source: Qin et al. 2019, "BASNet: Boundary-Aware Salient Object Detection", CVPR,
    sec. 4.3, used again in Qin et al. 2020, "U²-Net", Pattern Recognition; the relaxation is that
    of Ehrig & Euzenat 2005, "Relaxed Precision and Recall for Ontology Matching".

    The papers leave details open. Here they are as in the code that circulates as the first
    author's (BASNet's issue 20): the erosion takes a pixel with one of its four neighbours off the
    object, the image's edge is off the object, distances are Euclidean, and a distance of `slack`
    is near enough. That code binarises masks at twice their mean, which leaves nothing of an
    object that fills half of its image; here the mask is the caller's.

    Corner cases:

    - Neither has a boundary, as where map and mask are both empty: not defined, left out of the
      mean. Only one has: 0.
    - A full mask or map has the image's edge as its boundary.
    - An object of one pixel is its own boundary, so also in a 1 x 1 pair.

    Ignored pixels erode nothing: an object that ends at them has no boundary there.

    Args:
        slack: Distance in pixels, >= 0.
        beta2: Weight of precision, beta squared, > 0.
        threshold: The map's object is where it is at least this, in (0, 1].
    """

    def __init__(self, slack: float = 3, beta2: float = 0.3, threshold: float = 0.5) -> None:
        _check_threshold(threshold)
        if not 0 <= slack < math.inf:
            raise ValueError(f"expected slack >= 0 pixels, got {slack}")
        if not beta2 > 0:
            raise ValueError(f"expected beta2 > 0, got {beta2}")
        self.slack, self.beta2, self.threshold = slack, beta2, threshold
        steps = np.arange(-int(slack), int(slack) + 1)
        self._near = (steps**2 + steps[:, None] ** 2 <= slack**2).astype(np.uint8)
        super().__init__()

    def score(self, pair: MapMaskPair) -> float:
        """Return the score of one image, NaN where it is not defined."""
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
    order=20,
    threshold="threshold",
)
class BoundaryIoU(MeanMetric):
    """Boundary IoU: intersection over union of two bands along the rims, mean over images.

    Higher is better, in [0, 1]. The map is binarised. The band of map and mask is the object's
    pixels that d erosions by 3 x 3 pixels take away, where d = `dilation_ratio` x the image's
    diagonal, rounded, at least 1, and the image's edge is off the object. Source: Cheng et al.
    2021, "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation", CVPR, and the
    authors' code, whose scores these are.

    Corner cases:

    - Neither has a band, as where map and mask are both empty: not defined (the authors' code
      divides 0 by 0), left out of the mean. Only one has: 0.
    - An object into which no square of 2 d + 1 pixels fits is its own band; of two of them, also in
      a 1 x 1 image, this is the IoU.
    - A full mask has its band along the image's edge.

    Ignored pixels erode nothing: an object that ends at them has no boundary there.

    Args:
        dilation_ratio: Width of the band in diagonals of the image, > 0.
        threshold: The map's object is where it is at least this, in (0, 1].
    """

    def __init__(self, dilation_ratio: float = 0.02, threshold: float = 0.5) -> None:
        _check_threshold(threshold)
        if not 0 < dilation_ratio < math.inf:
            raise ValueError(f"expected dilation_ratio > 0, got {dilation_ratio}")
        self.dilation_ratio, self.threshold = dilation_ratio, threshold
        super().__init__()

    def score(self, pair: MapMaskPair) -> float:
        """Return the score of one image, NaN where it is not defined."""
        height, width = pair.shape
        erosions = max(1, round(self.dilation_ratio * math.sqrt(height**2 + width**2)))
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
    order=30,
    threshold="threshold",
)
class MeanBoundaryAccuracy(MeanMetric):
    """Mean boundary accuracy, mBA: share of right pixels near the boundary, mean over images.

    Higher is better, in [0, 1]. The map is binarised. Within each of five radii of the boundary the
    share of pixels is taken where map and mask agree; the score is the mean of the five. Source:
    Cheng et al. 2020, "CascadePSP: Toward Class-Agnostic and Very High-Resolution Segmentation via
    Global and Local Refinement", CVPR, sec. 4.

    The field's numbers come from the authors' code, which is followed here. It differs from the
    paper, whose radii go evenly from 3 to (width + height) / 300: no such radius exists where
    width + height is below 900. In the code they are m + floor(i (L - m) / 5), i = 0..4, with the
    smallest m = 1 and L = (width + height) / 300, never less than m; at 400 x 300 pixels they are
    1, 1, 1, 1, 2. ``smallest_radius=3`` begins where the paper does.

    A pixel is near the boundary where a disc around it has pixels on the object and off it. The
    disc is OpenCV's: it reaches sqrt(r^2 - y^2) columns, rounded, in the y-th row from its centre.
    Thus a transposed image may score a little different. The image's edge is no boundary.

    Corner cases:

    - Empty or full mask, so also a 1 x 1 image: no boundary, not defined (the authors' code
      divides 0 by 0), left out of the mean.
    - An empty map is right on the pixels that are off the object: about 0.5.
    - An object of one pixel is no special case: it and the discs around it are near the boundary.

    Ignored pixels are neither on nor off the object and count in no share. Where they hide the
    boundary from the smaller radii, the mean is over the larger ones.

    Args:
        smallest_radius: The first radius in pixels, >= 1.
        threshold: The map's object is where it is at least this, in (0, 1].
    """

    def __init__(self, smallest_radius: int = 1, threshold: float = 0.5) -> None:
        _check_threshold(threshold)
        if not (smallest_radius >= 1 and smallest_radius % 1 == 0):
            raise ValueError(f"expected a whole smallest_radius >= 1, got {smallest_radius}")
        self.smallest_radius, self.threshold = int(smallest_radius), threshold
        super().__init__()

    def score(self, pair: MapMaskPair) -> float:
        """Return the score of one image, NaN where it is not defined."""
        if not pair.foreground_pixels:
            return math.nan
        radii = Counter(self._radii(pair.shape))
        part = bounding_box(pair.mask, max(radii))
        mask, off = pair.mask[part], pair.background[part]
        right = pair.positive(self.threshold)[part] == mask
        total, with_pixels = 0.0, 0
        for radius, times in radii.items():
            near = _near_boundary(mask, off, radius)
            pixels = np.count_nonzero(near)
            if pixels:
                total += times * np.count_nonzero(near & right) / pixels
                with_pixels += times
        return total / with_pixels if with_pixels else math.nan

    def _radii(self, shape: tuple[int, int]) -> list[int]:
        smallest = self.smallest_radius
        span = max(sum(shape) / 300 - smallest, 0)
        return [smallest + int(span / _RADII * i) for i in range(_RADII)]


def _check_threshold(threshold: float) -> None:
    """Raise ValueError unless a threshold leaves something to be off the object."""
    if not 0 < threshold <= 1:
        raise ValueError(f"expected a threshold in (0, 1], got {threshold}")


def _rim(inside: np.ndarray, valid: Optional[np.ndarray], element: np.ndarray) -> np.ndarray:
    """Return bool (H, W): the object's pixels that an erosion takes away."""
    solid = inside if valid is None else inside | ~valid
    # What is outside of the image is off the object.
    border = {"borderType": cv2.BORDER_CONSTANT, "borderValue": 0}
    kept = cv2.erode(solid.view(np.uint8), element, **border)
    return inside & ~kept.view(np.bool_)


def _near_boundary(mask: np.ndarray, off: np.ndarray, radius: int) -> np.ndarray:
    """Return bool (H, W): where a disc around a valid pixel has pixels of both kinds."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    sees_object = cv2.dilate(mask.view(np.uint8), disc).view(np.bool_)
    sees_other = cv2.dilate(off.view(np.uint8), disc).view(np.bool_)
    return (off & sees_object) | (mask & sees_other)
