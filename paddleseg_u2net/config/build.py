"""Checked settings to objects, through PaddleSeg's managers and builder."""

from __future__ import annotations

import contextlib
import inspect
import io
import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, Iterable, List, Mapping, Optional, Union

import numpy as np
from paddleseg.cvlibs import SegBuilder, manager

from paddleseg_u2net import components  # noqa: F401  (registers what YAML may name)
from paddleseg_u2net.architecture import StageTable
from paddleseg_u2net.config import checks, networks
from paddleseg_u2net.config.losses import balance, blocks
from paddleseg_u2net.config.paddleseg import settings_tree
from paddleseg_u2net.config.prediction import PredictionConfig
from paddleseg_u2net.config.reading import ConfigError, Tree, dump, flat, read_yaml
from paddleseg_u2net.config.schema import check_keys, refuse
from paddleseg_u2net.config.settings import (
    DatasetSettings,
    LossSettings,
    RunSettings,
    TrainerSettings,
    read,
)
from paddleseg_u2net.config.told import cause_of, told
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.datasets.augment import TransformError, check_transform
from paddleseg_u2net.log import logger
from paddleseg_u2net.losses import HeadLosses
from paddleseg_u2net.metrics import DEFAULT, Conventions, MetricReport, make_conventions
from paddleseg_u2net.metrics.scores import resolve
from paddleseg_u2net.plugins import PluginError, is_relative, load_plugins


class Config(PredictionConfig):
    """A configuration, checked when it is read: its keys, then its components, then how they agree.
    All that is wrong in one of these three is one error.

    Args:
        source: a YAML file, or a dictionary of its form.
        opts: ``key=value`` items that override it.
        training: whether all that training needs has to be there, or the model only.

    Attributes:
        batch_size: samples per device and forward pass.
        iters: number of optimizer steps; 0 where ``epochs`` says how long, until `count_iters`.
        epochs: how often training sees every pair; None where ``iters`` says how long.
        plugins: modules outside the package that it needs, files by absolute paths.
        pretrained: the weights that training starts from, a file or a name.
        ignore_index: the label that is ignored.
        trainer: ``trainer``.

    Raises:
        ConfigError: something is wrong; the message names the file or key and the repair.
    """

    def __init__(
        self, source: Union[str, Path, Tree], opts: Iterable[str] = (), training: bool = True
    ) -> None:
        tree = settings_tree(source, opts or ())
        where = "configuration" if isinstance(source, dict) else source
        _load_plugins(tree.get("plugins"), where)
        faults: List[str] = []
        check_keys(tree, faults, training)
        refuse(faults, where)
        checks.check_components(tree, faults, training)
        refuse(faults, where)
        super().__init__(tree)
        self.in_channels = networks.in_channels_of(self._tree["model"], self.in_channels)
        self._run, self._loss = read(RunSettings, tree), read(LossSettings, tree.get("loss"))
        self.batch_size, self.epochs = self._run.batch_size, self._run.epochs
        self.iters = self._run.iters or 0
        self.plugins, self.pretrained = self._run.plugins, self._model.pretrained
        self.ignore_index = self._ignored(tree)
        self.trainer = read(TrainerSettings, tree.get("trainer"))
        with contextlib.suppress(ValueError):  # it is refused below
            self.trainer = replace(self.trainer, best_metric=resolve(self.trainer.best_metric))
        self._check_inference(faults)
        checks.check_agreement(self, tree, faults, training)
        refuse(faults, where)

    def _ignored(self, tree: Tree) -> int:
        """What the losses say is ignored, else the training set, as PaddleSeg."""
        said = blocks.ignore_index_of(self._loss.types)
        return tree.get("train_dataset", {}).get("ignore_index", 255) if said is None else said

    def __str__(self) -> str:
        return dump(self._tree)

    def flat(self) -> Dict[str, Union[bool, int, float, str]]:
        """Its values by whole keys (``model.type``), for records of experiments."""
        return flat(self._tree)

    @property
    def is_u2net(self) -> bool:
        """Whether the network is a U²-Net, which all backends and formats know."""
        return networks.is_u2net(self._tree["model"])

    @property
    def stages(self) -> StageTable:
        """The model's stages.

        Raises:
            ConfigError: it is a plugin's network, which is no U²-Net.
        """
        if not self.is_u2net:
            raise ConfigError(
                f"model.type: expected a U²-Net for this, {self._model.type} "
                + ("on a backbone " if "backbone" in self._tree["model"] else "")
                + "is another network, which trains, validates, predicts and exports, but is not "
                "counted or converted"
            )
        if self._model.stages:
            return StageTable.parse(self._model.stages)
        return manager.MODELS[self._model.type].table

    def model(self, pretrained: bool = True) -> Any:
        """The network, a ``paddle.nn.Layer``; without ``pretrained`` its weights are random."""
        model = self._tree["model"]
        if not self.is_u2net:
            return networks.build_network(model, self.num_classes, self.in_channels, pretrained)
        left_out = () if pretrained else ("pretrained", "new_heads")
        return build({key: value for key, value in model.items() if key not in left_out})

    def u2net_weights(self) -> Dict[str, str]:
        """The weights of U²-Nets that the model starts from, by how its names of them begin."""
        return networks.u2net_weights(self._tree["model"])

    def pretrained_parts(self) -> Dict[str, str]:
        """All weights that the model starts from, by how its names of what they are for begin."""
        return networks.pretrained_parts(self._tree["model"])

    def balance(self, dataset: PairDataset, resumed: Optional[Path] = None) -> None:
        """Put numbers where losses say ``auto``: by the classes' pixels in the training set, or
        those of a checkpoint that is resumed.
        """
        if not balance.places(self._loss.types):
            return
        saved = read_yaml(resumed / "config.yaml").get("loss", {}) if resumed else {}
        types = balance.balanced(self._loss.types, dataset, saved.get("types"))
        self._tree = {**self._tree, "loss": {**self._tree["loss"], "types": types}}
        self._loss = read(LossSettings, self._tree["loss"])

    def criterion(self) -> HeadLosses:
        """The loss over all heads."""
        if balance.places(self._loss.types):
            self.balance(self.dataset("train"))
        blocks.tell_mended(self._loss.types)
        found = [blocks.loss_arguments(item, self.ignore_index) for item in self._loss.types]
        weights = self._loss.weights
        if len(found) == 1 and found[0]["type"] == "DeepSupervisionLoss":
            return build({"weights": weights, **found[0]})
        built = []
        for number, block in enumerate(found):
            with told(f"loss.types.{number}"):
                built.append(build(block))
        return HeadLosses(built if len(built) > 1 else built[0], weights)

    def count_iters(self, per_epoch: int) -> None:
        """Make ``iters`` of ``epochs``, if these are given, by the batches that an epoch has."""
        if self.epochs is None:
            return
        batches, accumulate = self.epochs * per_epoch, self.trainer.accumulate
        self.iters = max(1, batches // accumulate)
        steps = f" / {accumulate} (trainer.accumulate)" if accumulate > 1 else ""
        said = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        logger.info(f"{said} x {per_epoch} batches{steps} = {self.iters} iterations")

    def lr_schedule(self) -> Any:
        """The learning rate's schedule over optimizer steps."""
        block = dict(self._tree["lr_scheduler"])
        with told(f"lr_scheduler: {block['type']}"):
            asked = SimpleNamespace(lr_scheduler_cfg=block, iters=self.iters)
            return SegBuilder(asked).lr_scheduler

    def optimizer(self, model: Any, learning_rate: Any) -> Any:
        """The optimizer of ``model``'s parameters."""
        settings = checks.optimizer_settings(self._tree["optimizer"])
        if groups := settings.get("custom_cfg"):
            settings["custom_cfg"] = _groups(groups, model, strict=self.is_u2net)
        # With groups PaddleSeg prints the number of every single tensor.
        with contextlib.redirect_stdout(io.StringIO()), told(f"optimizer: {settings['type']}"):
            return build(settings)(model, learning_rate)

    def dataset(self, part: str) -> PairDataset:
        """The data set of ``train_dataset`` or ``val_dataset``; ``part`` is "train" or "val"."""
        arguments = self._dataset_arguments(part)
        size = self.preprocess().size
        if part == "train" and "transforms" not in arguments and size:
            arguments["transforms"] = [{"type": "Resize", "target_size": list(size)}]
        transforms = arguments.get("transforms") or []
        arguments["transforms"] = [self.transform(*item) for item in enumerate(transforms)]
        return checks.dataset_classes()[arguments.pop("type")](**arguments)

    def transform(self, number: int, item: Tree) -> Any:
        """An item of ``train_dataset.transforms``, which pads masks with what the loss ignores."""
        where = f"train_dataset.transforms.{number}"
        state = random.getstate(), str(np.random.get_state())
        with told(f"{where}: {item['type']}"):
            transform = build(_with_ignore_index(item, self.ignore_index))
        if (random.getstate(), str(np.random.get_state())) != state:
            raise ConfigError(
                f"{where}: {item['type']} draws a random number when it is made, once for all "
                "images and anew when a run is resumed; give it one value (for sizes that change "
                "from image to image take ResizeStepScaling or ResizeRangeScaling)"
            )
        try:
            check_transform(transform)
        except TransformError as error:
            raise ConfigError(f"{where}: {error}") from error
        return transform

    def dataset_settings(self, part: str) -> DatasetSettings:
        """``train_dataset`` or ``val_dataset``, with what model and loss add."""
        return read(DatasetSettings, self._dataset_arguments(part))

    def _dataset_arguments(self, part: str) -> Dict[str, Any]:
        if f"{part}_dataset" not in self._tree:
            raise ConfigError(
                f"{part}_dataset: this key is missing; it says which pairs to take. Add it, name a "
                "configuration that has it, such as --config configs/RGB/U2Net/u2netp_ecssd.yaml"
                + (", or train without --do_eval" if part == "val" else "")
            )
        return {"mode": part, **self.shared_settings(), **self._tree[f"{part}_dataset"]}

    def shared_settings(self) -> Dict[str, int]:
        """What a data set has to know of the model and the loss, by the names of its arguments."""
        return {
            "num_classes": self.num_classes,
            "img_channels": self.in_channels,
            "ignore_index": self.ignore_index,
        }

    def conventions(self) -> Conventions:
        """What toolboxes disagree about, as ``conventions`` has it."""
        changes = dict(self._tree.get("conventions", {}))
        return make_conventions(changes.pop("preset", "paper"), **changes)

    def report(self, also: Iterable[str] = ()) -> MetricReport:
        """An empty report of the scores that ``metrics`` names, and of others."""
        names = [*(self._run.metrics or DEFAULT), *also]
        return MetricReport(self.num_classes, self.ignore_index, names, self.conventions())


def build(arguments: Tree) -> Any:
    """PaddleSeg's builder, with its wrapper around errors taken off."""
    try:
        return SegBuilder(None).build_component(arguments)
    except RuntimeError as error:
        raise cause_of(error) from None


def _with_ignore_index(item: Any, ignore_index: int) -> Any:
    if isinstance(item, list):
        return [_with_ignore_index(part, ignore_index) for part in item]
    if not isinstance(item, dict):
        return item
    told = {key: _with_ignore_index(value, ignore_index) for key, value in item.items()}
    kind = manager.TRANSFORMS.components_dict.get(str(item.get("type")))
    taken = inspect.signature(kind).parameters if kind else ()
    for key in {"label_padding_value", "ignore_index"} & set(taken):
        told.setdefault(key, ignore_index)
    return told


def _load_plugins(names: Any, source: Any) -> None:
    # None, or of another kind, which is refused with the other faults.
    names = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    if relative := [name for name in names if is_relative(name)]:
        raise ConfigError(
            f"{source}: plugins: a configuration beside weights names files by absolute paths "
            f"only, got {relative[0]}; if you trust it, name it with --opts plugins=[PATH]"
        )
    try:
        load_plugins(names)
    except PluginError as error:
        raise ConfigError(f"{source}: plugins: {error}") from error


def _groups(groups: List[Mapping[str, Any]], model: Any, strict: bool) -> List[Mapping[str, Any]]:
    """The groups that have parameters which learn and which no earlier group has; of an empty one
    it is an error if ``strict``, else it is said: PaddleSeg's files have some.
    """
    left = [name for name, item in model.named_parameters() if not item.stop_gradient]
    found = []
    for number, group in enumerate(groups):
        own = [name for name in left if group["name"] in name]
        left = [name for name in left if name not in own]
        if own:
            logger.info(f"{len(own)} parameters with {group['name']!r} in their names: {group}")
            found.append(group)
            continue
        text = (
            f"optimizer.custom_cfg.{number}.name: expected a part of parameters' names that "
            f"learn and are in no earlier group, such as {left[:1]}, got {group['name']!r}"
        )
        if strict:
            raise ConfigError(text)
        logger.warning(f"{text}; this group is left out")
    return found
