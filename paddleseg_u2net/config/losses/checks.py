"""What is wrong in the section `loss`."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from paddleseg_u2net.config.losses.blocks import (
    each_loss,
    ignore_index_of,
    known_losses,
    name_in_yaml,
)
from paddleseg_u2net.config.reading import Tree
from paddleseg_u2net.config.schema import check_component
from paddleseg_u2net.config.settings import is_number
from paddleseg_u2net.losses import KINDS
from paddleseg_u2net.losses.kinds import FORMS

_NONE_HERE = ("teacher", "queries")
# Words that stand for weights, and the losses that know them.
_BALANCED = ("CrossEntropyLoss", "BootstrappedCrossEntropyLoss", "PointCrossEntropyLoss", "BCELoss")
_WORDS: Dict[str, Dict[str, Sequence[str]]] = {
    "weight": {"auto": _BALANCED, "dynamic": ("BCELoss",)},
    "pos_weight": {"auto": ("BCELoss",), "dynamic": ("BCELoss",)},
}


def check_loss(loss: Tree, faults: List[str], training: bool) -> None:
    """Check the section by itself."""
    known, types, ignored = known_losses(), loss["types"], ignore_index_of(loss["types"])
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
    if isinstance(types[0], Mapping) and "weights" in types[0] and list(coef) != [1]:
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
    for key in ("weight", "pos_weight"):
        _check_weight(where, block, key, faults)
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
    kind = KINDS.get(name_in_yaml(block))
    if kind is not None and kind.form in _NONE_HERE:
        faults.append(f"{where}.type: {block['type']} is of {FORMS[kind.form]}; take another loss")


def _check_weight(where: str, block: Mapping[str, Any], key: str, faults: List[str]) -> None:
    """Weights of a loss of PaddleSeg's are numbers, or words that it knows."""
    name, weight = name_in_yaml(block), block.get(key)
    if weight is None or name not in KINDS or name in ("DeepSupervisionLoss", "MixedLoss"):
        return
    words = [word for word, names in _WORDS[key].items() if name in names]
    if isinstance(weight, str) and weight in words:
        return
    alone = key == "pos_weight" and is_number(weight)
    several = isinstance(weight, (list, tuple)) and len(weight) > 0 and all(map(is_number, weight))
    if not alone and not several:
        known = ["a list of numbers, one for each class", *words]
        faults.append(f"{where}.{key}: expected {' or '.join(known)}, got {weight!r}")
    elif min(weight if several else [weight]) < 0:
        faults.append(f"{where}.{key}: expected numbers of 0 or more, got {weight!r}")


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


def check_weights(types: Any, num_classes: int, faults: List[str]) -> None:
    """Check that there are as many weights as classes; heads of edges may have other ones."""
    for where, block in each_loss(types):
        kind, weight = KINDS.get(name_in_yaml(block)), block.get("weight")
        if kind is None or not isinstance(weight, (list, tuple)) or block.get("edge_label"):
            continue
        expected = max(num_classes, 2) if name_in_yaml(block) == "BCELoss" else num_classes
        if len(weight) != expected:
            words = "one for each class" if num_classes > 1 else "of the foreground"
            if expected > num_classes:
                words = "of the background and of the foreground"
            faults.append(
                f"{where}.weight: expected {expected} numbers, {words}, got {len(weight)}: {weight}"
            )


def check_classes(types: Any, num_classes: int, soft: bool, faults: List[str]) -> None:
    """Check that losses take the heads of a U²-Net of so many classes and its masks."""
    for where, block in each_loss(types):
        kind = KINDS.get(name_in_yaml(block))
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
        elif block.get("edge_label") and not block.get("paddleseg_2_8"):
            faults.append(
                f"{where}.edge_label: it is of probabilities of edges, as GSCNN and "
                "DecoupledSegNet give, and a U²-Net gives logits; paddleseg_2_8: true takes logits"
            )
        elif soft and not kind.soft:
            faults.append(
                f"{where}.type: {block['type']} takes classes, and train_dataset.mask_values is "
                "soft; take a loss for soft masks, such as BCELoss, DiceLoss or DeepSupervisionLoss"
            )


def _instead(num_classes: int) -> str:
    one = "take BCELoss, DiceLoss, FocalLoss, LovaszHingeLoss or DeepSupervisionLoss"
    return one if num_classes == 1 else "take CrossEntropyLoss, DiceLoss or LovaszSoftmaxLoss"
