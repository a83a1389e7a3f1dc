"""What predicting needs of a configuration: the network, the preprocessing, the averaging.

It is read without Paddle, so that a light install uses what a full one trained or converted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, Optional, Union

from paddleseg_u2net.architecture import TABLES, Architecture, StageTable, build
from paddleseg_u2net.config.reading import Tree, as_tree, dump
from paddleseg_u2net.config.schema import MODEL, ConfigError, Faults, check_tree, nearest
from paddleseg_u2net.inference import Augment, Preprocess, Window

# PaddleSeg's own name of the small network stands for this project's, too.
_NETWORKS = {**TABLES, "U2Netp": TABLES["U2NetP"]}


class PredictionConfig:
    """The sections ``model``, ``preprocess`` and ``test_config`` of a configuration."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    @property
    def num_classes(self) -> int:
        """Output channels of the model."""
        return self.tree["model"].get("num_classes", 1)

    @property
    def in_channels(self) -> int:
        """Input channels of the model."""
        return self.tree["model"].get("in_channels", 3)

    @property
    def stages(self) -> StageTable:
        """The model's stages."""
        own = self.tree["model"].get("stages")
        return StageTable.parse(own) if own else _NETWORKS[self.tree["model"]["type"]]

    def architecture(self) -> Architecture:
        """The network; "U2Net" or "U2NetP" where its stages are theirs."""
        stages = self.stages
        # 7 and "7" are the same height.
        equal = [name for name, table in TABLES.items() if build(table) == build(stages)]
        kind = equal[0] if equal else "U2Net"
        stages = TABLES[kind] if equal else stages
        return Architecture(kind, stages, self.num_classes, self.in_channels)

    def preprocess(self) -> Preprocess:
        """What the network sees of a picture."""
        return Preprocess(**self.tree.get("preprocess", {}), channels=self.in_channels)

    def augment(self) -> Optional[Augment]:
        """Test-time augmentation, if ``test_config.aug_eval`` is set."""
        test = self.tree.get("test_config", {})
        if not test.get("aug_eval"):
            return None
        scales = test.get("scales", 1.0)
        return Augment(
            tuple(float(s) for s in (scales if isinstance(scales, (list, tuple)) else [scales])),
            test.get("flip_horizontal", False),
            test.get("flip_vertical", False),
        )

    def window(self) -> Optional[Window]:
        """Sliding windows, if ``test_config.is_slide`` is set."""
        test = self.tree.get("test_config", {})
        if not test.get("is_slide"):
            return None
        sizes = {}
        for key in ("crop_size", "stride"):
            if not test.get(key):
                raise ConfigError(
                    f"test_config.{key}: is_slide needs it, two numbers, e.g. 256 256"
                )
            sizes[key] = (int(test[key][0]), int(test[key][1]))
        return Window(**sizes)

    def to_predict(self) -> str:
        """The part that prediction needs, as YAML: the model and the preprocessing."""
        left_out = ("pretrained", "new_heads")
        model = {key: value for key, value in self.tree["model"].items() if key not in left_out}
        return dump({"model": model, "preprocess": self.tree.get("preprocess", {})})

    def check_preprocess(self, faults: Faults) -> None:
        """Check ``preprocess``, against the model too."""
        if faults.under("model.in_channels"):
            return
        with faults.caught():
            preprocess = self.preprocess()
            if preprocess.recipe.stretches and self.num_classes > 1:
                faults.add(
                    "preprocess.type",
                    f"{preprocess.type} stretches the map of one class to [0, 1]; "
                    f"with {self.num_classes} classes take paddleseg",
                )


def read_prediction_config(
    source: Union[str, Path, Tree], opts: Iterable[str] = ()
) -> Optional[PredictionConfig]:
    """The configuration of one of this project's networks, without Paddle.

    Args:
        source: a YAML file, or a dictionary of its form. opts: ``key=value`` items that override.

    Returns:
        None where ``model.type`` is of a class that only PaddleSeg's managers can find.

    Raises:
        ConfigError: something in the sections that predicting needs is wrong.
    """
    tree = as_tree(source, opts or ())
    kind = tree["model"].get("type") if isinstance(tree.get("model"), dict) else None
    if isinstance(kind, str) and kind not in _NETWORKS:
        return None
    faults = Faults()
    check_tree(tree, faults, training=False)
    for key in tree["model"] if kind else ():
        if key not in MODEL and key not in ("type", "stages"):
            faults.add(f"model.{key}", f"there is no such key; {nearest(key, [*MODEL, 'stages'])}")
    config = PredictionConfig(faults.without(tree))
    config.tree.setdefault("model", {})
    if kind:
        with faults.caught(section="model"):
            config.architecture()
    else:
        faults.add("model.type", f"expected a network's name; {nearest('', _NETWORKS)}")
    config.check_preprocess(faults)
    for check in (config.augment, config.window):
        with faults.caught():
            check()
    try:
        faults.refuse()
    except ConfigError as error:
        where = "configuration" if isinstance(source, dict) else source
        raise ConfigError(f"{where}: {error}") from None
    return PredictionConfig(tree)
