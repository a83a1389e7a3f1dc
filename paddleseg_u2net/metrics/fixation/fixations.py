"""Where people looked: the ground truth of the fixation metrics, and what sAUC compares with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional, Union

import cv2
import numpy as np

from paddleseg_u2net.metrics.normalise import checked_mask, checked_valid

_REACH = 4.0  # of the Gaussian, in sigmas


class Fixations:
    """The fixations on one image: points, a density, or both.

    AUC and NSS need points; CC, SIM, KLD and EMD a density. An image without what a metric needs,
    or with nothing in it, is undefined to that metric and no error. Arrays are read-only.

    Args:
        shape: (H, W) of the image.
        points: Whole numbers (N, 2), row and column of each fixation, counted from 0, or None. A
            pixel that was looked at twice stands there twice, and counts twice.
        density: (H, W), 0 and more, of any sum, or None. That of an ignored pixel is set to 0.
        valid: bool (H, W), False on the pixels to ignore; None ignores none.

    Raises:
        ValueError: neither points nor density, another shape or dtype, a point that is outside of
            the image or ignored, a density that is negative, NaN or infinite.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        points: Optional[np.ndarray] = None,
        density: Optional[np.ndarray] = None,
        valid: Optional[np.ndarray] = None,
    ) -> None:
        if points is None and density is None:
            raise ValueError(
                "expected points or a density, got neither; where nobody looked anywhere, give "
                "points of shape (0, 2)"
            )
        height, width = map(int, shape)
        self.shape = height, width
        self.valid = checked_valid(valid, self.shape)
        self.points = None if points is None else _checked_points(points, self.shape, self.valid)
        self.density = None if density is None else checked_weights("density", density, self.shape)
        if self.density is not None and self.valid is not None:
            self.density = np.where(self.valid, self.density, 0.0)

    @classmethod
    def from_points(
        cls,
        points: Union[np.ndarray, Sequence[Sequence[int]]],
        shape: tuple[int, int],
        sigma: Optional[float] = None,
    ) -> Fixations:
        """Return fixations at points, and their density where a ``sigma`` is given.

        Beware that many data sets give x first, and MATLAB counts from 1. ``sigma``, > 0, is the
        standard deviation in pixels of the Gaussian that spreads each point, cut off at 4 sigma and
        at the edge of the image: usually one degree of visual angle, about 35 pixels in MIT1003 and
        MIT300 (Bylinskii et al. 2019, "What do different evaluation metrics tell us about saliency
        models?", TPAMI).
        """
        found = cls(shape, np.asarray(points))
        if sigma is not None and found.points is not None:
            found.density = _spread(found.points, found.shape, sigma)
        return found

    @classmethod
    def from_density(cls, density: np.ndarray, points: Optional[np.ndarray] = None) -> Fixations:
        """Return fixations of a known density (H, W), 0 and more."""
        height, width = np.shape(density)
        return cls((height, width), points, density)

    @classmethod
    def from_mask(cls, mask: np.ndarray, valid: Optional[np.ndarray] = None) -> Fixations:
        """Return the mask of a salient object, bool (H, W), as one fixation on each of its pixels.

        So the fixation metrics can be reported next to those of masks. They then say how well the
        map finds the object, and not where people look.
        """
        mask = checked_mask(mask)
        height, width = mask.shape
        valid = checked_valid(valid, mask.shape)
        if valid is not None:
            mask &= valid
        return cls((height, width), np.argwhere(mask), mask.astype(np.float64), valid)


def checked_weights(name: str, weights: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return weights as float64 (H, W) in C order, 0 or more."""
    weights = np.asarray(weights)
    if (
        weights.dtype.kind not in "bfiu"
        or weights.shape != shape
        or not (weights.min() >= 0 and weights.max() < np.inf)
    ):
        raise ValueError(
            f"expected the {name} as numbers of shape {shape}, 0 or more, finite and without NaN, "
            f"got {weights.dtype} {weights.shape}"
        )
    return np.ascontiguousarray(weights, np.float64)


def _checked_points(
    points: np.ndarray, shape: tuple[int, int], valid: Optional[np.ndarray]
) -> np.ndarray:
    """Return points as int64 (N, 2)."""
    points = np.asarray(points)
    if not points.size:
        return np.zeros((0, 2), np.int64)
    inside = points.ndim == 2 and points.shape[1] == 2 and points.dtype.kind in "iu"
    inside = inside and not ((points < 0) | (points >= shape)).any()
    if not inside or (valid is not None and not valid[points[:, 0], points[:, 1]].all()):
        raise ValueError(
            f"expected points (N, 2) of whole numbers, rows first (not x) and counted from 0, on "
            f"valid pixels of an image of {shape[0]} rows and {shape[1]} columns, got "
            f"{points.dtype} {points.shape} from {points.min(axis=0)} to {points.max(axis=0)}"
        )
    return points.astype(np.int64)


def _spread(points: np.ndarray, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """Return the points as a density: a Gaussian on each, without what falls off the image."""
    if not (sigma > 0 and np.isfinite(sigma)):
        raise ValueError(f"expected sigma in pixels, above 0, got {sigma}")
    height, width = shape
    places = points[:, 0] * width + points[:, 1]
    counts = np.bincount(places, minlength=height * width).reshape(shape).astype(np.float64)
    # Beyond the image there is nothing to reach.
    radius = min(int(_REACH * sigma + 0.5), max(height, width))
    bell = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    bell /= bell.sum()
    return np.maximum(cv2.sepFilter2D(counts, -1, bell, bell, borderType=cv2.BORDER_CONSTANT), 0)


class OtherFixations:
    """Counts of the fixations on many images, int64, each image laid over one grid.

    The shuffled AUC takes its negatives from the fixations on other images, so that a mere blob in
    the middle, where people look, gains nothing (Tatler et al. 2005; Zhang et al. 2008). One pass
    over all fixations fills it by `add`, a second one asks for the `weights` of each image. Places
    are rounded to a cell; the default grid is finer than eye trackers are.
    """

    def __init__(self, grid: tuple[int, int] = (128, 128)) -> None:
        self.counts = np.zeros(grid, np.int64)

    def add(self, fixations: Fixations) -> None:
        """Count the points of one image; without points nothing is counted."""
        self.counts += self._counts(fixations)

    def merge(self, other: OtherFixations) -> None:
        """Add the images that ``other``, of the same grid, has seen."""
        self.counts += other.counts

    def weights(self, shape: tuple[int, int], own: Optional[Fixations] = None) -> np.ndarray:
        """Return float64 (H, W): how often people looked at each place of the other images.

        Each cell's count stands on the pixel at its centre. ``own`` are the image's fixations where
        they were added, to be taken away again.
        """
        counts = self.counts if own is None else self.counts - self._counts(own)
        if counts.min() < 0:
            raise ValueError("expected own fixations that were added before, got others")
        rows, columns = np.nonzero(counts)
        weights = np.zeros(shape)
        here = _moved((rows, columns), counts.shape, shape)
        np.add.at(weights, here, counts[rows, columns])
        return weights

    def _counts(self, fixations: Fixations) -> np.ndarray:
        if fixations.points is None:
            return np.zeros_like(self.counts)
        shape = self.counts.shape
        cells = np.ravel_multi_index(_moved(fixations.points.T, fixations.shape, shape), shape)
        return np.bincount(cells, minlength=self.counts.size).reshape(shape)


def _moved(
    places: Iterable[np.ndarray], shape: tuple[int, ...], new_shape: tuple[int, ...]
) -> tuple[np.ndarray, ...]:
    """Return the cells (rows, columns) of another grid that hold the centres of these."""
    sizes = zip(places, shape, new_shape)
    return tuple((2 * index + 1) * new // (2 * old) for index, old, new in sizes)
