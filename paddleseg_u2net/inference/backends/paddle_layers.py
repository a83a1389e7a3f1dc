"""Paddle, layer by layer: the backend ``paddle``."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, ContextManager, Optional

import numpy as np

from paddleseg_u2net.env import load_paddle
from paddleseg_u2net.inference.backends.backend import WEIGHTS, Backend, Model, Network, register


def eager(
    model: Any,
    autocast: Callable[[], ContextManager[Any]] = contextlib.nullcontext,
    threads: Optional[int] = None,
) -> Network:
    """A network that runs a layer, whose evaluation output is the logits, or a list or tuple with
    them first, on the device that Paddle is set to. ``threads``: on a CPU, for all that Paddle does
    from now on.
    """
    import paddle

    if threads is not None:
        paddle.base.core.set_num_threads(threads)

    def network(batch: np.ndarray) -> np.ndarray:
        with paddle.no_grad(), autocast():
            outputs = model(paddle.to_tensor(batch))
            logits = outputs if isinstance(outputs, paddle.Tensor) else outputs[0]
            return logits.astype("float32").numpy()

    return network


def finds_gpu() -> bool:
    """Whether Paddle finds a GPU; it is imported for this."""
    load_paddle()
    import paddle

    return paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0


def why_not(device: str) -> str:
    """Why Paddle does not compute on a GPU, or an empty text; other devices are asked for later."""
    if device != "gpu" or finds_gpu():
        return ""
    return "the Paddle that is installed finds no GPU: install its build for yours"


def _load(model: Model, threads: Optional[int], device: str) -> Network:
    return eager(model.layer, threads=threads)


register(
    Backend(
        "paddle",
        _load,
        times={WEIGHTS: 5},
        packages=("paddle", "paddleseg"),
        install="pip install 'paddleseg_u2net[cpu]'",
        devices=("gpu", "xpu", "npu", "mlu"),
        why_not=why_not,
    )
)
