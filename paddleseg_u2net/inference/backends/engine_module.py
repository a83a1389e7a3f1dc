"""An engine's Python package, or an error that says what to install."""

from __future__ import annotations

import importlib
from typing import Any

from paddleseg_u2net.inference.network import BackendError

EXTRAS = {
    "paddle": "cpu",
    "paddle-inference": "cpu",
    "onnxruntime": "deploy",
    "openvino": "openvino",
    "ncnn": "ncnn",
}
"""The extra of this package that installs each backend."""


def install(backend: str) -> str:
    """The command that installs what a backend needs."""
    return f"pip install 'paddleseg_u2net[{EXTRAS[backend]}]'"


def engine_module(name: str, backend: str) -> Any:
    """Import a backend's package.

    Raises:
        BackendError: it is not installed, or broken.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BackendError(
            f"--backend {backend}: it cannot be imported ({error}): {install(backend)}; "
            "--backend auto takes what is installed"
        ) from error
