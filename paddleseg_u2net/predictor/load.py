"""A model from its name or path, ready to predict. Paddle is loaded only for its own layers, for
networks of other classes than this project's, and for data sets.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from paddleseg_u2net.architecture import Architecture
from paddleseg_u2net.device import set_device
from paddleseg_u2net.inference.backends import AUTO, BACKENDS, BackendError, Choice, Model, choose
from paddleseg_u2net.inference.backends.backend import Network
from paddleseg_u2net.inference.description import (
    NAME,
    exported_folder,
    load_exported,
    read_description,
)
from paddleseg_u2net.inference.pipeline import Augment, Pipeline, Window
from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.io.files import what_is
from paddleseg_u2net.log import logger

if TYPE_CHECKING:
    from paddleseg_u2net.config import PredictionConfig
    from paddleseg_u2net.predictor.source import ConfigSource


class LoadedModel(NamedTuple):
    """A model that predicts, from the file of weights or exported folder ``source``; settings may
    be None for the latter, ``layer`` is a ``paddle.nn.Layer`` on the backend ``paddle``.
    """

    source: Path
    pipeline: Pipeline
    choice: Choice
    config: Optional[PredictionConfig] = None
    layer: Any = None

    @property
    def in_channels(self) -> int:
        """Channels of the images that it takes."""
        return len(self.pipeline.preprocess.mean)

    def __str__(self) -> str:
        note = getattr(self.pipeline.network, "note", "")
        return f"{self.source}: {self.pipeline.preprocess}; {self.choice}" + (note and f", {note}")


def load_model(
    model_path: Union[str, Path, None],
    config: Optional[ConfigSource] = None,
    opts: Sequence[str] = (),
    backend: str = AUTO,
    device: str = AUTO,
    threads: Optional[int] = None,
    augment: Optional[Augment] = None,
    window: Optional[Window] = None,
    upsampling: str = "bilinear",
    with_datasets: bool = False,
) -> LoadedModel:
    """Load a model.

    Args:
        model_path: see `find_model`.
        config: a YAML file, or a dictionary of its form; None: the file that training or conversion
            wrote beside the weights, else what the weights say.
        opts: ``key=value`` items that override it; of an exported folder only those of
            ``test_config``.
        backend, device: see `choose`.
        threads: of the backend; None: all cores that this process may use.
        augment, window: test-time augmentation and sliding windows; None: as ``test_config`` says.
        upsampling: see `Pipeline`.
        with_datasets: read the whole configuration, which is a ``Config`` then and needs Paddle.
            An exported folder has a configuration only for this: its preprocessing is its own.

    Raises:
        ValueError: there is no such model, or it cannot be used as asked (ExportError,
            BackendError, ConfigError, WeightsError).
    """
    source = find_model(model_path)
    layer = None
    if exported_folder(source) is not None:
        settings = _settings_for_export(source, config, opts, with_datasets)
        description, network, choice = load_exported(source, backend, threads, device)
        preprocess = description.make_preprocess()
    else:
        choice = choose(backend, device)
        settings, network, layer, choice = _of_weights(
            source, config, opts, choice, threads, with_datasets
        )
        preprocess = settings.preprocess()
    if settings is not None:
        augment, window = augment or settings.augment(), window or settings.window()
    pipeline = Pipeline(network, preprocess, augment, window, upsampling)
    return LoadedModel(source, pipeline, choice, settings, layer)


def find_model(model_path: Union[str, Path, None]) -> Path:
    """The weights file or exported folder of ``model_path``: one of these, a file of such a folder,
    a folder with ``model.pdparams``, or a name of the zoo; None: the newest ``best_model`` below
    ``output``.
    """
    if model_path is None:
        trained = Path("output").glob("**/best_model/model.pdparams")
        newest = max(trained, key=lambda path: path.stat().st_mtime, default=None)
        if newest is not None:
            return newest
        raise ValueError(
            "no best_model lies below output. Name published "
            "weights (--model_path u2netp), train with `python tools/train.py --config "
            "configs/RGB/U2Net/u2netp.yaml --do_eval`, or try `make quickstart`"
        )
    if (exported := exported_folder(model_path)) is not None:
        return exported
    from paddleseg_u2net.weights import SUFFIXES, ZOO, locate  # not of exported folders

    try:
        path = locate(model_path)
    except FileNotFoundError as error:
        raise ValueError(f"--model_path {error}") from error
    if path.is_file():
        return path
    raise ValueError(
        f"--model_path {model_path}: expected a file of weights ({', '.join(SUFFIXES)}), a "
        "checkpoint's folder such as output/best_model, an exported folder, or one of "
        f"{', '.join(ZOO)}; found {what_is(path)}"
    )


def _settings_for_export(
    folder: Path, config: Optional[ConfigSource], opts: Sequence[str], with_datasets: bool
) -> Optional[PredictionConfig]:
    """Settings for an exported model: test-time averaging, and data sets if they are asked for."""
    from paddleseg_u2net.predictor.source import read_config

    if not with_datasets:
        if config or not all(item.startswith("test_config.") for item in opts):
            raise ValueError(
                f"--config, --opts: {folder} is an exported model, whose settings are in its "
                f"{NAME}; leave them out, or export it again with them"
            )
        return read_config({"model": {"type": "U2Net"}}, opts) if opts else None
    if config is None:
        raise ValueError(
            f"--config: expected a configuration with val_dataset, got none; {folder} is an "
            "exported model, which knows no data sets"
        )
    settings, description = read_config(config, opts, whole=True), read_description(folder)
    own = description.num_classes, description.shape[1]
    came = settings.num_classes, settings.in_channels
    if own != came:
        raise ValueError(
            f"{config}: model.num_classes and model.in_channels are {came}, but those of the "
            f"exported model {folder} are {own}; name a configuration for it, or override them "
            "with --opts"
        )
    return settings


def _of_weights(
    source: Path,
    config: Optional[ConfigSource],
    opts: Sequence[str],
    choice: Choice,
    threads: Optional[int],
    with_datasets: bool,
) -> Tuple[Any, Network, Any, Choice]:
    """The settings of weights, their network, the layer if that is what runs, and the backend."""
    # an exported folder needs none of these
    from paddleseg_u2net.config import PredictionConfig
    from paddleseg_u2net.predictor.source import (
        complete,
        config_beside,
        find_config,
        read_config,
        read_source,
    )
    from paddleseg_u2net.weights import ZOO, fold_biases, load_weights

    in_layers = BACKENDS[choice.backend].from_weights is None
    try:
        settings = read_config(find_config(source, config), opts, with_datasets or in_layers)
    except ImportError as error:
        raise BackendError(
            f"{source}: backend {choice.backend} or its model.type needs Paddle and PaddleSeg "
            f"({error}): pip install 'paddleseg_u2net[cpu]', or export the model where they are "
            f"(`python tools/export.py --model_path {source} --format onnx`)"
        ) from error
    published, own = ZOO.get(source.stem), settings.preprocess().type
    meant = Preprocess(**published.preprocess).type if published else own
    if meant != own:
        logger.warning(
            f"{source} was published for preprocess.type {meant}, this configuration has {own}; "
            f"--opts preprocess.type={meant} takes that of the weights"
        )
    if type(settings) is PredictionConfig:  # read without Paddle
        named = config_beside(source) if config is None else config
        file = None if isinstance(named, dict) else named
        read = read_source(source, file, settings.architecture())
        # Folded as in a layer of Paddle, so that the bits are the same.
        state = fold_biases(complete(read))
        network = network_of_state(state, read.model, choice.backend, threads, choice.device)
        return settings, network, None, choice
    whole: Any = settings  # a Config
    if choice.why and not whole.is_u2net:
        choice = choose("paddle", choice.device)  # the other backends know U²-Nets only
    backend = BACKENDS[choice.backend]
    if backend.from_weights is None:
        set_device(choice.device)
    # What the weights were trained from does not matter any more, nor need it still exist.
    layer = whole.model(pretrained=False)
    load_weights(layer, source)
    layer.eval()
    if backend.from_weights is None:
        model = Model("layer", {}, layer=layer)
        return whole, backend.load(model, threads, choice.device), layer, choice
    state = {name: value.numpy() for name, value in layer.state_dict().items()}
    network = network_of_state(state, whole.architecture(), choice.backend, threads, choice.device)
    return whole, network, None, choice


def network_of_state(
    state: Mapping[str, np.ndarray],
    model: Architecture,
    backend: str,
    threads: Optional[int] = None,
    device: str = "cpu",
) -> Network:
    """Weights of the published layout on an engine, through a model in memory; it gives logits."""
    runs = BACKENDS[backend]
    assert runs.from_weights is not None
    return runs.load(runs.from_weights(state, model), threads, device)
