"""An engine's Python package, or an error that says what to install."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from paddleseg_u2net.inference.backends.backend import BACKENDS, BackendError

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
