"""Which backend runs a model: the one that was named, or the fastest that is here and fits."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import Dict, NamedTuple, Tuple

from paddleseg_u2net.inference.backends.engine_module import install
from paddleseg_u2net.inference.network import BackendError

AUTO = "auto"

BACKENDS = ("paddle", "paddle-inference", "onnxruntime", "openvino", "ncnn")
"""Their names."""

WEIGHTS = "weights"

# What each runs: weights, from which its input is made in memory, or exported models by format.
# The fastest first, by `python benchmarks/backends.py`: for U2NetP in float32 on a processor with
# AVX2, ncnn takes two thirds of the time of ONNX Runtime and OpenVINO, which are equal; the first
# of these two starts sooner. Paddle takes several times as long.
_FITS: Dict[str, Tuple[str, ...]] = {
    WEIGHTS: ("ncnn", "onnxruntime", "openvino", "paddle"),
    "onnx": ("onnxruntime", "openvino"),
    "openvino": ("openvino",),
    "ncnn": ("ncnn",),
    "paddle": ("paddle-inference",),
}
_PACKAGES: Dict[str, Tuple[str, ...]] = {
    "paddle": ("paddle", "paddleseg"),
    "paddle-inference": ("paddle",),
    "onnxruntime": ("onnxruntime",),
    "openvino": ("openvino",),
    "ncnn": ("ncnn",),
}
# These are given weights as an ONNX model, which the package onnx writes.
_BY_ONNX = ("onnxruntime", "openvino")
_BEYOND_CPU = {"paddle": ("gpu", "xpu", "npu", "mlu"), "paddle-inference": ("gpu",)}


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
    """The backend for a model.

    Args:
        backend: one of `BACKENDS`, or "auto": the fastest that is installed, fits the model and
            computes on the device.
        device: ``auto``, ``cpu``, ``gpu``, ...; with ``auto``, a GPU if Paddle's build for it is
            installed and finds one.
        kind: "weights", or the format of an exported model.
        precision: of an exported model.

    Raises:
        BackendError: it is not installed, does not run such models or does not compute on the
            device; or there is none that does.
    """
    if backend != AUTO:
        _refuse(backend, device, kind)
        return Choice(backend, _device(backend, device))
    fitting = _in_order(kind, precision)
    if device not in (AUTO, "cpu"):
        return _beyond_cpu(fitting, device, kind)
    if device == AUTO and _has_gpu():
        for name in fitting:
            if name in _BEYOND_CPU:
                return Choice(name, "gpu", "Paddle finds a GPU")
    for name in fitting:
        if not _missing(name, kind):
            return Choice(name, "cpu", _why(kind, precision))
    raise BackendError(
        f"no backend that runs {_named(kind)} is installed: {install(fitting[0])} for the fastest"
        + "".join(f", {install(name)} for {name}" for name in fitting[1:])
    )


def _device(backend: str, device: str) -> str:
    if device != AUTO:
        return device
    return "gpu" if backend in _BEYOND_CPU and _has_gpu() else "cpu"


def _in_order(kind: str, precision: str) -> Tuple[str, ...]:
    if kind == "onnx" and precision == "int8":
        # Networks in 8 bits take nine tenths of ONNX Runtime's time there, also on processors
        # without instructions for them.
        return ("openvino", "onnxruntime")
    return _FITS[kind]


def _why(kind: str, precision: str) -> str:
    of = f" in {precision}" if precision != "fp32" else ""
    return f"the fastest installed for {_named(kind)}{of} on this processor"


def _named(kind: str) -> str:
    return "weights" if kind == WEIGHTS else f"a model exported as {kind}"


def _refuse(backend: str, device: str, kind: str) -> None:
    if backend not in BACKENDS:
        raise BackendError(f"backend: expected auto, {', '.join(BACKENDS)}, got {backend!r}")
    if backend not in _FITS[kind]:
        others = [name for name, backends in _FITS.items() if backend in backends]
        raise BackendError(
            f"--backend {backend}: it runs {' and '.join(map(_named, others))}, not "
            f"{_named(kind)}; that is run by {', '.join(_FITS[kind])}"
            + ("; `python tools/export.py` makes others" if WEIGHTS not in others else "")
        )
    if device not in (AUTO, "cpu", *_BEYOND_CPU.get(backend, ())):
        raise BackendError(
            f"--device {device}: --backend {backend} computes on the CPU"
            + (" or a GPU" if backend in _BEYOND_CPU else "")
            + "; leave one of the two out"
        )
    missing = _missing(backend, kind)
    if missing:
        raise BackendError(
            f"--backend {backend}: {missing} is not installed: {install(backend)}; --backend auto "
            "takes what is installed"
        )


def _beyond_cpu(fitting: Tuple[str, ...], device: str, kind: str) -> Choice:
    able = [name for name in fitting if device in _BEYOND_CPU.get(name, ())]
    if not able:
        raise BackendError(
            f"--device {device}: no backend computes {_named(kind)} there; give the weights "
            "themselves as --model_path, or leave --device out"
        )
    _refuse(able[0], device, kind)
    return Choice(able[0], device, f"it computes on the {device}")


def _missing(backend: str, kind: str) -> str:
    """The first package that a backend needs and that is not here, or an empty text."""
    needed = _PACKAGES[backend]
    if kind == WEIGHTS and backend in _BY_ONNX:
        needed = (*needed, "onnx")
    return next((name for name in needed if not is_installed(name)), "")


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not."""
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
