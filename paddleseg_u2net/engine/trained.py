"""Trained models on disk, and predictors from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from paddleseg_u2net.architecture import Architecture
from paddleseg_u2net.config import Config
from paddleseg_u2net.engine.checkpoint import CheckpointError
from paddleseg_u2net.engine.journal import logger
from paddleseg_u2net.engine.source import beside
from paddleseg_u2net.inference import Predictor
from paddleseg_u2net.inference.backends import ENGINES, eager
from paddleseg_u2net.inference.predictor import Network
from paddleseg_u2net.weights import (
    SUFFIXES,
    ZOO,
    architecture_of,
    format_of,
    load_weights,
    locate,
    read_weights,
)
from paddleseg_u2net.weights.onnx_write import onnx_bytes


def find(model_path: Optional[str], output: Path = Path("output")) -> Path:
    """The weights file of ``model_path``: a file, a folder with ``model.pdparams``, or a name of
    the zoo.

    Without a path: that of the ``best_model`` below ``output`` which was written last.

    Raises:
        CheckpointError: there is none.
    """
    if model_path is None:
        found = list(output.glob("**/best_model/model.pdparams"))
        if not found:
            raise CheckpointError(
                f"--model_path: none given, and no best_model lies below {output}. Name published "
                "weights (--model_path u2netp), train with `python tools/train.py --config "
                "configs/RGB/U2Net/u2netp.yaml --do_eval`, or try `make quickstart`"
            )
        return max(found, key=lambda path: path.stat().st_mtime)
    try:
        path = locate(model_path)
    except FileNotFoundError as error:
        raise CheckpointError(f"--model_path {error}") from error
    if path.is_file():
        return path
    raise CheckpointError(
        f"--model_path {model_path}: expected a file of weights ({', '.join(SUFFIXES)}), a "
        f"checkpoint's folder such as output/best_model, or one of {', '.join(ZOO)}; there is none"
    )


def config_of(
    weights: Path,
    config: Optional[str],
    opts: List[str],
    model: Optional[Architecture] = None,
) -> Config:
    """``config`` if given, else the one that was saved beside ``weights`` by training or by
    conversion, else what the weights (or ``model``) and, for a file of a published name, the zoo
    say, with ``opts`` applied.

    Raises:
        ConfigError: see ``Config``.
        ValueError: there is no configuration, and the weights do not say what they are of.
    """
    named = config or beside(weights)
    if named is not None:
        return Config(named, opts, training=False)
    model = model or architecture_of(read_weights(weights), str(weights))
    published = ZOO.get(weights.stem)
    preprocess = published.preprocess if published else _usual_preprocess(weights, model)
    tree = {"model": model.model_config(), "preprocess": dict(preprocess)}
    settings = Config(tree, opts, training=False)
    logger.info(
        f"{weights}: no configuration given, taken to be {model}; if it was trained in another "
        "way, name that with --config"
    )
    return settings


def published_otherwise(weights: str, config: Config) -> str:
    """That published weights, by name or file, are for another preprocessing, or an empty text."""
    published = ZOO.get(Path(weights).stem)
    meant = published.preprocess["type"] if published else config.preprocess().type
    if meant == config.preprocess().type:
        return ""
    return (
        f"{weights} was published for preprocess.type {meant}, this configuration has "
        f"{config.preprocess().type}; --opts preprocess.type={meant} takes that of the weights"
    )


def _usual_preprocess(weights: Path, model: Architecture) -> Dict[str, Any]:
    """What those who published weights in this format and for so many classes did."""
    official = model.num_classes == 1 and format_of(weights).name != "Paddle"
    return {"type": "official" if official else "paddleseg", "size": [320, 320]}


def predictor_of(weights: Path, config: Config, backend: str = "paddle") -> Predictor:
    """The predictor of a trained model, on one of ``inference.backends.BACKENDS``.

    Raises:
        WeightsError: the weights are not of the configuration's model.
        BackendError: the backend is not installed.
    """
    # What the weights were trained from does not matter any more, nor need it still exist.
    model = config.model(pretrained=False)
    load_weights(model, weights)
    model.eval()
    network = eager(model) if backend == "paddle" else _exported(model, config, backend)
    return Predictor(network, config.preprocess(), config.augment(), config.window())


def _exported(model: Any, config: Config, backend: str) -> Network:
    """A model's network on an engine that takes ONNX, which nobody has to see as a file."""
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    content = onnx_bytes(
        state,
        config.stages,
        config.num_classes,
        config.in_channels,
        activation=False,
        sides=False,
        source=f"--backend {backend}",
    )
    return ENGINES[backend](content)


def load(
    model_path: Optional[str], config: Optional[str], opts: List[str], backend: str = "paddle"
) -> Tuple[Path, Config, Predictor]:
    """Weights file, configuration and predictor; see the functions above."""
    weights = find(model_path)
    settings = config_of(weights, config, opts)
    logger.info(f"{weights}: {settings.preprocess()}; backend {backend}")
    if warning := published_otherwise(str(weights), settings):
        logger.warning(warning)
    return weights, settings, predictor_of(weights, settings, backend)
