"""Layers that training leaves as they are."""

from __future__ import annotations

from functools import reduce
from typing import Any, Iterable

from paddleseg_u2net.config import ConfigError
from paddleseg_u2net.config.schema import nearest
from paddleseg_u2net.log import logger


class Frozen:
    """Layers of a model, by name (``stage1``, ``stage1.rebnconvin``), that do not learn:
    their parameters get no gradient, and their BatchNorms use and keep the statistics they have.
    """

    def __init__(self, model: Any, names: Iterable[str]) -> None:
        layers = dict(model.named_sublayers())
        self.model, self.names = model, list(names)
        names = self.names
        for name in names:
            if name not in layers:
                raise ConfigError(
                    f"trainer.freeze: the model has no layer {name!r}; {nearest(name, layers)}"
                )
            for parameter in layers[name].parameters():
                parameter.stop_gradient = True
        left = sum(parameter.size for parameter in model.parameters() if learns(parameter))
        if names and not left:
            raise ConfigError("trainer.freeze: these are all layers; nothing is left to train")
        if names:
            logger.info(f"Frozen: {', '.join(names)}; {int(left)} parameters learn")

    def hold(self) -> None:
        """To be called after ``model.train()``: frozen layers stay as in evaluation."""
        for name in self.names:
            # by name: a BatchNorm may have been replaced by one that talks to other processes
            reduce(getattr, name.split("."), self.model).eval()


def learns(parameter: Any) -> bool:
    """Whether a parameter gets a gradient; BatchNorm's statistics are parameters that do not."""
    return not parameter.stop_gradient
