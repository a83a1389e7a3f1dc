"""Trained models on disk with their configurations, and pipelines from them."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional, Tuple

from paddleseg_u2net.architecture import Architecture
from paddleseg_u2net.config import Config
from paddleseg_u2net.device import set_device
from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.inference.backends import Choice, choose, eager
from paddleseg_u2net.inference.description import is_export, read_description
from paddleseg_u2net.inference.network import Network
from paddleseg_u2net.log import logger
from paddleseg_u2net.predictor.opened import find, open_exported
from paddleseg_u2net.predictor.without_config import (
    network_of_state,
    settings_of,
    warn_if_published_otherwise,
)
from paddleseg_u2net.weights import load_weights


def config_of(
    weights: Path,
    config: Optional[str],
    opts: List[str],
    model: Optional[Architecture] = None,
) -> Config:
    """The configuration of ``settings_of``, with ``opts`` applied.

    Raises:
        ConfigError: see ``Config``.
        ValueError: there is no configuration, and the weights do not say what they are of.
    """
    return Config(settings_of(weights, config, model), opts, training=False)


def network_of(
    weights: Path, config: Config, choice: Choice, threads: Optional[int] = None
) -> Network:
    """The network of a configuration with the weights of a file; it gives logits.

    Args:
        threads: of the backend; None: all cores that this process may use.

    Raises:
        WeightsError: the weights are not of the configuration's model.
        BackendError, ValueError: the backend or its device is not there.
    """
    if choice.backend == "paddle":
        set_device(choice.device)
    # What the weights were trained from does not matter any more, nor need it still exist.
    model = config.model(pretrained=False)
    load_weights(model, weights)
    model.eval()
    if choice.backend == "paddle":
        return eager(model, threads=threads)
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    kind = Architecture("U2Net", config.stages, config.num_classes, config.in_channels)
    return network_of_state(state, kind, choice.backend, threads)


def load(
    model_path: Optional[str],
    config: Optional[str],
    opts: List[str],
    backend: str = "paddle",
    device: str = "auto",
    threads: Optional[int] = None,
    upsampling: str = "bilinear",
) -> Tuple[Path, Config, Pipeline]:
    """A model with its configuration: weights file or exported folder, settings, pipeline.

    An exported model has its own preprocessing; its settings are then for data sets and scores.

    Raises:
        ValueError: see ``find``, ``config_of`` and ``open_model``; or an exported model has no
            configuration, or one of another number of classes or channels.
    """
    source = find(model_path)
    if is_export(source):
        settings = _settings_for(source, config, opts)
        averages = settings.augment(), settings.window()
        opened = open_exported(source, backend, device, threads, *averages, upsampling)
        return source, settings, opened.pipeline
    choice = choose(backend, device)
    settings = config_of(source, config, opts)
    if choice.why and not settings.is_u2net:
        choice = choose("paddle", device)  # the other backends know U²-Nets only
    warn_if_published_otherwise(source, settings)
    network = network_of(source, settings, choice, threads)
    pipeline = Pipeline(
        network, settings.preprocess(), settings.augment(), settings.window(), upsampling
    )
    logger.info(f"{source}: {settings.preprocess()}; {choice}")
    return source, settings, pipeline


def _settings_for(folder: Path, config: Optional[str], opts: List[str]) -> Config:
    """The configuration that says what an exported model is validated on."""
    if config is None:
        raise ValueError(
            f"--config: expected a configuration with val_dataset, got none; {folder} is an "
            "exported model, which knows no data sets"
        )
    settings, description = Config(config, opts, training=False), read_description(folder)
    for key, own, came in (
        ("num_classes", description.num_classes, settings.num_classes),
        ("in_channels", description.in_channels, settings.in_channels),
    ):
        if own != came:
            raise ValueError(
                f"{config}: model.{key} is {came}, but the exported model {folder} has {own}; name "
                f"a configuration for it, or add --opts model.{key}={own}"
            )
    sees, said = str(description.make_preprocess()), str(settings.preprocess())
    if sees != said:
        logger.warning(
            f"{config} says {said}; {folder} was exported with {sees}, which is what counts"
        )
    return settings
