"""Networks of weights that no configuration lies beside, without Paddle."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np

from paddleseg_u2net.architecture import Architecture
from paddleseg_u2net.engine.logs import logger
from paddleseg_u2net.engine.source import complete, read_source
from paddleseg_u2net.inference.backends import ENGINES, ncnn_in_memory
from paddleseg_u2net.inference.network import Network
from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.weights import ZOO, fold_biases, format_of


def network_and_preprocess(
    weights: Path, backend: str, threads: Optional[int] = None
) -> Tuple[Network, Preprocess]:
    """The network of a file, and what it should see of pictures.

    Args:
        backend: of `choose`, but for those of Paddle.
        threads: of the backend; None: all cores that this process may use.

    Raises:
        ValueError: the file cannot be read, or does not say what it is of.
        WeightsError: its weights are not those of the network that it looks like.
    """
    source = read_source(weights)
    tell_guess(weights, source.model)
    # Folded as in a model of Paddle, so that a configuration beside the file changes no bit.
    state = fold_biases(complete(source))
    network = network_of_state(state, source.model, backend, threads)
    arguments = preprocess_of(weights, source.model)
    return network, Preprocess(**arguments, channels=source.model.in_channels)


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


def tell_guess(weights: Path, model: Architecture) -> None:
    """Log what weights are taken to be where nothing but themselves says it."""
    logger.info(
        f"{weights}: no configuration given, taken to be {model}; if it was trained in another "
        "way, name that with --config"
    )
