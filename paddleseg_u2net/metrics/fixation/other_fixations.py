"""Where people look whatever the image: the negatives of the shuffled AUC."""

from __future__ import annotations

from typing import Optional

import numpy as np

from paddleseg_u2net.metrics.fixation.fixations import Fixations


class OtherFixations:
    """Counts of the fixations on many images, each image laid over one grid.

    People look at the middle of images, so a map that is a mere blob there finds fixations well.
    The shuffled AUC takes its negatives from the fixations on other images, which such a map
    finds as well. Source: Tatler et al. 2005, "Visual correlates of fixation selection", Vision
    Research; Zhang et al. 2008, "SUN", J. of Vision.

    One pass over the fixations fills it, a second one over the maps uses it::

        shuffle = OtherFixations()
        for fixations in all_fixations:
            shuffle.add(fixations)
        for prediction, fixations in pairs:
            metric.update(prediction, fixations, shuffle.weights(fixations.shape, fixations))

    The place of a fixation is rounded to a cell of the grid. Where all images have the size of
    the grid, nothing is rounded.

    Args:
        grid: Rows and columns of the grid. The default is finer than eye trackers are.

    Raises:
        ValueError: a side of the grid is below 1.

    Attributes:
        counts: int64 (rows, columns), fixations so far.
    """

    def __init__(self, grid: tuple[int, int] = (128, 128)) -> None:
        if len(grid) != 2 or min(grid) < 1:
            raise ValueError(f"expected a grid of (rows, columns), 1 or more each, got {grid}")
        self.counts = np.zeros(grid, np.int64)

    def add(self, fixations: Fixations) -> None:
        """Count the points of one image; without points nothing is counted."""
        self.counts += self._counts(fixations)

    def merge(self, other: OtherFixations) -> None:
        """Add the images that ``other`` has seen.

        Raises:
            ValueError: the grids differ.
        """
        if other.counts.shape != self.counts.shape:
            raise ValueError(
                f"expected a grid of {self.counts.shape} to merge, got {other.counts.shape}"
            )
        self.counts += other.counts

    def weights(self, shape: tuple[int, int], own: Optional[Fixations] = None) -> np.ndarray:
        """Return how often people looked at each place of the other images.

        Args:
            shape: (H, W) of the image that is scored.
            own: Its own fixations, where they were added, to be taken away again.

        Returns:
            float64 (H, W), whole numbers; each cell's count stands on the pixel at its centre.

        Raises:
            ValueError: ``own`` was never added.
        """
        counts = self.counts if own is None else self.counts - self._counts(own)
        if counts.min() < 0:
            raise ValueError("expected own fixations that were added before, got others")
        rows, columns = np.nonzero(counts)
        weights = np.zeros(shape)
        here = tuple(
            _place(cells, length, size)
            for cells, length, size in zip((rows, columns), counts.shape, shape)
        )
        np.add.at(weights, here, counts[rows, columns])
        return weights

    def _counts(self, fixations: Fixations) -> np.ndarray:
        rows, columns = self.counts.shape
        if fixations.points is None:
            return np.zeros_like(self.counts)
        row, column = (
            _place(fixations.points[:, axis], fixations.shape[axis], self.counts.shape[axis])
            for axis in (0, 1)
        )
        return np.bincount(row * columns + column, minlength=rows * columns).reshape(rows, columns)


def _place(index: np.ndarray, length: int, new_length: int) -> np.ndarray:
    """Return the cell of a line of ``new_length`` that holds the centre of another line's cell."""
    return (2 * index + 1) * new_length // (2 * length)
