"""The section `loss`: checked, and made into what `build` takes."""

from __future__ import annotations

import inspect
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from paddleseg.cvlibs import manager

from paddleseg_u2net.config.reading import Tree
from paddleseg_u2net.config.schema import check_component
from paddleseg_u2net.config.settings import is_number
from paddleseg_u2net.log import logger
from paddleseg_u2net.losses import KINDS, MENDED
from paddleseg_u2net.losses.kinds import FORMS

_NONE_HERE = ("teacher", "queries")


def _known() -> Dict[str, Any]:
    """Losses by their names in YAML; PaddleSeg's names stand for what is mended."""
    return {**manager.LOSSES.components_dict, **MENDED}


def each_loss(types: Any, where: str = "loss.types") -> Iterator[Tuple[str, Mapping[str, Any]]]:
    """Each entry of ``types`` that is a dictionary, and those that it is made of, with its key."""
    for number, block in enumerate(types if isinstance(types, (list, tuple)) else ()):
        if isinstance(block, Mapping):
            yield f"{where}.{number}", block
            yield from each_loss(block.get("losses"), f"{where}.{number}.losses")


def ignore_index_of(types: Any) -> Optional[int]:
    """What the losses say is ignored; None if they do not."""
    said = [block["ignore_index"] for _, block in each_loss(types) if "ignore_index" in block]
    return said[0] if said else None


def check_loss(loss: Tree, faults: List[str], training: bool) -> None:
    """Check the section by itself."""
    known, types, ignored = _known(), loss["types"], ignore_index_of(loss["types"])
    for number, block in enumerate(types):
        if not isinstance(block, Mapping):
            check_component(f"loss.types.{number}", block, known, faults)
    for where, block in each_loss(types):
        before = len(faults)
        check_component(where, block, known, faults, "there is no loss {!r}")
        if len(faults) == before:
            _check_block(where, block, ignored, faults, training)
    coef = _coefficients(loss)
    if len({len(types), len(coef), 1}) > 2:
        faults.append(
            f"loss.coef: expected one number for all heads or {len(types)}, as many as loss.types "
            f"has entries, got {len(coef)}; make loss.types one entry for all heads, or one each"
        )
    if isinstance(types[0], Mapping) and "weights" in types[0] and len(coef) > 1:
        faults.append("loss.coef: heads are weighted by types.0.weights already; keep one")


def _coefficients(loss: Tree) -> Sequence[float]:
    coef = loss.get("coef", 1)
    return [coef] if is_number(coef) else coef


def _check_block(
    where: str, block: Mapping[str, Any], ignored: Any, faults: List[str], training: bool
) -> None:
    own = block.get("ignore_index", 255)
    if training and (type(own) is not int or not 0 <= own <= 255):
        faults.append(
            f"{where}.ignore_index: expected a whole number from 0 to 255, which masks can hold, "
            f"got {own!r}"
        )
    elif "ignore_index" in block and own != ignored:
        faults.append(
            f"{where}.ignore_index: another loss says {ignored}, this says {own}; make them agree"
        )
    if block["type"] in ("MixedLoss", "MendedMixedLoss"):
        parts, coef = block["losses"], block["coef"]
        if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
            faults.append(f"{where}.losses: expected a list of dictionaries, got {parts!r}")
        elif not isinstance(coef, list) or not all(map(is_number, coef)):
            faults.append(f"{where}.coef: expected a list of numbers, got {coef!r}")
        elif len(coef) != len(parts) or not parts:
            faults.append(
                f"{where}.coef: expected {len(parts)} numbers, one for each of its losses, got "
                f"{len(coef)}"
            )
    kind = KINDS.get(str(block["type"]).replace("Mended", ""))
    if kind is not None and kind.form in _NONE_HERE:
        faults.append(f"{where}.type: {block['type']} is of {FORMS[kind.form]}; take another loss")


def check_heads(loss: Tree, heads: int, faults: List[str]) -> None:
    """Check that there are as many losses and weights as a model has heads, or one for all."""
    types = loss["types"]
    if len(types) not in (1, heads):
        faults.append(
            f"loss.types: expected 1 loss for all heads of the model or {heads}, one for each, the "
            f"fused map first, got {len(types)}"
        )
    for key, weights in (
        ("coef", _coefficients(loss)),
        ("types.0.weights", types[0].get("weights")),
    ):
        numbers = isinstance(weights, (list, tuple)) and all(map(is_number, weights))
        alike = is_number(weights) or (key == "coef" and len(weights) == 1)
        if weights is not None and not alike and not (numbers and len(weights) == heads):
            got = weights if key != "coef" or len(weights) < 20 else len(weights)
            faults.append(
                f"loss.{key}: expected {heads} numbers, one for each head of the model, the fused "
                f"map first, or one for all, got {got!r}"
            )


def check_classes(types: Any, num_classes: int, soft: bool, faults: List[str]) -> None:
    """Check that losses take the heads of a U²-Net of so many classes and its masks."""
    for where, block in each_loss(types):
        kind = KINDS.get(str(block["type"]).replace("Mended", ""))
        if kind is None:
            continue
        if kind.form != "map":
            faults.append(
                f"{where}.type: {block['type']} is of {FORMS[kind.form]}; a U²-Net gives logits of "
                "each pixel"
            )
        elif why := kind.refuses(num_classes):
            faults.append(
                f"{where}.type: {block['type']}: {why}, and model.num_classes is {num_classes}; "
                + _instead(num_classes)
            )
        elif soft and not kind.soft:
            faults.append(
                f"{where}.type: {block['type']} takes classes, and train_dataset.mask_values is "
                "soft; set that to binary, or take " + _instead(1)[5:]
            )


def _instead(num_classes: int) -> str:
    one = "take BCELoss, DiceLoss, FocalLoss, LovaszHingeLoss or DeepSupervisionLoss"
    return one if num_classes == 1 else "take CrossEntropyLoss, DiceLoss or LovaszSoftmaxLoss"


def loss_arguments(block: Mapping[str, Any], ignore_index: int) -> Tree:
    """A loss as `build` takes it: with what is ignored, and the name of what is mended."""
    kind = _known()[block["type"]]
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
