"""Which network a weights file holds: as its configuration says, else as the file shows."""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple, Optional, Union

import numpy as np

from paddleseg_u2net.architecture import TABLES, Architecture, Program, build
from paddleseg_u2net.config import read_prediction_config
from paddleseg_u2net.env import load_paddle
from paddleseg_u2net.weights import (
    WeightsError,
    architecture_of,
    fit_state,
    format_of,
    read_weights,
    restore_biases,
)
from paddleseg_u2net.weights.layout import State
from paddleseg_u2net.weights.onnx_read import read_onnx_network

# How a configuration begins that conversion wrote; the files that it stands for follow.
CONVERTED = "# Settings of converted weights: "
# How it began in the past, with the file that the weights came from.
_CONVERTED_FROM = "# Written beside converted weights: "


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


def read_source(
    path: Path,
    config: Union[str, Path, None] = None,
    model: Optional[Architecture] = None,
) -> Source:
    """The weights of a file, and the network that they belong to.

    Args:
        path: a file of any format of ``FORMATS``.
        config: a configuration that names the model; see ``beside`` for what is taken without.
        model: the network, where it is known already, from ``config`` if that is given.

    Raises:
        FileNotFoundError, ValueError: see ``read_weights``, ``recognise`` and ``Config``.
        WeightsError: the network in an ONNX file is not that of the configuration.
    """
    format_name = format_of(path).name
    if model is None:
        config = config or beside(path)
    named = model or (None if config is None else configured(Path(config)))
    config = None if config is None else Path(config)
    if format_name == "ONNX":  # its graph shows all of the network
        model, state = read_onnx_network(path)
        if named and _program(named) != _program(model):
            raise WeightsError(
                f"{path}: it holds {model} ({model.stages.as_dict()}), but "
                f"{config or 'the configuration'} names {named} "
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
    """The configuration that training or conversion wrote for a file; others are strangers'."""
    trained, converted = weights.parent / "config.yaml", weights.with_suffix(".yaml")
    if weights.name in ("model.pdparams", "ema.pdparams") and trained.is_file():
        return trained
    return converted if weights.name in stands_for(converted, weights.name) else None


def stands_for(page: Path, name: str = "") -> List[str]:
    """The names of the files beside ``page`` whose settings it has, if conversion wrote it.

    Args:
        name: a file of which to tell, where a page of the past does not say it.
    """
    if not page.is_file():
        return []
    with page.open(encoding="utf-8", errors="replace") as file:
        first = file.readline().strip()
    if first.startswith(CONVERTED):
        return first[len(CONVERTED) :].split(", ")
    if first.startswith(_CONVERTED_FROM) and first[len(_CONVERTED_FROM) :] != name:
        return [name]
    return []


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


def configured(path: Path) -> Architecture:
    """The network of a configuration file; Paddle is loaded only for classes that are not ours."""
    settings = read_prediction_config(path)
    if settings is None:
        load_paddle()
        from paddleseg_u2net.config import Config

        settings = Config(path, training=False)
    return settings.architecture()


def _program(model: Architecture) -> Program:
    return build(model.stages, model.num_classes, model.in_channels)
