"""An exponential moving average of the weights, which often scores better than the last ones."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterator

import numpy as np
import paddle

from paddleseg_u2net.weights import fit_state, read_pickle


class EMA:
    """The average of a model's state, BatchNorm statistics included; none where not ``wanted``.
    As PaddleSeg's, after step t: d * average + (1 - d) * weights, d = min(decay, 1 - 1 / (t + 1)).
    """

    def __init__(self, model: Any, decay: float = 0.999, wanted: bool = True) -> None:
        self.decay = decay
        state = model.state_dict() if wanted else {}
        self.average = {name: value.clone() for name, value in state.items()}

    @paddle.no_grad()
    def update(self, model: Any, step: int) -> None:
        """Take in the weights after step ``step`` (1, 2, ...)."""
        if not self.average:
            return
        decay = min(self.decay, 1 - 1 / (step + 1))
        for name, value in model.state_dict().items():
            self.average[name] = decay * self.average[name] + (1 - decay) * value.astype("float32")

    @contextlib.contextmanager
    def in_place_of(self, model: Any, held: Callable[[], ContextManager[Any]]) -> Iterator[None]:
        """Let ``model`` have the average for its weights, exchanged in ``held`` contexts, in which
        no signal comes between.
        """
        kept = {name: value.clone() for name, value in model.state_dict().items()}
        try:
            with held():
                _set_weights(model, self.average)
            yield
        finally:
            with held():
                _set_weights(model, kept)

    def state(self) -> Dict[str, np.ndarray]:
        """The average, by the model's names."""
        return {name: value.numpy() for name, value in self.average.items()}

    def load(self, path: Path) -> None:
        """Continue from the average in a file."""
        if self.average:
            shapes = {name: value.shape for name, value in self.average.items()}
            state = fit_state(read_pickle(path), shapes, str(path))
            self.average = {name: paddle.to_tensor(value) for name, value in state.items()}


def _set_weights(model: Any, weights: Dict[str, Any]) -> None:
    """Set a model's weights, in the dtype that each of its tensors has (half, at O2)."""
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    model.set_state_dict({name: value.astype(own[name].dtype) for name, value in weights.items()})
