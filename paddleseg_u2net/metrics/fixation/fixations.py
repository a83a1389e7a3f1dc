"""Where people looked at an image: the ground truth of the fixation metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Union

import cv2
import numpy as np

from paddleseg_u2net.metrics.normalise import checked_mask, checked_valid

_REACH = 4.0  # of the Gaussian, in sigmas


@dataclass(frozen=True, eq=False)
class Fixations:
    """The fixations on one image: points, a density, or both.

    Metrics that compare with points (AUC, NSS) need ``points``, those that compare with a
    distribution (CC, SIM, KLD, EMD) need ``density``. An image without what a metric needs, without
    a single point, or with a density of nothing but 0, is undefined to that metric and no error.

    Its arrays are read-only.

    Attributes:
        shape: (H, W) of the image.
        points: int64 (N, 2), row and column of each fixation, or None where only a density is
            known. A pixel that was looked at twice stands there twice; see `distinct`.
        density: float64 (H, W), 0 and more, of any sum, or None where only points are known.
        valid: bool (H, W), False on the pixels to ignore, which are left out of everything; None
            ignores none. The density of an ignored pixel is set to 0.

    Raises:
        ValueError: neither points nor density; a shape or dtype is another; a point lies outside
            of the image or on an ignored pixel; a density is negative, NaN or infinite.
    """

    shape: tuple[int, int]
    points: Optional[np.ndarray] = None
    density: Optional[np.ndarray] = None
    valid: Optional[np.ndarray] = None

    def __post_init__(self) -> None:
        shape = tuple(int(length) for length in self.shape)
        if len(shape) != 2 or min(shape) < 1:
            raise ValueError(f"expected the shape (H, W) of an image, got {self.shape}")
        if self.points is None and self.density is None:
            raise ValueError(
                "expected points or a density, got neither; where nobody looked anywhere, give "
                "points of shape (0, 2)"
            )
        valid = checked_valid(self.valid, shape)
        checked = {"shape": shape, "valid": valid, "points": None, "density": None}
        if self.points is not None:
            checked["points"] = _checked_points(self.points, shape, valid)
        if self.density is not None:
            density = checked_weights("density", self.density, shape)
            checked["density"] = density if valid is None else np.where(valid, density, 0.0)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_points(
        cls,
        points: Union[np.ndarray, Sequence[Sequence[int]]],
        shape: tuple[int, int],
        sigma: Optional[float] = None,
    ) -> Fixations:
        """Return fixations at points, and their density where a ``sigma`` is given.

        Args:
            points: (N, 2), whole numbers: row and column, counted from 0 at the top left. Beware
                that many data sets give x first, and MATLAB counts from 1.
            shape: (H, W) of the image.
            sigma: Standard deviation in pixels, > 0, of the Gaussian that spreads each point, cut
                off at 4 sigma and at the edge of the image. The usual choice is one degree of
                visual angle, about 35 pixels in MIT1003 and MIT300 (Bylinskii et al. 2019, "What do
                different evaluation metrics tell us about saliency models?", TPAMI).

        Raises:
            ValueError: what `Fixations` refuses, or a sigma that is not above 0.
        """
        bare = cls(shape, np.asarray(points))
        if sigma is None or bare.points is None:
            return bare
        return cls(bare.shape, bare.points, _spread(bare.points, bare.shape, sigma))

    @classmethod
    def from_image(cls, image: np.ndarray, sigma: Optional[float] = None) -> Fixations:
        """Return one fixation on each pixel of an image of points that is not 0.

        Args:
            image: bool or uint8 (H, W), as benchmarks hand out their ``fixationMap``. It must
                come from a lossless file: JPEG turns every point into a block.
            sigma: As in `from_points`.

        Raises:
            ValueError: another dtype or number of dimensions, or what `from_points` refuses.
        """
        image = np.asarray(image)
        if image.ndim != 2 or image.dtype not in (np.bool_, np.uint8):
            raise ValueError(
                f"expected an image of points (H, W) of bool or uint8, got {image.dtype} "
                f"{image.shape}; take Fixations.from_density for other numbers"
            )
        height, width = image.shape
        return cls.from_points(np.argwhere(image), (height, width), sigma)

    @classmethod
    def from_density(cls, density: np.ndarray, points: Optional[np.ndarray] = None) -> Fixations:
        """Return fixations of a known density (H, W), float or whole numbers, 0 and more.

        Raises:
            ValueError: what `Fixations` refuses.
        """
        density = np.asarray(density)
        if density.ndim != 2:
            raise ValueError(f"expected a density (H, W), got shape {density.shape}")
        height, width = density.shape
        return cls((height, width), points, density)

    @classmethod
    def from_mask(cls, mask: np.ndarray, valid: Optional[np.ndarray] = None) -> Fixations:
        """Return the mask of a salient object as fixations: one on each pixel of the object.

        The density is uniform on the object. So the fixation metrics can be reported next to those
        of masks. They then say how well the map finds the object, and not where people look.

        Args:
            mask: bool (H, W), True on the object. Without any, every metric is undefined.
            valid: bool (H, W), False on the pixels to ignore; None ignores none.

        Raises:
            ValueError: another dtype or number of dimensions, every pixel ignored.
        """
        mask = checked_mask(mask)
        if mask.ndim != 2:
            raise ValueError(f"expected a mask (H, W), got shape {mask.shape}")
        valid = checked_valid(valid, mask.shape)
        if valid is not None:
            mask &= valid
        height, width = mask.shape
        return cls((height, width), np.argwhere(mask), mask.astype(np.float64), valid)

    def distinct(self) -> Fixations:
        """Return the same with every fixated pixel once, as MIT's binary maps have it.

        The Tuebingen benchmark counts every fixation, hence a pixel as often as it was looked at.
        """
        points = None if self.points is None else np.unique(self.points, axis=0)
        return Fixations(self.shape, points, self.density, self.valid)


def checked_weights(name: str, weights: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return weights as float64 (H, W) in C order.

    Raises:
        ValueError: another shape, no numbers, or a value that is negative, NaN or infinite.
    """
    weights = np.asarray(weights)
    if weights.dtype.kind not in "bfiu" or weights.shape != shape:
        raise ValueError(
            f"expected the {name} as numbers of shape {shape}, got {weights.dtype} {weights.shape}"
        )
    weights = np.ascontiguousarray(weights, np.float64)
    low, high = float(weights.min()), float(weights.max())
    if not (low >= 0 and np.isfinite(high)):
        raise ValueError(
            f"expected the {name} to be 0 or more, finite and without NaN, got {low}..{high}"
        )
    return weights


def _checked_points(
    points: np.ndarray, shape: tuple[int, ...], valid: Optional[np.ndarray]
) -> np.ndarray:
    """Return points as int64 (N, 2), or raise ValueError."""
    points = np.asarray(points)
    if not points.size:
        return np.zeros((0, 2), np.int64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"expected points (N, 2) of rows and columns, got shape {points.shape}")
    if points.dtype.kind not in "iu":
        raise ValueError(
            f"expected points in whole pixels, got {points.dtype}; round them down first, e.g. "
            "np.floor(points).astype(int)"
        )
    points = points.astype(np.int64)
    outside = ((points < 0) | (points >= shape)).any(axis=1)
    if outside.any():
        row, column = points[outside][0].tolist()
        raise ValueError(
            f"expected points inside of the image of {shape[0]} rows and {shape[1]} columns, got "
            f"{np.count_nonzero(outside)} outside, the first at row {row}, column {column}; are "
            "rows first (not x), and counted from 0?"
        )
    if valid is not None and not valid[points[:, 0], points[:, 1]].all():
        raise ValueError("expected points on valid pixels, got points on ignored ones")
    return points


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
