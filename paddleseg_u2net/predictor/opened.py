"""A model from its name or path, ready to predict; Paddle is loaded only where nothing else will
do: for its own layers, and for networks that PaddleSeg's managers find.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional, Sequence, Union

from paddleseg_u2net.env import load_paddle
from paddleseg_u2net.inference.backends import AUTO, BackendError, Choice, choose
from paddleseg_u2net.inference.description import NAME, exported_folder, is_export
from paddleseg_u2net.inference.exported import load_exported
from paddleseg_u2net.inference.pipeline import Augment, Pipeline, Window
from paddleseg_u2net.io.files import set_aside, what_is
from paddleseg_u2net.log import logger


class ModelPathError(ValueError):
    """A model's name or path that leads to none; the message says what may be named."""


class Opened(NamedTuple):
    """A model that predicts.

    ``source``: the file of weights, or the exported folder. ``choice``: the backend, and why it
    was taken.
    """

    source: Path
    pipeline: Pipeline
    choice: Choice

    @property
    def in_channels(self) -> int:
        """Channels of the images that it takes."""
        return len(self.pipeline.preprocess.mean)


def find(model_path: Union[str, Path, None], output: Path = Path("output")) -> Path:
    """The weights file or the exported folder of ``model_path``: one of these, a file of such a
    folder, a folder with ``model.pdparams``, or a name of the zoo.

    Without a path: that of the ``best_model`` below ``output`` which was written last.

    Raises:
        ModelPathError: there is none.
    """
    if model_path is None:
        return _newest(output)
    exported = exported_folder(model_path)
    if exported is not None:
        return exported
    from paddleseg_u2net.weights import SUFFIXES, ZOO, locate  # an exported model needs none

    try:
        path = locate(model_path)
    except FileNotFoundError as error:
        if Path(model_path).is_dir():
            raise ModelPathError(
                f"{model_path}: expected a checkpoint's folder (with model.pdparams), such as "
                f"output/best_model, or one of `tools/export.py` (with {NAME}); it has neither"
            ) from error
        raise ModelPathError(str(error)) from error
    if path.is_file():
        return _told_aside(path)
    found = what_is(path)
    raise ModelPathError(
        f"{model_path}: expected a file of weights ({', '.join(SUFFIXES)}), a "
        "checkpoint's folder such as output/best_model, an exported folder, or one of "
        f"{', '.join(ZOO)}; " + ("there is none" if found == "nothing" else f"found {found}")
    )


def _newest(output: Path) -> Path:
    folders = [*output.glob("**/best_model"), *output.glob("**/.best_model.old-*")]
    best = {folder.with_name("best_model") for folder in folders}
    places = [folder if folder.is_dir() else set_aside(folder) for folder in best]
    found = [place / "model.pdparams" for place in places if place]
    found = [path for path in found if path.is_file()]
    if not found:
        raise ModelPathError(
            f"(none given): no best_model lies below {output}. Name published "
            "weights (--model_path u2netp), train with `python tools/train.py --config "
            "configs/RGB/U2Net/u2netp.yaml --do_eval`, or try `make quickstart`"
        )
    return _told_aside(max(found, key=lambda path: path.stat().st_mtime))


def _told_aside(path: Path) -> Path:
    if path.parent.name.startswith(".") and ".old-" in path.parent.name:
        logger.info(f"{path}: training was killed while it replaced this folder; it is taken")
    return path


def open_model(
    model_path: Union[str, Path, None],
    config: Optional[str] = None,
    opts: Sequence[str] = (),
    test_opts: Sequence[str] = (),
    backend: str = AUTO,
    device: str = AUTO,
    threads: Optional[int] = None,
    augment: Optional[Augment] = None,
    window: Optional[Window] = None,
    upsampling: str = "bilinear",
) -> Opened:
    """Load a model.

    Args:
        model_path: see ``find``.
        config: a YAML file; else the one that training or conversion wrote beside the weights.
        opts: ``key=value`` items that override it.
        test_opts: such items for ``test_config``, in place of ``augment`` and ``window`` where
            there is a configuration.
        backend, device: see `choose`.
        threads: of the backend; None: all cores that this process may use.
        augment, window, upsampling: see `Pipeline`.

    Raises:
        ModelPathError: there is no such model.
        ExportError, BackendError, ConfigError, ValueError: it cannot be used as asked.
    """
    source = find(model_path)
    if is_export(source):
        _refuse_settings(source, config, opts)
        return open_exported(source, backend, device, threads, augment, window, upsampling)
    # an exported model needs neither
    from paddleseg_u2net.config import PredictionConfig, read_prediction_config
    from paddleseg_u2net.predictor import without_config

    choice = choose(backend, device)
    found = without_config.settings_of(source, config)
    every = [*opts, *test_opts]
    settings: Optional[PredictionConfig]
    settings = None if choice.backend == "paddle" else read_prediction_config(found, every)
    if settings is not None:
        network = without_config.network_of_file(
            source,
            settings.architecture(),
            choice.backend,
            threads,
            None if isinstance(found, dict) else found,
        )
    else:
        _load_paddle(source, choice)
        from paddleseg_u2net.config import Config
        from paddleseg_u2net.predictor.trained import network_of

        settings = Config(found, every, training=False)
        if choice.why and not settings.is_u2net:
            choice = choose("paddle", device)  # the other backends know U²-Nets only
        network = network_of(source, settings, choice, threads)
    without_config.warn_if_published_otherwise(source, settings)
    augment = settings.augment() if test_opts else augment or settings.augment()
    window = settings.window() if test_opts else window or settings.window()
    pipeline = Pipeline(network, settings.preprocess(), augment, window, upsampling)
    return _told(Opened(source, pipeline, choice))


def open_exported(
    folder: Path,
    backend: str,
    device: str,
    threads: Optional[int],
    augment: Optional[Augment],
    window: Optional[Window],
    upsampling: str,
) -> Opened:
    """Load an exported folder; see ``open_model``."""
    exported = load_exported(folder, backend, threads, device)
    return _told(Opened(folder, exported.pipeline(augment, window, upsampling), exported.choice))


def _told(opened: Opened) -> Opened:
    note = getattr(opened.pipeline.network, "note", "")
    logger.info(
        f"{opened.source}: {opened.pipeline.preprocess}; {opened.choice}"
        + (f", {note}" if note else "")
    )
    return opened


def _refuse_settings(source: Path, config: Optional[str], opts: Sequence[str]) -> None:
    if config or opts:
        raise ValueError(
            f"--config, --opts: {source} is an exported model, whose settings are in its {NAME}; "
            "leave them out, or export it again with them"
        )


def _load_paddle(source: Path, choice: Choice) -> None:
    try:
        load_paddle()
    except ImportError as error:
        why = (
            f"backend {choice.backend} is Paddle's"
            if choice.backend == "paddle"
            else "its model.type is found by PaddleSeg"
        )
        raise BackendError(
            f"{source}: {why}, which is not there ({error}): pip install 'paddleseg_u2net[cpu]' "
            "(or [gpu]); or export the model where that is installed (`python tools/export.py "
            f"--model_path {source} --format onnx`) and predict with the exported folder"
        ) from error
