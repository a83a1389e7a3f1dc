"""Each test has plugins of its own: none is left for worker processes of the next."""

import pytest

from paddleseg_u2net import plugins


@pytest.fixture(autouse=True)
def _no_plugins_of_other_tests(monkeypatch):
    monkeypatch.setattr(plugins, "_loaded", [])
