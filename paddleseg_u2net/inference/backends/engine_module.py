"""An engine's Python package, or an error that says what to install."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from typing import Any, Iterator

from paddleseg_u2net.inference.network import BackendError

EXTRAS = {
    "paddle": "cpu",
    "paddle-inference": "cpu",
    "onnxruntime": "deploy",
    "openvino": "openvino",
    "ncnn": "ncnn",
}
"""The extra of this package that installs each backend."""


# What is set for an import belongs to the whole process: a thread that ends its own import would
# take it from another one's.
_importing = threading.RLock()


def install(backend: str) -> str:
    """The command that installs what a backend needs."""
    return f"pip install 'paddleseg_u2net[{EXTRAS[backend]}]'"


def engine_module(name: str, backend: str, asked: str = "") -> Any:
    """Import a backend's package.

    Args:
        name: the package. backend: of `EXTRAS`. asked: what errors say was asked for.

    Raises:
        BackendError: it is not installed, or broken.
    """
    try:
        with _importing, _settings(), _nothing_told():
            return importlib.import_module(name)
    except ImportError as error:
        asked, other = asked or f"--backend {backend}", "; --backend auto takes what is installed"
        raise BackendError(
            f"{asked}: {name} cannot be imported ({error}): {install(backend)}"
            + (other if asked.startswith("--backend") else "")
        ) from error


# What engines read of the environment, once, when they are loaded; what the user has set is kept.
_SETTINGS = {
    # GNU's OpenMP lets threads turn for long where they wait. Beside other programs a network
    # then takes twice as long.
    "GOMP_SPINCOUNT": "20000",
    # ONNX Runtime, of some builds also on Linux, tells its makers of its use.
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
def _nothing_told() -> Iterator[None]:
    """OpenVINO starts a process that tells its makers of each import, if it finds the package that
    does so.
    """
    package = "openvino_telemetry"
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
