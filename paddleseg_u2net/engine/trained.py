"""Trained models on disk, and predictors from them."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional, Tuple

from paddleseg_u2net.config import Config
from paddleseg_u2net.engine.checkpoint import CheckpointError
from paddleseg_u2net.inference import Predictor
from paddleseg_u2net.inference.backends import eager
from paddleseg_u2net.weights import load_weights


def find(model_path: Optional[str], output: Path = Path("output")) -> Path:
    """The weights file of ``model_path``, a ``.pdparams`` file or a folder with one.

    Without a path: that of the ``best_model`` below ``output`` which was written last.

    Raises:
        CheckpointError: there is none.
    """
    if model_path is None:
        found = list(output.glob("**/best_model/model.pdparams"))
        if not found:
            raise CheckpointError(
                f"--model_path: none given, and no best_model lies below {output}. Train one with "
                "`python tools/train.py --config configs/RGB/U2Net/u2netp.yaml --do_eval`, or try "
                "`make quickstart`"
            )
        return max(found, key=lambda path: path.stat().st_mtime)
    path = Path(model_path)
    if path.is_dir() and (path / "model.pdparams").is_file():
        return path / "model.pdparams"
    if path.is_file():
        return path
    raise CheckpointError(
        f"--model_path {path}: expected model.pdparams, or a checkpoint's folder such as "
        "output/best_model; there is none"
    )


def config_of(weights: Path, config: Optional[str], opts: List[str]) -> Config:
    """``config`` if given, else the one saved beside ``weights``, with ``opts`` applied.

    Raises:
        ConfigError: see ``Config``.
        CheckpointError: there is no configuration.
    """
    saved = weights.parent / "config.yaml"
    if config is None and not saved.is_file():
        raise CheckpointError(
            f"{weights}: no config.yaml lies beside it; say how it was trained with --config"
        )
    return Config(config or saved, opts)


def predictor_of(weights: Path, config: Config) -> Predictor:
    """The predictor of a trained model.

    Raises:
        WeightsError: the weights are not of the configuration's model.
    """
    # What the weights were trained from does not matter any more, nor need it still exist.
    model = config.model(pretrained=False)
    load_weights(model, weights)
    model.eval()
    return Predictor(eager(model), config.preprocess(), config.augment(), config.window())


def load(
    model_path: Optional[str], config: Optional[str], opts: List[str]
) -> Tuple[Path, Config, Predictor]:
    """Weights file, configuration and predictor; see the functions above."""
    weights = find(model_path)
    settings = config_of(weights, config, opts)
    return weights, settings, predictor_of(weights, settings)
