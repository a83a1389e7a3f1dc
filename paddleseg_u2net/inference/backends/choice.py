"""Which backend runs a model: the one that was named, or the fastest that is here and fits."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import NamedTuple

from paddleseg_u2net.inference.backends.backend import (
    AUTO,
    BACKENDS,
    WEIGHTS,
    BackendError,
    fitting,
)
from paddleseg_u2net.inference.backends.paddle_layers import finds_gpu


class Choice(NamedTuple):
    """A backend, the device that it computes on, and why it was taken; empty where it was named."""

    backend: str
    device: str = "cpu"
    why: str = ""

    def __str__(self) -> str:
        return f"backend {self.backend}" + (f" (auto: {self.why})" if self.why else "")


def choose(
    backend: str = AUTO, device: str = AUTO, kind: str = WEIGHTS, precision: str = "fp32"
) -> Choice:
    """Choose the backend for a model.

    Args:
        backend: a name, or "auto": the fastest that is installed, fits the model and computes on
            the device.
        device: ``cpu``, ``gpu``, ...; ``auto``: a GPU if Paddle's build for it is installed and
            finds one, and runs the model; other engines' GPUs are asked for by name.
        kind: "weights", or the format of an exported model in that ``precision``.

    Raises:
        BackendError: none can be used; the message says why.
    """
    if backend not in (AUTO, *BACKENDS):
        raise BackendError(f"backend: expected auto, {', '.join(BACKENDS)}, got {backend!r}")
    able = fitting(kind, precision)
    names = able if backend == AUTO else (backend,)
    if device == AUTO:
        for_gpu = tuple(name for name in names if _is_paddle_on_gpu(name))
        device = "gpu" if for_gpu and _has_gpu() else "cpu"
        names = for_gpu if device == "gpu" else names
    what = "weights" if kind == WEIGHTS else f"a model exported as {kind}"
    reasons = []
    for name in names:
        reason = _why_not(name, kind, device)
        if not reason:
            of = f"{what} in {precision}" if precision != "fp32" else what
            why = f"the fastest installed for {of} on this processor"
            why = why if device == "cpu" else f"it computes on the {device}"
            return Choice(name, device, why if backend == AUTO else "")
        reasons.append(reason)
    here = [name for name in able if not _why_not(name, kind, device)]
    raise BackendError(
        f"--backend {backend}, --device {device}: cannot run {what}: "
        f"{'; '.join(reasons) or 'no backend does'}; installed and able: "
        f"{', '.join(here) or 'none'}"
    )


def _why_not(name: str, kind: str, device: str) -> str:
    """Why a backend cannot run such a model, or an empty text."""
    backend = BACKENDS[name]
    if backend.time(kind) is None:
        return f"{name} does not run it"
    if device not in ("cpu", *backend.devices):
        return f"{name} does not compute on the {device}"
    needed = backend.packages + (backend.weights_packages if kind == WEIGHTS else ())
    missing = [package for package in needed if not is_installed(package)]
    if missing:
        return f"{name} needs {missing[0]}, not installed: {backend.install}"
    return backend.why_not(device) if device != "cpu" else ""


def _is_paddle_on_gpu(name: str) -> bool:
    return "gpu" in BACKENDS[name].devices and "paddle" in BACKENDS[name].packages


def is_installed(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    spec = importlib.util.find_spec(package)
    # A folder of that name where the program runs looks like a package, but has no file of its own.
    return spec is not None and spec.origin is not None


@lru_cache(maxsize=1)
def _has_gpu() -> bool:
    """Whether Paddle finds a GPU. Its build for CPUs is not even imported, which takes a second."""
    if not is_installed("paddle"):
        return False
    from importlib import metadata

    try:
        metadata.distribution("paddlepaddle-gpu")
    except metadata.PackageNotFoundError:
        return False
    return finds_gpu()
