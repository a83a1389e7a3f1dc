"""What a step does beside the gradient: half precision, the weights' average, layers held fast."""

from __future__ import annotations

import contextlib
from functools import reduce
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterable, Iterator, Tuple

import numpy as np
import paddle

from paddleseg_u2net.config import ConfigError
from paddleseg_u2net.config.schema import nearest
from paddleseg_u2net.log import logger
from paddleseg_u2net.weights import fit_state, read_pickle, tables_of


class Precision:
    """A training step's arithmetic: "fp32", or on GPUs "fp16" (with loss scaling) and "bf16"; "O1"
    casts operators one by one, "O2" the whole model but its BatchNorms.
    """

    def __init__(self, name: str = "fp32", level: str = "O1") -> None:
        if name != "fp32" and not paddle.device.get_device().startswith("gpu"):
            raise ValueError(
                f"--precision {name}: Paddle trains in half precision on GPUs only, and this run "
                f"is on {paddle.device.get_device()}; use --precision fp32"
            )
        self.name, self.level = name, level
        self._scaler = paddle.amp.GradScaler(enable=name == "fp16", init_loss_scaling=1024.0)

    @property
    def _dtype(self) -> str:
        return "bfloat16" if self.name == "bf16" else "float16"

    def decorate(self, model: Any, optimizer: Any) -> Tuple[Any, Any]:
        """Model and optimizer; at O2 with weights in half precision and master copies."""
        if self.name == "fp32" or self.level == "O1":
            return model, optimizer
        halves = {"level": "O2", "dtype": self._dtype, "save_dtype": "float32"}
        return paddle.amp.decorate(models=model, optimizers=optimizer, **halves)

    def autocast(self) -> ContextManager[Any]:
        """The context of a forward pass."""
        if self.name == "fp32":
            return contextlib.nullcontext()
        return paddle.amp.auto_cast(level=self.level, dtype=self._dtype)

    def backward(self, loss: Any) -> None:
        """Gradients of ``loss``."""
        self._scaler.scale(loss).backward()

    def step(self, optimizer: Any) -> None:
        """One step of the optimizer; fp16 leaves it out where a gradient overflowed."""
        self._scaler.step(optimizer)
        self._scaler.update()
        optimizer.clear_grad()

    def state(self) -> Dict[str, Any]:
        """What a resume needs."""
        state = self._scaler.state_dict()
        return {k: float(v.item()) if hasattr(v, "item") else v for k, v in state.items()}

    def load_state(self, state: Dict[str, Any]) -> None:
        """Continue from ``state``."""
        if state.get("scale"):
            state = {**state, "scale": paddle.to_tensor([state["scale"]]).numpy()}
        if state:
            self._scaler.load_state_dict(state)


class EMA:
    """The average of a model's state, BatchNorm statistics included; none where not ``wanted``.
    As PaddleSeg's, after step t: d * average + (1 - d) * weights, d = min(decay, 1 - 1 / (t + 1)).
    """

    def __init__(self, model: Any, decay: float = 0.999, wanted: bool = True) -> None:
        self.decay = decay
        state = model.state_dict() if wanted else {}
        self.tables = tables_of(state)  # which have no average
        self.average = {name: value.clone() for name, value in state.items()}

    @paddle.no_grad()
    def update(self, model: Any, step: int) -> None:
        """Take in the weights after step ``step`` (1, 2, ...)."""
        if not self.average:
            return
        decay = min(self.decay, 1 - 1 / (step + 1))
        for name, value in model.state_dict().items():
            if name in self.tables:
                continue
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
            state = fit_state(read_pickle(path), shapes, str(path), self.tables)
            self.average = {name: paddle.to_tensor(value) for name, value in state.items()}


def _set_weights(model: Any, weights: Dict[str, Any]) -> None:
    """Set a model's weights, in the dtype that each of its tensors has (half, at O2)."""
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    model.set_state_dict({name: value.astype(own[name].dtype) for name, value in weights.items()})


class Frozen:
    """Layers of a model, by name (``stage1``, ``stage1.rebnconvin``), that do not learn:
    their parameters get no gradient, and their BatchNorms use and keep the statistics they have.
    """

    def __init__(self, model: Any, names: Iterable[str]) -> None:
        layers = dict(model.named_sublayers())
        self.model, self.names = model, list(names)
        for name in self.names:
            if name not in layers:
                raise ConfigError(
                    f"trainer.freeze: the model has no layer {name!r}; {nearest(name, layers)}"
                )
            for parameter in layers[name].parameters():
                parameter.stop_gradient = True
        # BatchNorm's statistics are parameters without a gradient
        left = sum(item.size for item in model.parameters() if not item.stop_gradient)
        if self.names and not left:
            raise ConfigError("trainer.freeze: these are all layers; nothing is left to train")
        if self.names:
            logger.info(f"Frozen: {', '.join(self.names)}; {int(left)} parameters learn")

    def hold(self) -> None:
        """To be called after ``model.train()``: frozen layers stay as in evaluation."""
        for name in self.names:
            # by name: a BatchNorm may have been replaced by one that talks to other processes
            reduce(getattr, name.split("."), self.model).eval()
