"""How far a network's maps are from those of float32, or from masks, on calibration images."""

from __future__ import annotations

from typing import Callable, NamedTuple, Tuple

import numpy as np

from paddleseg_u2net.export.quantization.calibration import IGNORED, Calibration
from paddleseg_u2net.export.quantization.graph import QuantizationError
from paddleseg_u2net.export.quantization.observe import session
from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.progress import tracked

OUTPUT = "d0"

# Without masks the increase is an estimate, in which what moves maps to and fro cancels out. So
# their difference may not be more than so many times the tolerance, either.
LOOSE = 5


class Measured(NamedTuple):
    """Of so many images the error, its increase and the difference from float32's maps, means."""

    images: int
    error: float
    increase: float
    difference: float


class Guard:
    """Measures networks on the images of a calibration that check.

    The error is the metric MAE in the image's size, pixels of the mask from 0.5 upwards being the
    object. Without masks it is what is expected of a map q if the object is drawn by the
    probabilities f of float32, q (1 - f) + (1 - q) f at every pixel: what moves where float32 is
    unsure weighs little. That estimates the increase; a bound for every mask m is the mean absolute
    difference from the maps of float32, for |q - m| <= |q - f| + |f - m|.
    """

    def __init__(self, model: bytes, calibration: Calibration) -> None:
        self.calibration = calibration
        run = session(model, [OUTPUT])
        self.expected = [
            run(sample.batch)[0][0] for sample in tracked(calibration.checking, "running fp32")
        ]
        classes = len(self.expected[0])
        if classes > 1 and calibration.has_masks:
            raise QuantizationError(
                f"masks are for a network of one class, this one has {classes}; leave them out: "
                "its maps are compared with those of float32 then"
            )
        errors = [self._errors(number, found)[0] for number, found in enumerate(self.expected)]
        self.error = float(np.mean(errors))

    def measure(self, content: bytes) -> Measured:
        """Run an ONNX file on all images."""
        run = session(content, [OUTPUT])
        return self.measured(lambda batch: run(batch)[0])

    def measured(self, network: Callable[[np.ndarray], np.ndarray]) -> Measured:
        """The same of what makes probabilities (1, K, h, w) of an input (1, C, h, w)."""
        total = len(self.expected)
        found = [
            self._errors(number, network(self.calibration.checking[number].batch)[0])
            for number in tracked(range(total), "measuring")
        ]
        error, difference = (float(np.mean(column)) for column in zip(*found))
        return Measured(total, error, error - self.error, difference)

    def inside(self, measured: Measured, tolerance: float) -> bool:
        """Whether the increase is within the tolerance and, without masks, the difference too."""
        loose = self.calibration.has_masks or measured.difference <= LOOSE * tolerance
        return measured.increase <= tolerance and loose

    def _errors(self, number: int, probability: np.ndarray) -> Tuple[float, float]:
        """Of one map (K, h, w): the error and the difference from float32."""
        sample = self.calibration.checking[number]
        restore = self.calibration.preprocess.restore
        found, expected = (restore(x, sample.shape) for x in (probability, self.expected[number]))
        difference = float(np.abs(found - expected).mean(dtype=np.float64))
        if sample.mask is None:
            return _expected_error(found, expected), difference
        valid = sample.mask != IGNORED
        if not valid.any():
            return 0.0, difference
        pair = MapMaskPair(found[0], sample.mask == 1, valid)
        return pair.statistics().mean_absolute_error, difference


def _expected_error(found: np.ndarray, probability: np.ndarray) -> float:
    """The mean of |found - mask| over masks of which each pixel is 1 with ``probability``."""
    error = found + probability - 2 * found * probability
    return float(error.mean(dtype=np.float64))
