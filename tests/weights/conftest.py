"""What tests of weights share."""

from __future__ import annotations

import pytest


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pth"


@pytest.fixture
def torch():
    return pytest.importorskip("torch")
