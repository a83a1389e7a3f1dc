"""A service whose network finds what is bright, so that every answer is known beforehand."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from tests.service.asking import Client
from tests.service.bright import bright_remover


@pytest.fixture
def make() -> Callable[..., Client]:
    """A client of a service with these settings; ``network`` replaces the bright one."""
    pytest.importorskip("fastapi", reason="the service needs the extra serve")
    from paddleseg_u2net.service import Settings, create_app

    def made(network: Any = None, **settings: Any) -> Client:
        return Client(create_app(Settings(**settings), {"bright": bright_remover(network)}))

    return made


@pytest.fixture
def client(make) -> Client:
    return make()
