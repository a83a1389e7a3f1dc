"""What a weights file holds, without Paddle: its network, its weights and its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union

import numpy as np

from paddleseg_u2net.architecture import TABLES, Architecture
from paddleseg_u2net.config import PredictionConfig, read_prediction_config
from paddleseg_u2net.env import load_paddle
from paddleseg_u2net.log import logger
from paddleseg_u2net.weights import (
    ZOO,
    WeightsError,
    architecture_of,
    fit_state,
    format_of,
    read_weights,
    restore_biases,
)
from paddleseg_u2net.weights.layout import State
from paddleseg_u2net.weights.onnx_read import read_onnx

# How a configuration begins that conversion wrote; the files that it is for follow.
CONVERTED = "# Settings of converted weights: "

ConfigSource = Union[str, Path, Dict[str, Any]]
"""A YAML file, or a dictionary of its form."""


class Source(NamedTuple):
    """Weights as they were read, and their network; ``config``: the file that names it, if any."""

    path: Path
    format_name: str
    state: State
    model: Architecture
    config: Optional[Path]


def read_source(
    path: Path,
    config: Union[str, Path, None] = None,
    model: Optional[Architecture] = None,
) -> Source:
    """Read weights and find their network: ``model`` where it is known, else by ``config`` or the
    file that is `config_beside`; WeightsError if an ONNX file holds another one.
    """
    format_name = format_of(path).name
    if model is None:
        config = config or config_beside(path)
        model = read_config(config).architecture() if config else None
    config = Path(config) if config else None
    if format_name == "ONNX":  # its graph shows all of the network
        own, state = read_onnx(path, model.stages if model else None)
        if model and model.program() != own.program():
            raise WeightsError(
                f"{path}: it holds {own} ({own.stages.as_dict()}), but "
                f"{config or 'the configuration'} names {model} "
                f"({model.stages.as_dict()}); leave out the configuration, or name the file's own"
            )
        return Source(path, format_name, state, model or own, config)
    state = read_weights(path)
    if not model:
        model = architecture_of(state, str(path))
        if model.stages not in TABLES.values():
            logger.warning(
                f"{path}: weights do not show which stages are dilated: taken to be those that are "
                "in U2Net; if others are, name the configuration with --config"
            )
    return Source(path, format_name, state, model, config)


def config_beside(weights: Path) -> Optional[Path]:
    """The configuration that training or conversion wrote for a file, if there is one."""
    trained, converted = weights.parent / "config.yaml", weights.with_suffix(".yaml")
    if weights.name in ("model.pdparams", "ema.pdparams") and trained.is_file():
        return trained
    return converted if weights.name in converted_files(converted) else None


def converted_files(config: Path) -> List[str]:
    """The names of the weights files that ``config`` is for, if conversion wrote it."""
    if not config.is_file():
        return []
    with config.open(encoding="utf-8", errors="replace") as file:
        first = file.readline().strip()
    return first[len(CONVERTED) :].split(", ") if first.startswith(CONVERTED) else []


def complete(source: Source) -> State:
    """All weights of the published layout, float32, in the order of ``Program.shapes``."""
    program = source.model.program()
    cancelled = {f"{conv.layer}.bias" for conv in program.convolutions if conv.normalised}
    shapes = {name: list(s) for name, s in program.shapes().items() if name not in cancelled}
    named = f" (for the model of {source.config})" if source.config else ""
    fit_state(source.state, shapes, f"{source.path}{named}")
    state = {key: np.asarray(value, np.float32) for key, value in source.state.items()}
    published = restore_biases(state)
    return {name: published[name] for name in program.shapes()}


def find_config(
    weights: Path, config: Optional[ConfigSource] = None, model: Optional[Architecture] = None
) -> ConfigSource:
    """``config`` if given, else the file beside ``weights``, else what the weights (or ``model``)
    say, and how published weights of that name, or of this format and classes, are used.
    """
    named = config or config_beside(weights)
    if named is not None:
        return named
    model = model or architecture_of(read_weights(weights), str(weights))
    published = ZOO.get(weights.stem)
    if published is None:
        logger.info(
            f"{weights}: no configuration given, taken to be {model}; if it was trained in another "
            "way, name that with --config"
        )
    official = model.num_classes == 1 and format_of(weights).name != "Paddle"
    usual = {"type": "official" if official else "paddleseg", "size": [320, 320]}
    preprocess = dict(published.preprocess) if published else usual
    return {"model": model.model_config(), "preprocess": preprocess}


def read_config(
    source: ConfigSource, opts: Sequence[str] = (), whole: bool = False
) -> PredictionConfig:
    """Read a configuration, overridden by ``key=value`` items; Paddle is loaded only for a
    ``whole`` one, a ``Config``, or for networks that are not ours.
    """
    settings = None if whole else read_prediction_config(source, opts)
    if settings is not None:
        return settings
    load_paddle()
    from paddleseg_u2net.config import Config

    return Config(source, opts, training=False)
