"""Checks of a configuration's components: model, loss, metrics, data sets, and how they agree."""

from __future__ import annotations

import inspect
from typing import Any, Mapping

from paddleseg.cvlibs import manager

from paddleseg_u2net.architecture import StageTable
from paddleseg_u2net.config.component import dataset_classes
from paddleseg_u2net.config.reading import Tree
from paddleseg_u2net.config.schema import Faults, check_arguments, check_component, nearest
from paddleseg_u2net.config.settings import is_number
from paddleseg_u2net.config.steps import check_optimizer, check_schedule
from paddleseg_u2net.config.transforms import check_transforms
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.datasets.pair_dataset import check_arguments as check_values
from paddleseg_u2net.metrics import DEFAULT, SCORES, chosen
from paddleseg_u2net.models import U2Net
from paddleseg_u2net.registry import custom


def check_model_and_loss(tree: Tree, faults: Faults, training: bool) -> None:
    """Check what the other sections have to agree with."""
    if "model" in tree:
        _check_model(tree["model"], faults)
    if "types" in tree.get("loss", {}):
        _check_loss(tree["loss"], faults, training)


def check_components(config: Any, tree: Tree, faults: Faults, training: bool) -> None:
    """Check all that is made of components, against the model and the loss too.

    Args:
        config, tree: a ``Config`` of what is not wrong so far, and what was written.
        training: whether it has to be fit for training.
    """
    _check_heads(config, tree, faults)
    _check_metrics(config, tree, faults)
    if "optimizer" in tree:
        check_optimizer(tree["optimizer"], faults, training)
    if "lr_scheduler" in tree:
        check_schedule(tree["lr_scheduler"], config.iters, faults, training)
    for part in ("train", "val"):
        if f"{part}_dataset" in tree:
            _check_dataset(part, config, tree, faults, training)


def _check_model(model: Tree, faults: Faults) -> None:
    known = {
        name: item
        for name, item in manager.MODELS.components_dict.items()
        if inspect.isclass(item) and issubclass(item, U2Net)
    }
    known.update(custom(manager.MODELS))
    check_component("model", model, known, faults, "there is no {!r} here")
    if model.get("stages") and not faults.under("model.type"):
        with faults.caught(section="model"):
            StageTable.parse(model["stages"])


def _check_loss(loss: Tree, faults: Faults, training: bool) -> None:
    types, first = loss["types"], loss["types"][0]
    kind = first.get("type") if isinstance(first, Mapping) else None
    known = ["DeepSupervisionLoss", *custom(manager.LOSSES)]
    if kind not in known or any(item != first for item in types):
        faults.add(
            "loss.types",
            "expected one entry {type: DeepSupervisionLoss} for all heads (its keys iou and ssim "
            f"add terms, coef weights the heads), or a plugin's loss, got {types!r}; "
            + nearest(str(kind), known),
        )
        return
    check_component("loss.types.0", first, manager.LOSSES.components_dict, faults)
    where, ignored = "loss.types.0.ignore_index", first.get("ignore_index", 255)
    wrong = type(ignored) is not int or not 0 <= ignored <= 255
    if training and wrong and not faults.under(where):
        faults.add(
            where,
            f"expected a whole number from 0 to 255, which masks can hold, got {ignored!r}",
        )
    if "weights" in first and len(loss.get("coef", [1])) > 1:
        faults.add("loss.coef", "heads are weighted by types.0.weights already; keep one")


def _check_heads(config: Any, tree: Tree, faults: Faults) -> None:
    if faults.under("model", "loss") or "loss" not in tree or not config.is_u2net:
        return
    loss, heads = tree["loss"], len(config.stages.encoder) + 1
    coef = loss.get("coef", [1])
    for key, weights in (
        ("coef", None if coef == [1] else coef),  # PaddleSeg's way to say: all alike
        ("types.0.weights", loss["types"][0].get("weights")),
    ):
        numbers = isinstance(weights, (list, tuple)) and all(map(is_number, weights))
        if weights is not None and not (numbers and len(weights) == heads):
            faults.add(
                f"loss.{key}",
                f"expected {heads} numbers, one for each head of the model, the fused map "
                f"first, got {weights!r}",
            )


def _check_metrics(config: Any, tree: Tree, faults: Faults) -> None:
    best = config.trainer.best_metric
    named = {"trainer.best_metric": [best], "metrics": tree.get("metrics") or DEFAULT}
    for where, names in named.items():
        if not faults.under("model.num_classes"):
            with faults.caught(where):
                chosen(names, config.num_classes)
    if best not in SCORES and not faults.under("trainer.best_metric"):
        faults.add(
            "trainer.best_metric",
            f"{best} stands for several scores; take one of {', '.join(SCORES)}",
        )
    if "mask_above" in tree.get("conventions", {}):
        faults.add(
            "conventions.mask_above",
            "what a mask's values mean is said by the data set; delete it here",
        )
        return
    with faults.caught(section="conventions"):
        config.conventions()


def _check_dataset(part: str, config: Any, tree: Tree, faults: Faults, training: bool) -> None:
    key = f"{part}_dataset"
    arguments = {name: value for name, value in tree[key].items() if name != "type"}
    kind, known = tree[key].get("type"), dataset_classes()
    if not isinstance(kind, str) or kind not in known:
        faults.add(
            f"{key}.type",
            "expected PairDataset, which reads images with masks from folders or lists, or a "
            f"plugin's class derived from it, got {kind!r}; {nearest(str(kind), known)}",
        )
    check_arguments(key, known.get(str(kind), PairDataset), arguments, faults)
    origins = ("model.num_classes", "model.in_channels", "loss")
    for (name, value), origin in zip(config.shared_settings().items(), origins):
        if arguments.get(name, value) != value and not faults.under(origin):
            repair = "delete it here or make them agree"
            if name == "num_classes" and name not in tree.get("model", {}):
                repair = f"add model.num_classes: {arguments[name]}; without it there is one"
            faults.add(
                f"{key}.{name}",
                f"model and loss say {value}, this says {arguments[name]}; {repair}",
            )
    if not faults.under(key, *origins):
        with faults.caught(section=key):
            check_values(**{"mode": part, **config.shared_settings(), **arguments})
    transforms: Any = arguments.get("transforms") or []
    if part == "train":
        check_transforms(transforms, config, faults, training)
    elif transforms:
        faults.add(
            f"{key}.transforms",
            "validation sees pictures as prediction does; set preprocess.size, mean and std "
            "instead and delete this key",
        )
