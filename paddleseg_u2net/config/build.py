"""Checked settings to objects, through PaddleSeg's managers and builder."""

from __future__ import annotations

import contextlib
import inspect
import io
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Union

from paddleseg.cvlibs import SegBuilder, manager

from paddleseg_u2net import components  # noqa: F401  (registers what YAML may name)
from paddleseg_u2net.architecture import StageTable
from paddleseg_u2net.config.component import build, check_component
from paddleseg_u2net.config.prediction import PredictionConfig
from paddleseg_u2net.config.reading import Tree, as_tree, dump
from paddleseg_u2net.config.schema import (
    ConfigError,
    Faults,
    check_arguments,
    check_tree,
    is_number,
    nearest,
)
from paddleseg_u2net.config.steps import check_optimizer, check_schedule, optimizer_settings
from paddleseg_u2net.config.transforms import check_transforms, with_ignore_index
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.datasets.pair_dataset import check_arguments as check_values
from paddleseg_u2net.log import logger
from paddleseg_u2net.losses import HeadLosses
from paddleseg_u2net.metrics import (
    DEFAULT,
    SCORES,
    Conventions,
    MetricReport,
    chosen,
    make_conventions,
    resolve,
)
from paddleseg_u2net.models import U2Net
from paddleseg_u2net.plugins import PluginError, is_relative, load_plugins
from paddleseg_u2net.registry import custom

# Adam's.
_FINE_TUNING_RATE = 1e-4
_TRAINER = {
    "best_metric": "mIoU",
    "early_stop": 0,
    "accumulate": 1,
    "ema_decay": 0.999,
    "vdl_images": 4,
    "freeze": [],
}


class Config(PredictionConfig):
    """A configuration, checked as a whole when it is read: all that is wrong is one error.

    Args:
        source: a YAML file, or a dictionary of its form.
        opts: ``key=value`` items that override it.
        learning_rate, batch_size, iters: override those keys where not None.
        training: whether all that training needs has to be there, or the model only.

    Raises:
        ConfigError: something is wrong; the message names the file or key and the repair.
    """

    def __init__(
        self,
        source: Union[str, Path, Tree],
        opts: Iterable[str] = (),
        learning_rate: Optional[float] = None,
        batch_size: Optional[int] = None,
        iters: Optional[int] = None,
        training: bool = True,
    ) -> None:
        tree = as_tree(source, opts or ())
        for key, value in (("batch_size", batch_size), ("iters", iters)):
            if value is not None:
                tree[key] = value
        if learning_rate is not None and isinstance(tree.get("lr_scheduler"), dict):
            tree["lr_scheduler"]["learning_rate"] = learning_rate
        where = "configuration" if isinstance(source, dict) else source
        _load_plugins(tree.get("plugins"), where)
        self._refuse_faults(tree, training, where)
        self.tree = tree

    # -- what the configuration says ---------------------------------------------------------

    @property
    def plugins(self) -> List[str]:
        """Modules outside the package that it needs, files by absolute paths."""
        return self.tree.get("plugins", [])

    @property
    def iters(self) -> int:
        """Number of optimizer steps."""
        return self.tree["iters"]

    @property
    def batch_size(self) -> int:
        """Samples per device and forward pass."""
        return self.tree["batch_size"]

    @property
    def stages(self) -> StageTable:
        """The model's stages.

        Raises:
            ConfigError: it is a plugin's network, which is no U²-Net.
        """
        model = self.tree["model"]
        own = model.get("stages")
        if own:
            return StageTable.parse(own)
        if not self.is_u2net:
            raise ConfigError(
                f"model.type: expected a U²-Net for this, {model['type']} is another network, "
                "which trains, validates and predicts with --backend paddle only"
            )
        return manager.MODELS[model["type"]].table

    @property
    def is_u2net(self) -> bool:
        """Whether the network is a U²-Net, which all backends and formats know."""
        kind = manager.MODELS[self.tree["model"]["type"]]
        return inspect.isclass(kind) and issubclass(kind, U2Net)

    @property
    def pretrained(self) -> Optional[str]:
        """The weights that training starts from, a file or a name."""
        return self.tree["model"].get("pretrained")

    @property
    def ignore_index(self) -> int:
        """The label that counts nowhere."""
        types = self.tree.get("loss", {}).get("types", [{}])
        return types[0].get("ignore_index", 255)

    @property
    def trainer(self) -> Dict[str, Any]:
        """best_metric, early_stop, accumulate, ema_decay, vdl_images, freeze."""
        given = {**_TRAINER, **self.tree.get("trainer", {})}
        with contextlib.suppress(ValueError):  # it is refused where all is checked
            given["best_metric"] = resolve(given["best_metric"])
        return given

    @property
    def lr_scheduler_cfg(self) -> Tree:
        """Read by PaddleSeg's builder."""
        return dict(self.tree["lr_scheduler"])

    def __str__(self) -> str:
        return dump(self.tree)

    # -- objects ---------------------------------------------------------------------------

    def model(self, pretrained: bool = True) -> Any:
        """The network, a ``paddle.nn.Layer``; without ``pretrained`` its weights are random."""
        left_out = () if pretrained else ("pretrained", "new_heads")
        arguments = {k: v for k, v in self.tree["model"].items() if k not in left_out}
        if not self.is_u2net:  # it may have other defaults
            taken = inspect.signature(manager.MODELS[arguments["type"]]).parameters
            told = {"num_classes": self.num_classes, "in_channels": self.in_channels}
            arguments.update({key: value for key, value in told.items() if key in taken})
        return build(arguments)

    def criterion(self) -> HeadLosses:
        """The loss over all heads."""
        loss = self.tree["loss"]
        arguments = dict(loss["types"][0])
        weights = loss["coef"] if len(loss.get("coef", [1])) > 1 else None
        if arguments["type"] != "DeepSupervisionLoss":
            return HeadLosses(build(arguments), weights)
        return build({**arguments, **({"weights": weights} if weights else {})})

    def lr_schedule(self) -> Any:
        """The learning rate's schedule over optimizer steps."""
        return SegBuilder(self).lr_scheduler

    def too_fast(self) -> str:
        """That ``pretrained`` is to learn at a rate for random weights, which new heads are, or an
        empty text.
        """
        rate = self.lr_scheduler_cfg.get("learning_rate", 0)
        is_adam = self.tree["optimizer"]["type"].startswith("Adam")
        is_trained = self.pretrained and not self.tree["model"].get("new_heads")
        if not is_trained or not is_adam or rate <= 2 * _FINE_TUNING_RATE:
            return ""
        return (
            f"{self.pretrained}: a learning rate of {rate:g} is one for random weights, and first "
            f"undoes part of what trained ones know; take {_FINE_TUNING_RATE:g} with a warm-up, as "
            "configs/_base_/fine_tuning.yml has them (docs/weights.md)"
        )

    def optimizer(self, model: Any, learning_rate: Any) -> Any:
        """The optimizer of ``model``'s parameters.

        Raises:
            ConfigError: a group of ``optimizer.custom_cfg`` is left without parameters.
        """
        settings = optimizer_settings(self.tree["optimizer"])
        written = self.tree["optimizer"]["type"]
        if settings["type"] != written:
            logger.info(f"optimizer.type {written} is read as {settings['type']}, as in PaddleSeg")
        groups = settings.get("custom_cfg") or []
        if not groups:
            return build(settings)(model, learning_rate)
        _check_groups(groups, model)
        # PaddleSeg prints the number of every single tensor.
        with contextlib.redirect_stdout(io.StringIO()):
            return build(settings)(model, learning_rate)

    def dataset(self, part: str) -> PairDataset:
        """The data set of ``train_dataset`` or ``val_dataset``; ``part`` is "train" or "val".

        Raises:
            ConfigError: the configuration has no such section.
        """
        arguments = self.dataset_settings(part)
        if part == "train" and "transforms" not in arguments and self.preprocess().size:
            arguments["transforms"] = [
                {"type": "Resize", "target_size": list(self.preprocess().size or ())}
            ]
        transforms = with_ignore_index(arguments.get("transforms"), self.ignore_index)
        arguments["transforms"] = [build(item) for item in transforms]
        kind = arguments.pop("type")
        return _dataset_classes()[kind](**arguments)

    def dataset_settings(self, part: str) -> Tree:
        """The arguments of ``dataset(part)`` as they are written, with what model and loss add.

        Raises:
            ConfigError: as ``dataset``.
        """
        key = f"{part}_dataset"
        if key not in self.tree:
            raise ConfigError(
                f"{key}: this key is missing; it says which pairs to take. Add it, name a "
                "configuration that has it, such as --config configs/RGB/U2Net/u2netp_ecssd.yaml"
                + (", or train without --do_eval" if part == "val" else "")
            )
        arguments = {"mode": part, **self.tree[key]}
        for name, value in self._shared().items():
            arguments.setdefault(name, value)
        return arguments

    def conventions(self) -> Conventions:
        """What toolboxes disagree about, as ``conventions`` has it."""
        changes = dict(self.tree.get("conventions", {}))
        return make_conventions(changes.pop("preset", "paper"), **changes)

    def report(self, also: Iterable[str] = ()) -> MetricReport:
        """An empty report of the scores that ``metrics`` names, and of others."""
        names = [*(self.tree.get("metrics") or DEFAULT), *also]
        return MetricReport(self.num_classes, self.ignore_index, names, self.conventions())

    def test_batch_size(self) -> int:
        """Images per forward pass in validation."""
        return self.tree.get("test_config", {}).get("batch_size", 1)

    # -- checks ----------------------------------------------------------------------------

    def _shared(self) -> Dict[str, int]:
        """What a data set has to know of the model and the loss."""
        return {
            "num_classes": self.num_classes,
            "img_channels": self.in_channels,
            "ignore_index": self.ignore_index,
        }

    def _refuse_faults(self, tree: Tree, training: bool, source: Any) -> None:
        faults = Faults()
        check_tree(tree, faults, training)
        # What is right is looked at by itself: one run tells all.
        self.tree = faults.without(tree)
        self._check_components(faults, training)
        try:
            faults.refuse()
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from None

    def _check_components(self, faults: Faults, training: bool) -> None:
        if "model" in self.tree:
            _check_model(self.tree["model"], faults)
        self.tree.setdefault("model", {})
        if "loss" in self.tree:
            _check_loss(self.tree["loss"], faults, training)
        self.tree = faults.without(self.tree)
        self.tree.setdefault("model", {})
        self._check_heads(faults)
        self.check_preprocess(faults)
        for check in (self.augment, self.window):
            with faults.caught():
                check()
        self._check_metrics(faults)
        if "optimizer" in self.tree:
            check_optimizer(self.tree["optimizer"], faults, training)
        if "lr_scheduler" in self.tree:
            check_schedule(self, faults, training)
        for part in ("train", "val"):
            if f"{part}_dataset" in self.tree:
                self._check_dataset(part, faults, training)

    def _check_heads(self, faults: Faults) -> None:
        if faults.under("model", "loss") or "loss" not in self.tree:
            return
        if not self.is_u2net:
            return
        loss, heads = self.tree["loss"], len(self.stages.encoder) + 1
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

    def _check_metrics(self, faults: Faults) -> None:
        best = self.trainer["best_metric"]
        for where, names in (
            ("trainer.best_metric", [best]),
            ("metrics", self.tree.get("metrics") or DEFAULT),
        ):
            if not faults.under("model.num_classes"):
                with faults.caught(where):
                    chosen(names, self.num_classes)
        if best not in SCORES and not faults.under("trainer.best_metric"):
            faults.add(
                "trainer.best_metric",
                f"{best} stands for several scores; take one of {', '.join(SCORES)}",
            )
        if "mask_above" in self.tree.get("conventions", {}):
            faults.add(
                "conventions.mask_above",
                "what a mask's values mean is said by the data set; delete it here",
            )
            return
        with faults.caught(section="conventions"):
            self.conventions()

    def _check_dataset(self, part: str, faults: Faults, training: bool) -> None:
        key = f"{part}_dataset"
        arguments = {name: value for name, value in self.tree[key].items() if name != "type"}
        kind, known = self.tree[key].get("type"), _dataset_classes()
        if not isinstance(kind, str) or kind not in known:
            faults.add(
                f"{key}.type",
                "expected PairDataset, which reads images with masks from folders or lists, or a "
                f"plugin's class derived from it, got {kind!r}; {nearest(str(kind), known)}",
            )
        check_arguments(key, known.get(str(kind), PairDataset), arguments, faults)
        origins = ("model.num_classes", "model.in_channels", "loss")
        for (name, value), origin in zip(self._shared().items(), origins):
            if arguments.get(name, value) != value and not faults.under(origin):
                repair = "delete it here or make them agree"
                if name == "num_classes" and name not in self.tree["model"]:
                    repair = f"add model.num_classes: {arguments[name]}; without it there is one"
                faults.add(
                    f"{key}.{name}",
                    f"model and loss say {value}, this says {arguments[name]}; {repair}",
                )
        if not faults.under(key, *origins):
            with faults.caught(section=key):
                check_values(**{"mode": part, **self._shared(), **arguments})
        transforms = arguments.get("transforms") or []
        if part == "train":
            check_transforms(transforms, self, faults, training)
        elif transforms:
            faults.add(
                f"{key}.transforms",
                "validation sees pictures as prediction does; set preprocess.size, mean and std "
                "instead and delete this key",
            )


def _load_plugins(names: Any, source: Any) -> None:
    if not isinstance(names, list):  # none, or refused with the other faults
        return
    for name in names:
        if isinstance(name, str) and is_relative(name):
            raise ConfigError(
                f"{source}: plugins: a configuration beside weights names files by absolute paths "
                f"only, got {name}; if you trust it, name it with --opts plugins=[PATH]"
            )
    try:
        load_plugins(name for name in names if isinstance(name, str))
    except PluginError as error:
        raise ConfigError(f"{source}: plugins: {error}") from error


def _dataset_classes() -> Dict[str, Any]:
    """Classes of data sets by name: PairDataset and the plugins' that are derived from it."""
    found = custom(manager.DATASETS).items()
    derived = {n: c for n, c in found if inspect.isclass(c) and issubclass(c, PairDataset)}
    return {"PairDataset": PairDataset, **derived}


def _check_model(model: Tree, faults: Faults) -> None:
    known = {
        name: item
        for name, item in manager.MODELS.components_dict.items()
        if inspect.isclass(item) and issubclass(item, U2Net)
    }
    known.update(custom(manager.MODELS))
    kind = model.get("type")
    if not isinstance(kind, str) or kind not in known:
        faults.add("model.type", f"there is no {kind!r} here; {nearest(str(kind), known)}")
        return
    rest = {key: value for key, value in model.items() if key != "type"}
    check_arguments("model", known[kind], rest, faults)
    if rest.get("stages"):
        with faults.caught(section="model"):
            StageTable.parse(rest["stages"])


def _check_loss(loss: Tree, faults: Faults, training: bool) -> None:
    types, coef = loss.get("types"), loss.get("coef", [1])
    if types is None:
        return
    first = types[0]
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
    check_component("loss.types.0", first, manager.LOSSES, faults)
    where, ignored = "loss.types.0.ignore_index", first.get("ignore_index", 255)
    wrong = type(ignored) is not int or not 0 <= ignored <= 255
    if training and wrong and not faults.under(where):
        faults.add(
            where,
            f"expected a whole number from 0 to 255, which masks can hold, got {ignored!r}",
        )
    if "weights" in first and len(coef) > 1:
        faults.add("loss.coef", "heads are weighted by types.0.weights already; keep one")


def _check_groups(groups: List[Tree], model: Any) -> None:
    """Each group has parameters that learn and that no earlier group has."""
    taken: List[str] = []
    learning = [name for name, item in model.named_parameters() if not item.stop_gradient]
    every = [name for name, _ in model.named_parameters()]
    for number, group in enumerate(groups):
        own = [name for name in learning if group["name"] in name and name not in taken]
        if not own:
            why = f"part of no parameter's name, such as {every[0]}"
            if any(group["name"] in name for name in every):
                why = "part of names of frozen parameters, or of an earlier group's, only"
            raise ConfigError(f"optimizer.custom_cfg.{number}.name: {group['name']!r} is {why}")
        taken += own
        logger.info(f"{len(own)} parameters with {group['name']!r} in their names: {group}")
