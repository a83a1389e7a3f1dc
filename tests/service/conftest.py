"""A service whose network finds what is bright, so that every answer is known beforehand."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

from paddleseg_u2net.inference import Pipeline, Preprocess
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.service import Settings, create_app
from tests.service.asking import Client


class Bright:
    """A network that finds what is bright: logits of 50 times the first channel's sign."""

    output_type = "logits"

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return 50 * np.sign(batch[:, :1])


def bright_remover(network: Any = None) -> Remover:
    preprocess = Preprocess(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5], type="paddleseg")
    return Remover(Pipeline(network or Bright(), preprocess))


@pytest.fixture
def make() -> Callable[..., Client]:
    """A client of a service with these settings; ``network`` replaces the bright one."""

    def made(network: Any = None, **settings: Any) -> Client:
        app = create_app(Settings(**settings), {"bright": bright_remover(network)})
        return Client(app)

    return made


@pytest.fixture
def client(make) -> Client:
    return make()
