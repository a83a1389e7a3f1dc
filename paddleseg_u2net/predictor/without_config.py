"""Networks of weights on engines, with their configuration or with what the file shows, without
Paddle.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Union

import numpy as np

from paddleseg_u2net.architecture import Architecture
from paddleseg_u2net.config import PredictionConfig
from paddleseg_u2net.config.reading import Tree
from paddleseg_u2net.inference.backends import ENGINES, ncnn_in_memory
from paddleseg_u2net.inference.network import Network
from paddleseg_u2net.log import logger
from paddleseg_u2net.predictor.source import beside, complete, read_source
from paddleseg_u2net.weights import ZOO, architecture_of, fold_biases, format_of, read_weights


def settings_of(
    weights: Path, config: Union[str, Path, None], model: Optional[Architecture] = None
) -> Union[str, Path, Tree]:
    """``config`` if given, else the one that was saved beside ``weights`` by training or by
    conversion, else one of what the weights (or ``model``) and, for a file of a published name, the
    zoo say.

    Raises:
        ValueError: there is no configuration, and the weights do not say what they are of.
    """
    named = config or beside(weights)
    if named is not None:
        return named
    model = model or architecture_of(read_weights(weights), str(weights))
    tell_guess(weights, model)
    return {"model": model.model_config(), "preprocess": preprocess_of(weights, model)}


def network_of_file(
    weights: Path,
    model: Architecture,
    backend: str,
    threads: Optional[int] = None,
    config: Union[str, Path, None] = None,
) -> Network:
    """The network of a file; it gives logits.

    Args:
        backend: of `choose`, but for those of Paddle.
        threads: of the backend; None: all cores that this process may use.
        config: the file that says ``model``, for messages.

    Raises:
        ValueError: the file cannot be read.
        WeightsError: its weights are not those of the network.
    """
    source = read_source(weights, config, model)
    # Folded as in a model of Paddle, so that the bits are the same.
    return network_of_state(fold_biases(complete(source)), source.model, backend, threads)


def network_of_state(
    state: Mapping[str, np.ndarray],
    model: Architecture,
    backend: str,
    threads: Optional[int] = None,
) -> Network:
    """Weights on an engine, through a model that nobody has to see as a file; it gives logits."""
    what = (state, model.stages, model.num_classes, model.in_channels)
    source = f"--backend {backend}"
    if backend == "ncnn":
        from paddleseg_u2net.weights.ncnn_write import ncnn_files

        files = ncnn_files(*what, activation=False, source=source)
        return ncnn_in_memory(files.param, files.weights, threads=threads)
    from paddleseg_u2net.weights.onnx_write import onnx_bytes

    content = onnx_bytes(*what, activation=False, sides=False, source=source)
    return ENGINES[backend](content, threads=threads)


def preprocess_of(weights: Path, model: Architecture) -> Dict[str, Any]:
    """The section ``preprocess``: of published weights, by their name, what the zoo says; of
    others, what those did who published weights in this format and for so many classes.
    """
    published = ZOO.get(weights.stem)
    if published:
        return dict(published.preprocess)
    official = model.num_classes == 1 and format_of(weights).name != "Paddle"
    return {"type": "official" if official else "paddleseg", "size": [320, 320]}


def published_otherwise(weights: str, config: PredictionConfig) -> str:
    """That published weights, by name or file, are for another preprocessing, or an empty text."""
    published = ZOO.get(Path(weights).stem)
    meant = published.preprocess["type"] if published else config.preprocess().type
    if meant == config.preprocess().type:
        return ""
    return (
        f"{weights} was published for preprocess.type {meant}, this configuration has "
        f"{config.preprocess().type}; --opts preprocess.type={meant} takes that of the weights"
    )


def warn_if_published_otherwise(weights: Path, config: PredictionConfig) -> None:
    """Log ``published_otherwise``."""
    if warning := published_otherwise(str(weights), config):
        logger.warning(warning)


def tell_guess(weights: Path, model: Architecture) -> None:
    """Log what weights are taken to be where nothing but themselves says it."""
    logger.info(
        f"{weights}: no configuration given, taken to be {model}; if it was trained in another "
        "way, name that with --config"
    )
