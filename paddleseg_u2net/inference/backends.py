"""What runs a network: each backend turns a model into a function of arrays."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, ContextManager

import numpy as np

from paddleseg_u2net.inference.predictor import Network


def eager(
    model: Any, autocast: Callable[[], ContextManager[Any]] = contextlib.nullcontext
) -> Network:
    """Paddle, layer by layer, on the device that Paddle is set to; ``model`` is a Layer whose
    evaluation output is a list with the logits first.
    """
    import paddle

    def network(batch: np.ndarray) -> np.ndarray:
        with paddle.no_grad(), autocast():
            return model(paddle.to_tensor(batch))[0].astype("float32").numpy()

    return network
