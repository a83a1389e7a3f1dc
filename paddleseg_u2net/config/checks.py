"""The second and third stage of checking a configuration: the components that it names, each by
itself; then how they agree.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, Dict, List, Mapping

import paddle
from paddleseg.cvlibs import manager

from paddleseg_u2net.config.losses import checks as losses
from paddleseg_u2net.config.networks import check_model
from paddleseg_u2net.config.reading import Tree
from paddleseg_u2net.config.schema import check_component, note
from paddleseg_u2net.config.settings import is_number
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.datasets.pair_dataset import check_arguments as check_values
from paddleseg_u2net.metrics import DEFAULT, SCORES, chosen
from paddleseg_u2net.registry import custom

_CLIPS = ("ClipGradByGlobalNorm", "ClipGradByNorm", "ClipGradByValue")


def dataset_classes() -> Dict[str, Any]:
    """Classes of data sets by name: PairDataset and the plugins' that are derived from it."""
    return {"PairDataset": PairDataset, **_derived(custom(manager.DATASETS), PairDataset)}


def _derived(components: Mapping[str, Any], base: type) -> Dict[str, Any]:
    return {n: c for n, c in components.items() if inspect.isclass(c) and issubclass(c, base)}


def optimizer_settings(block: Tree) -> Tree:
    """The ``optimizer`` block as PaddleSeg 2.8.0's builder reads it: ``adam`` and ``sgd`` are
    ``Adam`` and ``SGD``, and ``SGD`` with a ``momentum`` is ``Momentum``. Whole numbers count, too.
    """
    settings = dict(block)
    settings["type"] = {"adam": "Adam", "sgd": "SGD"}.get(str(block.get("type")), block.get("type"))
    if settings["type"] == "SGD" and "momentum" in settings:
        settings["type"] = "Momentum"
    if settings.get("weight_decay") is not None:
        settings["weight_decay"] = float(settings["weight_decay"])  # PaddleSeg takes no integer
    return settings


def check_components(tree: Tree, faults: List[str], training: bool) -> None:
    """Check all that is made of components, as far as it needs no other section."""
    check_model(tree["model"], faults)
    if "loss" in tree:
        losses.check_loss(tree["loss"], faults, training)
    if "optimizer" in tree:
        _check_optimizer(optimizer_settings(tree["optimizer"]), faults)
    if "lr_scheduler" in tree:
        _check_schedule(tree["lr_scheduler"], faults)
    known = dataset_classes()
    says = (
        "expected PairDataset, which reads images with masks from folders or lists, a plugin's "
        "class derived from it, or one of PaddleSeg's classes, got {!r}"
    )
    for key in ("train_dataset", "val_dataset"):
        if key in tree:
            check_component(key, tree[key], known, faults, says)
    _check_transforms(tree.get("train_dataset", {}).get("transforms") or [], faults)
    if tree.get("val_dataset", {}).get("transforms"):
        faults.append(
            "val_dataset.transforms: validation sees images as prediction does; set "
            "preprocess.size, mean and std instead and delete this key"
        )


def _check_optimizer(settings: Tree, faults: List[str]) -> None:
    # AdamWDL and its like have a rate for each layer of a transformer.
    every = manager.OPTIMIZERS.components_dict.items()
    known = {name: kind for name, kind in every if not name.startswith("AdamWDL")}
    check_component("optimizer", settings, known, faults)
    clip, where = settings.get("grad_clip_cfg"), "optimizer.grad_clip_cfg"
    if clip is not None:
        clips = {name: getattr(paddle.nn, name) for name in _CLIPS}
        check_component(where, clip, clips, faults, "expected a kind of clipping, got {!r}", "name")
        for key in {"clip_norm", "max"} & set(clip):
            if not is_number(clip[key]) or clip[key] <= 0:
                faults.append(f"{where}.{key}: expected a number above 0, got {clip[key]!r}")


def _check_schedule(block: Tree, faults: List[str]) -> None:
    known = _derived(vars(paddle.optimizer.lr), paddle.optimizer.lr.LRScheduler)
    kind = block.get("type")
    # NoamDecay has its own warmup_steps; decay_steps of PolynomialDecay are the run's.
    arguments = inspect.signature(known[kind]).parameters if kind in known else {}
    warm_up = [key for key in block if key.startswith("warmup_") and key not in arguments]
    own = {key: value for key, value in block.items() if key not in warm_up}
    if kind == "PolynomialDecay":
        own.setdefault("decay_steps", 1)
    check_component("lr_scheduler", own, known, faults)
    if warm_up and (kind == "ReduceOnPlateau" or "learning_rate" not in arguments):
        faults.append(f"lr_scheduler.warmup_iters: {kind} has none; delete it")
    for key in ("learning_rate", *warm_up):
        if not is_number(block.get(key, 0)):
            faults.append(f"lr_scheduler.{key}: expected a number, got {block[key]!r}")


def _check_transforms(transforms: Any, faults: List[str]) -> None:
    where = "train_dataset.transforms"
    if not isinstance(transforms, list):
        faults.append(f"{where}: expected a list, got {transforms!r}")
        return
    for number, item in enumerate(transforms):
        if isinstance(item, Mapping) and item.get("type") in ("Normalize", "Compose"):
            faults.append(f"{where}.{number}: {item['type']} is done by preprocess; delete it here")
        else:
            check_component(f"{where}.{number}", item, manager.TRANSFORMS.components_dict, faults)


def check_agreement(config: Any, tree: Tree, faults: List[str], training: bool) -> None:
    """Check a ``Config`` of ``tree``, whose sections are right by themselves."""
    if "loss" in tree:
        losses.check_weights(tree["loss"]["types"], config.num_classes, faults)
    if "loss" in tree and config.is_u2net:
        losses.check_heads(tree["loss"], len(config.stages.encoder) + 1, faults)
        soft = tree.get("train_dataset", {}).get("mask_values") == "soft"
        losses.check_classes(tree["loss"]["types"], config.num_classes, soft, faults)
    best = config.trainer.best_metric
    for key, names in (("trainer.best_metric", [best]), ("metrics", tree.get("metrics"))):
        note(f"{key}: ", partial(chosen, names or DEFAULT, config.num_classes), faults)
    for key, names in (("trainer.best_metric", [best]), ("metrics", tree.get("metrics") or [])):
        for score in chosen(names, config.num_classes) if names and not faults else ():
            if score.metric.follows_frames:
                faults.append(
                    f"{key}: {score.key} compares the frames of videos in their order, which a "
                    "data set does not have; score saved maps with tools/eval_maps.py"
                )
    if best not in SCORES and not faults:
        faults.append(
            f"trainer.best_metric: {best} stands for several scores; take one of "
            + ", ".join(SCORES)
        )
    if "mask_above" in tree.get("conventions", {}):
        faults.append(
            "conventions.mask_above: what a mask's values mean is said by the data set; delete it "
            "here"
        )
    else:
        note("conventions.", config.conventions, faults)
    for part in ("train", "val"):
        if f"{part}_dataset" in tree:
            _check_dataset(part, config, tree, faults)
    # Without training nothing is transformed, and models of older runs shall open.
    transforms = tree["train_dataset"].get("transforms") if training else None
    for number, item in enumerate(transforms or []):
        _check_transform(f"train_dataset.transforms.{number}", item, config, faults)
        note("", partial(config.transform, number, item), faults)


def _check_dataset(part: str, config: Any, tree: Tree, faults: List[str]) -> None:
    key, before, shared = f"{part}_dataset", len(faults), config.shared_settings()
    arguments = {name: value for name, value in tree[key].items() if name != "type"}
    for name, value in shared.items():
        if arguments.get(name, value) != value:
            repair = "delete it here or make them agree"
            if name == "num_classes" and name not in tree["model"]:
                repair = f"add model.num_classes: {arguments[name]}; without it there is one"
            faults.append(
                f"{key}.{name}: model and loss say {value}, this says {arguments[name]}; {repair}"
            )
    if len(faults) == before:
        note(f"{key}.", lambda: check_values(**{"mode": part, **shared, **arguments}), faults)


def _check_transform(where: str, item: Tree, config: Any, faults: List[str]) -> None:
    if item["type"] == "RandomDistort" and config.in_channels != 3:
        faults.append(
            f"{where}: RandomDistort is for RGB, model.in_channels is {config.in_channels}; delete "
            "it here"
        )
    ignored = config.ignore_index
    labels = [*range(max(config.num_classes, 2)), ignored]
    padding = item.get("label_padding_value", ignored)
    if padding not in labels:
        faults.append(
            f"{where}.label_padding_value: expected a class, 0 to {labels[-2]}, or the loss's "
            f"ignore_index, {ignored}, got {padding!r}; delete it: the default is that ignore_index"
        )
    if item.get("ignore_index", ignored) != ignored:
        faults.append(
            f"{where}.ignore_index: the loss says {ignored}, this says {item['ignore_index']!r}; "
            "delete it here"
        )
