"""An engine's Python package, or an error that says what to install."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from typing import Any, Iterator

from paddleseg_u2net.inference.backends.backend import BACKENDS, BackendError

# What is set for an import belongs to the whole process: a thread that ends its own import would
# take it from another one's.
_importing = threading.RLock()


def engine_module(name: str, backend: str, asked: str = "") -> Any:
    """Import an engine's package.

    Args:
        name: the package. backend: whose it is. asked: what asks for it, for the error.

    Raises:
        BackendError: it is not installed, or broken.
    """
    try:
        with _importing, _settings(), _without_telemetry():
            return importlib.import_module(name)
    except ImportError as error:
        asked, other = asked or f"--backend {backend}", "; --backend auto takes what is installed"
        raise BackendError(
            f"{asked}: {name} cannot be imported ({error}): {BACKENDS[backend].install}"
            + (other if asked.startswith("--backend") else "")
        ) from error


# What engines read of the environment, once, when they are loaded; what the user has set is kept.
_SETTINGS = {
    # GNU's OpenMP lets threads turn for long where they wait. Beside other programs a network
    # then takes twice as long.
    "GOMP_SPINCOUNT": "20000",
    # Some builds of ONNX Runtime report to their makers that they are used.
    "ORT_DISABLE_TELEMETRY": "1",
}


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    added = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


@contextlib.contextmanager
def _without_telemetry() -> Iterator[None]:
    """Without this package OpenVINO does not report each import to its makers."""
    package = "openvino_telemetry"
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
