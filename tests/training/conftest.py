"""What tests of runs share."""

import logging
import shutil

import pytest

from paddleseg_u2net.log import logger
from tests.conftest import tiny_config
from tests.training.runs import EVERY_SECOND, train


@pytest.fixture
def log(caplog):
    """The log's lines, which a command of an earlier test may have taken away."""
    logger.handlers[:] = []
    logger.propagate = True
    caplog.set_level(logging.INFO, logger="paddleseg_u2net")
    return caplog


@pytest.fixture(scope="session")
def whole(tmp_path_factory, drawn):
    """A run of ``six`` with an average, validated and saved at every second iteration."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train({**tiny_config(drawn), "iters": 6}, folder, **EVERY_SECOND)
    return folder


@pytest.fixture
def six(tiny):
    """The configuration of ``whole``."""
    return {**tiny, "iters": 6}


@pytest.fixture
def run(whole, tmp_path):
    """A copy of ``whole``, to go on with."""
    return shutil.copytree(whole, tmp_path / "run")
