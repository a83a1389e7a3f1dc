"""What predicting needs of a configuration: the network, the preprocessing, the averaging.

It is read without Paddle, so that a light install uses what a full one trained or converted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, List, Optional, Tuple, Union

from paddleseg_u2net.architecture import ALIASES, TABLES, Architecture, StageTable
from paddleseg_u2net.config.paddleseg import settings_tree
from paddleseg_u2net.config.reading import ConfigError, Tree, as_tree, dump
from paddleseg_u2net.config.schema import check_keys, nearest, note, refuse
from paddleseg_u2net.config.settings import (
    InferenceSettings,
    ModelSettings,
    PreprocessSettings,
    read,
    rules_of,
)
from paddleseg_u2net.inference import Augment, Preprocess, Window

_NETWORKS = {**TABLES, **{alias: TABLES[name] for alias, name in ALIASES.items()}}


class PredictionConfig:
    """The sections ``model``, ``preprocess`` and ``test_config`` of a configuration.

    Attributes:
        num_classes, in_channels: output and input channels of the model.
        test: ``test_config``.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._model = read(ModelSettings, tree.get("model"))
        self.num_classes, self.in_channels = self._model.num_classes, self._model.in_channels
        self.test = read(InferenceSettings, tree.get("test_config"))

    @property
    def stages(self) -> StageTable:
        """The model's stages."""
        own = self._model.stages
        return StageTable.parse(own) if own else _NETWORKS[self._model.type]

    def architecture(self) -> Architecture:
        """The network."""
        return Architecture.of(self.stages, self.num_classes, self.in_channels)

    def preprocess(self) -> Preprocess:
        """What the network sees of an image."""
        said = read(PreprocessSettings, self._tree.get("preprocess"))
        return Preprocess(
            said.size, said.mean, said.std, self.in_channels, said.type, said.fit, said.restore
        )

    def augment(self) -> Optional[Augment]:
        """Test-time augmentation, if ``test_config.aug_eval`` is set."""
        test = self.test
        if not test.aug_eval:
            return None
        scales = test.scales if isinstance(test.scales, (list, tuple)) else [test.scales]
        return Augment(tuple(map(float, scales)), test.flip_horizontal, test.flip_vertical)

    def window(self) -> Optional[Window]:
        """Sliding windows, if ``test_config.is_slide`` is set."""
        if not self.test.is_slide:
            return None
        size, stride = self.test.crop_size, self.test.stride
        if not size or not stride:
            key = "stride" if size else "crop_size"
            raise ConfigError(f"test_config.{key}: is_slide needs it, two numbers, e.g. 256 256")
        return Window((size[0], size[1]), (stride[0], stride[1]))

    def to_predict(self) -> str:
        """The part that prediction needs, as YAML: the model and the preprocessing."""
        model = without_pretrained(self._tree["model"])
        return dump({"model": model, "preprocess": self._tree.get("preprocess", {})})

    def _check_inference(self, faults: List[str]) -> None:
        """Check ``preprocess``, against the model too, and ``test_config``."""
        for check in (self._check_preprocess, self.augment, self.window):
            note("", check, faults)

    def _check_preprocess(self) -> None:
        preprocess = self.preprocess()
        if preprocess.preset.normalises and self.num_classes > 1:
            raise ConfigError(
                f"preprocess.type: {preprocess.type} stretches the map of one class to [0, 1]; "
                f"with {self.num_classes} classes take paddleseg"
            )


def without_pretrained(model: Tree) -> Tree:
    """A ``model`` block without the weights that it was trained from, inner ones neither."""
    kept = {key: value for key, value in model.items() if key not in ("pretrained", "new_heads")}
    return {k: without_pretrained(v) if isinstance(v, dict) else v for k, v in kept.items()}


def read_prediction_config(
    source: Union[str, Path, Tree], opts: Iterable[str] = ()
) -> Optional[PredictionConfig]:
    """The configuration of one of this project's networks, without Paddle.

    Args:
        source: a YAML file, or a dictionary of its form. opts: ``key=value`` items that override.

    Returns:
        None where ``model`` is of classes that only PaddleSeg's managers can find.

    Raises:
        ConfigError: something in the sections that predicting needs is wrong.
    """
    kind, is_ours = _network(as_tree(source, opts or ()))
    if kind and not is_ours:
        return None
    tree = settings_tree(source, opts or ())
    faults: List[str] = []
    where = "configuration" if isinstance(source, dict) else source
    check_keys(tree, faults, training=False)
    if not kind:
        faults.append(f"model.type: expected a network's name; {nearest('', _NETWORKS)}")
    known = rules_of(ModelSettings)
    for key in tree["model"] if kind else ():
        if key not in known:
            faults.append(f"model.{key}: there is no such key; {nearest(key, known)}")
    refuse(faults, where)
    config = PredictionConfig(tree)
    note("model.", config.architecture, faults)
    config._check_inference(faults)
    refuse(faults, where)
    return config


def _network(tree: Tree) -> Tuple[str, bool]:
    """``model.type``, empty where that is no text, and whether it is one of this project's."""
    model = tree.get("model")
    kind = model.get("type") if isinstance(model, dict) else None
    is_ours = kind in _NETWORKS and "backbone" not in (model or {})
    return (kind, is_ours) if isinstance(kind, str) else ("", False)
