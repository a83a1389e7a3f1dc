"""What a network is to the rest of this room: a function of arrays with a type of output."""

from __future__ import annotations

from typing import Callable, Optional, Sized, Tuple

import numpy as np

# float32 (N, C, h, w) -> an array of what `output_type_of` says
Network = Callable[[np.ndarray], np.ndarray]
# N, C, H, W; None where any number is taken
InputShape = Tuple[Optional[int], Optional[int], Optional[int], Optional[int]]

OUTPUT_TYPES = ("logits", "probability", "argmax")
"""Types of output: ``logits`` and ``probability`` are float32 (N, K, h, w), ``argmax`` is class
numbers (N, h, w) of any whole dtype."""

ANY: InputShape = (None, None, None, None)


class BackendError(ValueError):
    """A backend that was asked for cannot be used; the message says what to install or change."""


class LoadError(BackendError):
    """An engine does not take a model: it is damaged, or has what the engine does not know."""


def output_type_of(network: Network) -> str:
    """Return one of `OUTPUT_TYPES`: the attribute ``output_type``; of a plain function, logits."""
    return getattr(network, "output_type", "logits")


def shape_of(network: Network) -> InputShape:
    """Return the input's shape: the attribute ``shape``; a plain function takes any."""
    return getattr(network, "shape", ANY)


def check_sides(backend: str, output_type: str, taken: Sized, given: Sized) -> None:
    """Raise LoadError unless a model's input and output have as many sides as a network's.

    Args:
        output_type: what its output is said to be. taken, given: shapes of its input and output.
    """
    expected = 4, 3 if output_type == "argmax" else 4
    if (len(taken), len(given)) != expected:
        raise LoadError(
            f"backend {backend}: expected a model with an input of {expected[0]} sides and an "
            f"output ({output_type}) of {expected[1]}, got {len(taken)} and {len(given)}: what it "
            "is said to be is of another model"
        )


class EngineNetwork:
    """A model in an engine: it checks what goes in and what comes out.

    Args:
        run: contiguous float32 (N, C, h, w) -> the model's output; threads may overlap in it.
        backend: the engine's name, for errors.
        output_type: one of `OUTPUT_TYPES`.
        num_classes: channels of the output, for ``argmax`` the number of classes; None if the
            engine does not say.
        shape: what the model takes. With a fixed N, batches of other sizes go through in parts,
            the last one filled up.

    ``note`` is what the log should say of it, besides the backend.
    """

    def __init__(
        self,
        run: Network,
        backend: str,
        output_type: str = "logits",
        num_classes: Optional[int] = None,
        shape: InputShape = ANY,
    ) -> None:
        self._run, self.backend, self.output_type = run, backend, output_type
        self.num_classes, self.shape, self.note = num_classes, shape, ""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """float32 (N, C, h, w) -> what ``output_type`` says.

        Raises:
            BackendError: the model takes another shape, gives something else, or stops.
        """
        self._check_input(batch.shape)
        batch = np.ascontiguousarray(batch, np.float32)
        size = self.shape[0]
        if size is None or len(batch) == size:
            return self._checked(batch)
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        return np.concatenate([self._checked(_filled(part, size))[: len(part)] for part in parts])

    def _checked(self, batch: np.ndarray) -> np.ndarray:
        try:
            found = self._run(batch)
        except (BackendError, MemoryError):
            raise
        except Exception as error:  # engines have errors of their own
            raise BackendError(
                f"backend {self.backend} stops at an input {batch.shape}: {error}; it may lack "
                "memory for this size: take --is_slide or a smaller preprocess.size"
            ) from error
        count, height, width = batch.shape[0], *batch.shape[2:]
        expected: Tuple[int, ...] = (count, height, width)
        if self.output_type != "argmax":
            channels = found.shape[1] if found.ndim == 4 else 1
            expected = (count, self.num_classes or channels, height, width)
        if found.shape != expected:
            raise BackendError(
                f"backend {self.backend}: of an input {batch.shape} the model makes {found.shape}, "
                f"expected {expected} ({self.output_type}); it is not an export of this program, "
                "or its description is of another model: export again"
            )
        return found

    def _check_input(self, shape: Tuple[int, ...]) -> None:
        wrong = [
            axis
            for axis, (own, came) in enumerate(zip(self.shape, shape))
            if axis and own is not None and own != came
        ]
        if len(shape) != 4 or wrong:
            expected = [name if own is None else str(own) for name, own in zip("NCHW", self.shape)]
            raise BackendError(
                f"backend {self.backend}: expected an input ({', '.join(expected)}), got {shape}; "
                "the model was exported for that size only: change preprocess.size or crop_size to "
                "it, or export again with another --input_shape"
            )


def _filled(part: np.ndarray, size: int) -> np.ndarray:
    """``part`` with zeros behind it, ``size`` long."""
    missing = size - len(part)
    if not missing:
        return part
    return np.concatenate([part, np.zeros((missing, *part.shape[1:]), part.dtype)])
