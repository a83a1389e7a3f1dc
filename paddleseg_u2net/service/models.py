"""The models of a service, loaded and seen to answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Dict

import numpy as np

from paddleseg_u2net.log import logger
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.service.settings import Settings

# Grey with a light square.
_PROBE = np.full((32, 32, 3), 60, np.uint8)
_PROBE[8:24, 8:24] = 200


def load_removers(settings: Settings) -> Dict[str, Remover]:
    """By the names that requests know them by: as they were given, or of a path its last part.

    Raises:
        ValueError: there is no such model, or it does not answer; see `load_model`.
    """
    found: Dict[str, Remover] = {}
    for model in settings.models:
        loaded = load_model(
            model, backend=settings.backend, device=settings.device, threads=settings.threads
        )
        remover = Remover(loaded.pipeline, loaded.in_channels)
        name = loaded.source.name if loaded.source.is_dir() else loaded.source.stem
        if name in found:
            raise ValueError(f"--model: two models have the name {name}; rename one of the files")
        probe(remover)
        with ThreadPoolExecutor(settings.at_once) as pool:  # engines plan for each that overlaps
            list(pool.map(probe, [remover] * settings.at_once))
        logger.info(f"{name}: {loaded}")
        found[name] = remover
    return found


def probe(remover: Remover) -> None:
    """Let a model answer to a small picture; it raises what the model raises."""
    remover(_PROBE)
