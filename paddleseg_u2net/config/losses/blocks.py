"""The losses of a configuration: what they are called, and what `build` takes for them."""

from __future__ import annotations

import inspect
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from paddleseg.cvlibs import manager

from paddleseg_u2net.config.reading import Tree
from paddleseg_u2net.log import logger
from paddleseg_u2net.losses import MENDED
from paddleseg_u2net.losses.kinds import in_yaml


def known_losses() -> Dict[str, Any]:
    """Losses by their names in YAML; PaddleSeg's names stand for what is mended."""
    return {**manager.LOSSES.components_dict, **MENDED}


def each_loss(types: Any, where: str = "loss.types") -> Iterator[Tuple[str, Tree]]:
    """Each entry of ``types`` that is a dictionary, and those that it is made of, with its key."""
    for number, block in enumerate(types if isinstance(types, (list, tuple)) else ()):
        if isinstance(block, dict):
            yield f"{where}.{number}", block
            yield from each_loss(block.get("losses"), f"{where}.{number}.losses")


def ignore_index_of(types: Any) -> Optional[int]:
    """What the losses say is ignored; None if they do not."""
    said = [block["ignore_index"] for _, block in each_loss(types) if "ignore_index" in block]
    return said[0] if said else None


def name_in_yaml(block: Mapping[str, Any]) -> str:
    """PaddleSeg's name of a loss."""
    return in_yaml(str(block["type"]))


def loss_arguments(block: Mapping[str, Any], ignore_index: int) -> Tree:
    """A loss as `build` takes it: with what is ignored, and the name of what is mended."""
    kind = known_losses()[block["type"]]
    arguments = {**block, "type": kind.__name__ if block["type"] in MENDED else block["type"]}
    if "ignore_index" in inspect.signature(kind).parameters:
        arguments["ignore_index"] = ignore_index
    if isinstance(block.get("losses"), list):
        arguments["losses"] = [loss_arguments(part, ignore_index) for part in block["losses"]]
    return arguments


def tell_mended(types: Any) -> None:
    """Log once which of PaddleSeg's losses this project's own stand for."""
    names = [block["type"] for _, block in each_loss(types) if block["type"] in MENDED]
    if names:
        own = ", ".join(MENDED[name].__name__ for name in dict.fromkeys(names))
        logger.info(
            f"loss: {own} of this project, for PaddleSeg's; what differs: docs/paddleseg.md, Losses"
        )
