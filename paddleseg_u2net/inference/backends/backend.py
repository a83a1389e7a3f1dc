"""Networks as functions of arrays, and backends, which make them, by name. Each file of this folder
registers one; a plugin does it in the same way: ``register(Backend("mine", load, ...))``.
"""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Union

import numpy as np

from paddleseg_u2net import registry
from paddleseg_u2net.architecture import Architecture

# float32 (N, C, h, w) -> an array of what `output_type_of` says
Network = Callable[[np.ndarray], np.ndarray]
# N, C, H, W; None where any number is taken
InputShape = Tuple[Optional[int], ...]

OUTPUT_TYPES = ("logits", "probability", "argmax")
"""Types of output: ``logits`` and ``probability`` are float32 (N, K, h, w), ``argmax`` is class
numbers (N, h, w) of any whole dtype."""

ANY: InputShape = (None, None, None, None)


class BackendError(ValueError):
    """A backend that was asked for cannot be used; the message says what to install or change."""


class LoadError(BackendError):
    """An engine does not take a model: it is damaged, or has what the engine does not know."""


def output_type_of(network: Network) -> str:
    """One of `OUTPUT_TYPES`: the attribute ``output_type``; of a plain function, logits."""
    return getattr(network, "output_type", "logits")


class EngineNetwork:
    """A model in an engine: it checks what goes in and what comes out.

    Args:
        run: contiguous float32 (N, C, h, w) -> the model's output; threads may overlap in it.
        backend: the engine's name, for errors.
        num_classes: channels of the output, for ``argmax`` the number of classes; None: not known.
        shape: what the model takes. With a fixed N, batches of other sizes go through in parts.

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
        if len(shape) != 4:
            raise LoadError(f"backend {backend}: expected a model of images, its input is {shape}")

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """float32 (N, C, h, w) -> what ``output_type`` says.

        Raises:
            BackendError: the model takes another shape, gives something else, or stops.
        """
        pairs = zip(self.shape[1:], batch.shape[1:])
        if batch.ndim != 4 or any(own not in (None, came) for own, came in pairs):
            expected = [name if own is None else str(own) for name, own in zip("NCHW", self.shape)]
            raise BackendError(
                f"backend {self.backend}: expected an input ({', '.join(expected)}), got "
                f"{batch.shape}; the model was exported for that size only: change preprocess.size "
                "or crop_size to it, or export again with another --input_shape"
            )
        batch = np.ascontiguousarray(batch, np.float32)
        size = self.shape[0]
        if size is None or len(batch) == size:
            return self._checked(batch)
        count, rest = len(batch), -len(batch) % size
        batch = np.concatenate([batch, np.zeros((rest, *batch.shape[1:]), batch.dtype)])
        parts = [self._checked(batch[at : at + size]) for at in range(0, len(batch), size)]
        return np.concatenate(parts)[:count]

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
        expected: Tuple[int, ...] = (len(batch), *batch.shape[2:])
        if self.output_type != "argmax":
            channels = found.shape[1] if found.ndim == 4 else 1
            expected = (len(batch), self.num_classes or channels, *batch.shape[2:])
        if found.shape != expected:
            raise BackendError(
                f"backend {self.backend}: of an input {batch.shape} the model makes {found.shape}, "
                f"expected {expected} ({self.output_type}): export it again"
            )
        return found


AUTO = "auto"
WEIGHTS = "weights"
"""What a backend runs that is given weights in memory; all else are formats of exported models."""


@dataclass(frozen=True)
class Model:
    """A model as a backend loads it.

    Args:
        format: of the export, such as ``onnx``.
        files: by name, the path of each file or its content.
        output_type: one of `OUTPUT_TYPES`.
        num_classes: channels of the output before an argmax; None: not known.
        shape: of the input (N, C, H, W).
        precision: such as ``fp32``.
        layer: a ``paddle.nn.Layer`` in place of files.
        network: the class of a network that is no U²-Net.
    """

    format: str
    files: Mapping[str, Union[Path, bytes]]
    output_type: str = "logits"
    num_classes: Optional[int] = None
    shape: InputShape = ANY
    precision: str = "fp32"
    layer: Any = None
    network: str = ""

    def file(self, *suffixes: str) -> Union[Path, bytes]:
        """The first file that ends in one of the suffixes; LoadError if there is none."""
        for name, content in self.files.items():
            if name.endswith(suffixes):
                return content
        raise LoadError(
            f"files: expected one that ends in {' or '.join(suffixes)} for format {self.format}, "
            f"got {', '.join(self.files)}"
        )


@dataclass(frozen=True)
class Backend:
    """What runs networks.

    Args:
        name: as ``--backend`` takes it.
        load: from a `Model`, the number of threads (None: all cores that this process may use) and
            the device to a network. It raises BackendError if a package is missing, LoadError if
            it does not take the model.
        times: what it runs, `WEIGHTS` or formats, and the time that it takes for it relative to
            others; ``auto`` takes the shortest. A key such as ``onnx int8`` is for one precision.
        packages: Python packages that it needs.
        install: the command that installs these.
        devices: what it computes on besides the CPU.
        why_not: says why what is installed does not compute on one of these; an empty text: it
            does. It is asked where the packages are installed.
        from_weights: makes the model from weights of the published layout and their network, for
            logits; None of a backend that runs `WEIGHTS`: it takes the layer.
        weights_packages: further packages that ``from_weights`` needs.
    """

    name: str
    load: Callable[[Model, Optional[int], str], Network]
    times: Mapping[str, float]
    packages: Tuple[str, ...] = ()
    install: str = ""
    devices: Tuple[str, ...] = ()
    why_not: Callable[[str], str] = lambda device: ""
    from_weights: Optional[Callable[[Mapping[str, np.ndarray], Architecture], Model]] = None
    weights_packages: Tuple[str, ...] = ()

    def time(self, kind: str, precision: str = "fp32") -> Optional[float]:
        """The relative time for what is to be run; None if it does not run that."""
        return self.times.get(f"{kind} {precision}", self.times.get(kind))


BACKENDS: Dict[str, Backend] = registry.table("backends")
"""By name."""


def register(backend: Backend) -> None:
    """Add a backend; ValueError if its name is taken."""
    if backend.name in (AUTO, *BACKENDS):
        raise ValueError(f"backend {backend.name}: the name is taken; give it another one")
    BACKENDS[backend.name] = backend


def fitting(kind: str, precision: str = "fp32") -> Tuple[str, ...]:
    """The names of the backends that run weights or an export format, the fastest first."""
    times = ((backend.time(kind, precision), name) for name, backend in BACKENDS.items())
    return tuple(name for _, name in sorted(pair for pair in times if pair[0] is not None))


# What engines read of the environment, once, when they are loaded; what the user has set is kept.
_SETTINGS = {
    # GNU's OpenMP lets threads turn for long where they wait. Beside other programs a network
    # then takes twice as long.
    "GOMP_SPINCOUNT": "20000",
    # Some builds of ONNX Runtime report to their makers that they are used.
    "ORT_DISABLE_TELEMETRY": "1",
}


def engine_module(name: str, backend: str, asked: str = "") -> Any:
    """Import an engine's package; BackendError, which says what to install. ``asked``: what asks
    for it.
    """
    for key, value in _SETTINGS.items():
        os.environ.setdefault(key, value)
    # Without this package OpenVINO does not report each import to its makers.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        return importlib.import_module(name)
    except ImportError as error:
        asked = asked or f"--backend {backend}"
        raise BackendError(
            f"{asked}: {name} cannot be imported ({error}): {BACKENDS[backend].install}"
        ) from error


def onnx_of_weights(state: Mapping[str, np.ndarray], model: Architecture) -> Model:
    """Weights as a model in ONNX, for `Backend.from_weights`."""
    from paddleseg_u2net.weights.onnx_write import onnx_bytes

    what = (model.stages, model.num_classes, model.in_channels)
    content = onnx_bytes(state, *what, activation=False, sides=False, source="--backend")
    return Model("onnx", {"model.onnx": content}, num_classes=model.num_classes)
