"""Backends by name: what each of them runs, and what it needs; a file of this folder registers one.

A plugin registers one in the same way: ``register(Backend("mine", load, ...))``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Union

import numpy as np

from paddleseg_u2net.architecture import Architecture
from paddleseg_u2net.inference.backends.network import ANY, InputShape, LoadError, Network

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
    """

    format: str
    files: Mapping[str, Union[Path, bytes]]
    output_type: str = "logits"
    num_classes: Optional[int] = None
    shape: InputShape = ANY
    precision: str = "fp32"
    layer: Any = None

    def file(self, *suffixes: str) -> Union[Path, bytes]:
        """Return the first file that ends in one of the suffixes.

        Raises:
            LoadError: there is none.
        """
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
    from_weights: Optional[Callable[[Mapping[str, np.ndarray], Architecture], Model]] = None
    weights_packages: Tuple[str, ...] = ()

    def time(self, kind: str, precision: str = "fp32") -> Optional[float]:
        """Return the relative time for what is to be run; None if it does not run that."""
        return self.times.get(f"{kind} {precision}", self.times.get(kind))


BACKENDS: Dict[str, Backend] = {}
"""By name."""


def register(backend: Backend) -> None:
    """Add a backend.

    Raises:
        ValueError: its name is taken.
    """
    if backend.name in (AUTO, *BACKENDS):
        raise ValueError(f"backend {backend.name}: the name is taken; give it another one")
    BACKENDS[backend.name] = backend


def fitting(kind: str, precision: str = "fp32") -> Tuple[str, ...]:
    """Return the names of the backends that run weights or an export format, the fastest first."""
    times = ((backend.time(kind, precision), name) for name, backend in BACKENDS.items())
    return tuple(name for _, name in sorted(pair for pair in times if pair[0] is not None))


def kinds() -> Tuple[str, ...]:
    """Return what the backends run: `WEIGHTS` and export formats."""
    found = (key.partition(" ")[0] for backend in BACKENDS.values() for key in backend.times)
    return tuple(dict.fromkeys(found))


def onnx_of_weights(state: Mapping[str, np.ndarray], model: Architecture) -> Model:
    """Return weights as a model in ONNX, for `Backend.from_weights`."""
    from paddleseg_u2net.weights.onnx_write import onnx_bytes

    what = (model.stages, model.num_classes, model.in_channels)
    content = onnx_bytes(state, *what, activation=False, sides=False, source="--backend")
    return Model("onnx", {"model.onnx": content}, num_classes=model.num_classes)
