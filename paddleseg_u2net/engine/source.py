"""Which network a weights file holds: as its configuration says, else as the file shows."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from paddleseg_u2net.architecture import TABLES, Architecture, Program, build
from paddleseg_u2net.weights import (
    WeightsError,
    architecture_of,
    fit_state,
    format_of,
    read_weights,
    restore_biases,
)
from paddleseg_u2net.weights.biases import State
from paddleseg_u2net.weights.onnx_read import read_onnx_network

# How a configuration begins that conversion wrote.
CONVERTED = "# Written beside converted weights"


class Source(NamedTuple):
    """Weights as they were read, and their network.

    ``config``: the file that said the network, if one did. ``guessed``: nothing showed which of
    its stages are dilated.
    """

    path: Path
    format_name: str
    state: State
    model: Architecture
    config: Optional[Path]
    guessed: bool

    def doubt(self) -> str:
        """What is not known of the network, or an empty text."""
        if not self.guessed:
            return ""
        return (
            "weights do not show which stages are dilated: taken to be those that are in U2Net; "
            "if others are, name the configuration with --config"
        )


def read_source(path: Path, config: Union[str, Path, None] = None) -> Source:
    """The weights of a file, and the network that they belong to.

    Args:
        path: a file of any format of ``FORMATS``.
        config: a configuration that names the model; see ``beside`` for what is taken without.

    Raises:
        FileNotFoundError, ValueError: see ``read_weights``, ``recognise`` and ``Config``.
        WeightsError: the network in an ONNX file is not that of the configuration.
    """
    format_name = format_of(path).name
    config = config or beside(path)
    named = None if config is None else _configured(Path(config))
    config = None if config is None else Path(config)
    if format_name == "ONNX":  # its graph shows all of the network
        model, state = read_onnx_network(path)
        if named and _program(named) != _program(model):
            raise WeightsError(
                f"{path}: it holds {model} ({model.stages.as_dict()}), but {config} names {named} "
                f"({named.stages.as_dict()}); leave out the configuration, or name the file's own"
            )
        return Source(path, format_name, state, named or model, config, guessed=False)
    state = read_weights(path)
    if named:
        return Source(path, format_name, state, named, config, guessed=False)
    model = architecture_of(state, str(path))
    guessed = model.stages not in TABLES.values()
    return Source(path, format_name, state, model, None, guessed)


def beside(weights: Path) -> Optional[Path]:
    """The configuration that training or conversion wrote beside a file; others are strangers'."""
    trained, converted = weights.parent / "config.yaml", weights.with_suffix(".yaml")
    if weights.name in ("model.pdparams", "ema.pdparams") and trained.is_file():
        return trained
    if converted.is_file() and converted.read_text(encoding="utf-8").startswith(CONVERTED):
        return converted
    return None


def complete(source: Source) -> State:
    """All weights of the published layout, float32, in the order of ``Program.shapes``.

    Raises:
        WeightsError: they are not those of the network; the message lists what does not fit.
    """
    program = _program(source.model)
    cancelled = {f"{conv.layer}.bias" for conv in program.convolutions if conv.normalised}
    shapes = {name: list(s) for name, s in program.shapes().items() if name not in cancelled}
    named = f" (for the model of {source.config})" if source.config else ""
    fit_state(source.state, shapes, f"{source.path}{named}")
    state = {key: np.asarray(value, np.float32) for key, value in source.state.items()}
    published = restore_biases(state)
    return {name: published[name] for name in program.shapes()}


def _configured(path: Path) -> Architecture:
    """The model of a configuration, "U2Net" or "U2NetP" where its stages are theirs."""
    from paddleseg_u2net.config import Config  # needs paddle, which reading alone does not

    settings = Config(path, training=False)
    stages = settings.stages
    # 7 and "7" are the same height.
    equal = [name for name, table in TABLES.items() if build(table) == build(stages)]
    kind = equal[0] if equal else "U2Net"
    stages = TABLES[kind] if equal else stages
    return Architecture(kind, stages, settings.num_classes, settings.in_channels)


def _program(model: Architecture) -> Program:
    return build(model.stages, model.num_classes, model.in_channels)
