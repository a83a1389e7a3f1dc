"""fp32, or half precision: where numbers are cast and whether the loss is scaled."""

from __future__ import annotations

import contextlib
from typing import Any, ContextManager, Dict, Tuple

import paddle


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
        return paddle.amp.decorate(
            models=model,
            optimizers=optimizer,
            level="O2",
            dtype=self._dtype,
            save_dtype="float32",
        )

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
        return {name: _number(value) for name, value in self._scaler.state_dict().items()}

    def load_state(self, state: Dict[str, Any]) -> None:
        """Continue from ``state``."""
        if state:
            scale = state.get("scale")
            self._scaler.load_state_dict(
                {**state, "scale": paddle.to_tensor([scale]).numpy()} if scale else state
            )


def _number(value: Any) -> Any:
    return float(value.item()) if hasattr(value, "item") else value
