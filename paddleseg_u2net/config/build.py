"""Checked settings to objects, through PaddleSeg's managers and builder."""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import logging
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Union

import paddle
from paddleseg.cvlibs import SegBuilder, manager

from paddleseg_u2net import components  # noqa: F401  (registers what YAML may name)
from paddleseg_u2net.architecture import StageTable
from paddleseg_u2net.config.prediction import PredictionConfig
from paddleseg_u2net.config.reading import Tree, apply_opts, dump, read_yaml
from paddleseg_u2net.config.schema import ConfigError, check_arguments, check_tree, nearest
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.losses import DeepSupervisionLoss
from paddleseg_u2net.metrics import (
    DEFAULT,
    SCORES,
    Conventions,
    MetricReport,
    chosen,
    make_conventions,
)
from paddleseg_u2net.models import U2Net

logger = logging.getLogger("paddleseg_u2net")

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
    """A configuration, checked as a whole when it is read.

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
        tree = copy.deepcopy(source) if isinstance(source, dict) else read_yaml(source)
        tree = apply_opts(tree, opts or ())
        for key, value in (("batch_size", batch_size), ("iters", iters)):
            if value is not None:
                tree[key] = value
        try:
            if learning_rate is not None and isinstance(tree.get("lr_scheduler"), dict):
                tree["lr_scheduler"]["learning_rate"] = learning_rate
            check_tree(tree, training)
            self.tree = tree
            self._check_components()
        except ValueError as error:
            where = "configuration" if isinstance(source, dict) else source
            raise ConfigError(f"{where}: {error}") from None

    # -- what the configuration says ---------------------------------------------------------

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
        """The model's stages."""
        model = self.tree["model"]
        own = model.get("stages")
        return StageTable.parse(own) if own else manager.MODELS[model["type"]].table

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
        return {**_TRAINER, **self.tree.get("trainer", {})}

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
        return _build({k: v for k, v in self.tree["model"].items() if k not in left_out})

    def criterion(self) -> DeepSupervisionLoss:
        """The loss over all heads."""
        loss = self.tree["loss"]
        arguments = dict(loss["types"][0])
        if len(loss.get("coef", [1])) > 1:
            arguments["weights"] = loss["coef"]
        return _build(arguments)

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
        groups = self.tree["optimizer"].get("custom_cfg") or []
        if not groups:
            return _build(self.tree["optimizer"])(model, learning_rate)
        _check_groups(groups, model)
        # PaddleSeg prints the number of every single tensor.
        with contextlib.redirect_stdout(io.StringIO()):
            return _build(self.tree["optimizer"])(model, learning_rate)

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
        return _build(arguments)

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

    def _check_components(self) -> None:
        self._check_model()
        if "optimizer" in self.tree:
            _check_component("optimizer", self.tree["optimizer"], [manager.OPTIMIZERS])
        if "loss" in self.tree:
            self._check_loss()
        if "lr_scheduler" in self.tree:
            self._check_schedule()
        self._check_preprocess()
        self.augment()
        self.window()
        self._check_metrics()
        for key in ("train_dataset", "val_dataset"):
            if key in self.tree:
                self._check_dataset(key, self.tree[key])

    def _check_model(self) -> None:
        known = {
            name: item
            for name, item in manager.MODELS.components_dict.items()
            if inspect.isclass(item) and issubclass(item, U2Net)
        }
        model = self.tree["model"]
        kind = model.get("type")
        if not isinstance(kind, str) or kind not in known:
            raise ConfigError(f"model.type: there is no {kind!r} here; {nearest(str(kind), known)}")
        rest = {key: value for key, value in model.items() if key != "type"}
        check_arguments("model", known[kind], rest)

    def _check_metrics(self) -> None:
        for where, names in (
            ("trainer.best_metric", [self.trainer["best_metric"]]),
            ("metrics", self.tree.get("metrics") or DEFAULT),
        ):
            try:
                chosen(names, self.num_classes)
            except ValueError as error:
                raise ConfigError(f"{where}: {error}") from None
        if self.trainer["best_metric"] not in SCORES:
            raise ConfigError(
                f"trainer.best_metric: {self.trainer['best_metric']} stands for several scores; "
                f"take one of {', '.join(SCORES)}"
            )
        if "mask_above" in self.tree.get("conventions", {}):
            raise ConfigError(
                "conventions.mask_above: what a mask's values mean is said by the data set; delete "
                "it here"
            )
        try:
            self.conventions()
        except (TypeError, ValueError) as error:
            raise ConfigError(f"conventions.{error}") from None

    def _check_loss(self) -> None:
        loss = self.tree["loss"]
        first, coef = loss["types"][0], loss.get("coef", [1])
        kind = first.get("type") if isinstance(first, Mapping) else None
        if kind != "DeepSupervisionLoss" or any(item != first for item in loss["types"]):
            raise ConfigError(
                "loss.types: expected one entry {type: DeepSupervisionLoss} for all heads (its "
                f"keys iou and ssim add terms, coef weights the heads), got {loss['types']!r}; "
                + nearest(str(kind), ["DeepSupervisionLoss"])
            )
        _check_component("loss.types.0", first, [manager.LOSSES])
        if "weights" in first and len(coef) > 1:
            raise ConfigError("loss.coef: heads are weighted by types.0.weights already; keep one")
        if len(coef) == 1 and coef[0] != 1:
            raise ConfigError(f"loss.coef: expected a number for each head, got {coef!r} only")

    def _check_schedule(self) -> None:
        schedule = self.lr_scheduler_cfg
        known = {
            name: item
            for name, item in vars(paddle.optimizer.lr).items()
            if inspect.isclass(item) and issubclass(item, paddle.optimizer.lr.LRScheduler)
        }
        kind = schedule.pop("type", None)
        if not isinstance(kind, str) or kind not in known:
            raise ConfigError(
                f"lr_scheduler.type: there is no {kind!r}; {nearest(str(kind), known)}"
            )
        for key in ("learning_rate", "warmup_iters", "warmup_start_lr"):
            value = schedule.get(key, 0)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigError(f"lr_scheduler.{key}: expected a number, got {value!r}")
        if "warmup_iters" in schedule and "warmup_start_lr" not in schedule:
            raise ConfigError(
                "lr_scheduler.warmup_start_lr: this key is missing; warmup_iters needs it"
            )
        schedule.pop("warmup_iters", None)
        schedule.pop("warmup_start_lr", None)
        if kind == "ReduceOnPlateau" and "warmup_iters" in self.lr_scheduler_cfg:
            raise ConfigError("lr_scheduler.warmup_iters: ReduceOnPlateau has none; delete it")
        if kind == "PolynomialDecay":
            schedule.setdefault("decay_steps", self.tree.get("iters", 1))
        check_arguments("lr_scheduler", known[kind], schedule)

    def _check_dataset(self, key: str, arguments: Tree) -> None:
        kind = arguments.get("type")
        if kind != "PairDataset":
            raise ConfigError(
                f"{key}.type: expected PairDataset, got {kind!r}; "
                + nearest(str(kind), ["PairDataset"])
            )
        _check_component(key, {"mode": "", **arguments}, [manager.DATASETS])
        for name, value in self._shared().items():
            if arguments.get(name, value) != value:
                raise ConfigError(
                    f"{key}.{name}: model and loss say {value}, this says {arguments[name]}; "
                    "delete it here or make them agree"
                )
        transforms = arguments.get("transforms") or []
        if not isinstance(transforms, list):
            raise ConfigError(f"{key}.transforms: expected a list, got {transforms!r}")
        if transforms and key == "val_dataset":
            raise ConfigError(
                "val_dataset.transforms: validation sees pictures as prediction does; set "
                "preprocess.size, mean and std instead and delete this key"
            )
        for number, item in enumerate(transforms):
            where = f"{key}.transforms.{number}"
            if isinstance(item, Mapping) and item.get("type") in ("Normalize", "Compose"):
                raise ConfigError(f"{where}: {item['type']} is done by preprocess; delete it here")
            _check_component(where, item, [manager.TRANSFORMS])


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


def _check_component(where: str, arguments: Any, managers: List[Any]) -> None:
    if not isinstance(arguments, Mapping) or "type" not in arguments:
        raise ConfigError(f"{where}: expected a dictionary with a type, got {arguments!r}")
    known = {name: item for one in managers for name, item in one.components_dict.items()}
    kind = arguments["type"]
    if not isinstance(kind, str) or kind not in known:
        raise ConfigError(f"{where}.type: there is no {kind!r}; {nearest(str(kind), known)}")
    rest = {key: value for key, value in arguments.items() if key != "type"}
    check_arguments(where, known[kind], rest)


def _build(arguments: Tree) -> Any:
    """PaddleSeg's builder, with its wrapper around errors taken off."""
    try:
        return SegBuilder(None).build_component(arguments)
    except RuntimeError as error:
        cause: BaseException = error
        while isinstance(cause, RuntimeError) and cause.__context__ is not None:
            cause = cause.__context__
        raise cause from None
