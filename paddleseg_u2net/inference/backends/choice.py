"""Which backend runs a model: the one that was named, or the fastest that is here and fits."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import NamedTuple

from paddleseg_u2net.inference.backends.backend import (
    AUTO,
    BACKENDS,
    WEIGHTS,
    Backend,
    BackendError,
    fitting,
    kinds,
)


class Choice(NamedTuple):
    """A backend, the device that it computes on, and why it was taken; ``why`` is empty where it
    was named.
    """

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
        device: ``auto``, ``cpu``, ``gpu``, ...; with ``auto``, a GPU if Paddle's build for it is
            installed and finds one.
        kind: "weights", or the format of an exported model.
        precision: of an exported model.

    Raises:
        BackendError: it is not installed, does not run such models or does not compute on the
            device; or there is none that does.
    """
    if backend != AUTO:
        found = _named(backend, device, kind)
        if device == AUTO:
            device = "gpu" if "gpu" in found.devices and _has_gpu() else "cpu"
        return Choice(backend, device)
    names = fitting(kind, precision)
    if not names:
        raise BackendError(
            f"no backend runs {_described(kind)}; the formats that are run are "
            f"{', '.join(item for item in kinds() if item != WEIGHTS)}"
        )
    if device not in (AUTO, "cpu"):
        able = [name for name in names if device in BACKENDS[name].devices]
        if not able:
            raise BackendError(
                f"--device {device}: no backend computes {_described(kind)} there; give the "
                "weights themselves as --model_path, or leave --device out"
            )
        _named(able[0], device, kind)
        return Choice(able[0], device, f"it computes on the {device}")
    if device == AUTO and _has_gpu():
        for name in names:
            if "gpu" in BACKENDS[name].devices:
                return Choice(name, "gpu", "Paddle finds a GPU")
    for name in names:
        if not _missing(BACKENDS[name], kind):
            of = f" in {precision}" if precision != "fp32" else ""
            why = f"the fastest installed for {_described(kind)}{of} on this processor"
            return Choice(name, "cpu", why)
    raise BackendError(
        f"no backend that runs {_described(kind)} is installed: "
        f"{BACKENDS[names[0]].install} for the fastest"
        + "".join(f", {BACKENDS[name].install} for {name}" for name in names[1:])
    )


def _described(kind: str) -> str:
    return "weights" if kind == WEIGHTS else f"a model exported as {kind}"


def _named(name: str, device: str, kind: str) -> Backend:
    """Return the backend that was asked for, or say why it cannot be used."""
    if name not in BACKENDS:
        raise BackendError(f"backend: expected auto, {', '.join(BACKENDS)}, got {name!r}")
    backend = BACKENDS[name]
    if backend.time(kind) is None:
        others = [other for other in kinds() if backend.time(other) is not None]
        raise BackendError(
            f"--backend {name}: it runs {' and '.join(map(_described, others))}, not "
            f"{_described(kind)}; that is run by {', '.join(fitting(kind))}"
            + ("; `python tools/export.py` makes others" if WEIGHTS not in others else "")
        )
    if device not in (AUTO, "cpu", *backend.devices):
        raise BackendError(
            f"--device {device}: --backend {name} computes on the CPU"
            + (" or a GPU" if backend.devices else "")
            + "; leave one of the two out"
        )
    missing = _missing(backend, kind)
    if missing:
        raise BackendError(
            f"--backend {name}: {missing} is not installed: {backend.install}; --backend auto "
            "takes what is installed"
        )
    return backend


def _missing(backend: Backend, kind: str) -> str:
    """Return the first package that is needed and not installed, or an empty text."""
    needed = backend.packages + (backend.weights_packages if kind == WEIGHTS else ())
    return next((name for name in needed if not is_installed(name)), "")


def is_installed(package: str) -> bool:
    """Return whether a package can be imported, without importing it."""
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
    from paddleseg_u2net.env import load_paddle

    load_paddle()
    import paddle

    return paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
