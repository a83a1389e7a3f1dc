"""An engine's Python package, or an error that says what to install."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
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
        with _threads_that_wait(), _nothing_told():
            return importlib.import_module(name)
    except ImportError as error:
        asked, other = asked or f"--backend {backend}", "; --backend auto takes what is installed"
        raise BackendError(
            f"{asked}: {name} cannot be imported ({error}): {install(backend)}"
            + (other if asked.startswith("--backend") else "")
        ) from error


@contextlib.contextmanager
def _threads_that_wait() -> Iterator[None]:
    """GNU's OpenMP lets threads turn where they have nothing to do. Beside other programs a network
    then takes twice as long. It reads its settings once, when it is loaded.
    """
    policy = "OMP_WAIT_POLICY"
    if policy in os.environ:
        yield
        return
    os.environ[policy] = "PASSIVE"
    try:
        yield
    finally:
        del os.environ[policy]


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
