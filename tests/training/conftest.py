"""What tests of runs share."""

import logging

import pytest

from paddleseg_u2net.log import logger


@pytest.fixture
def log(caplog):
    """The log's lines, which a command of an earlier test may have taken away."""
    logger.handlers[:] = []
    logger.propagate = True
    caplog.set_level(logging.INFO, logger="paddleseg_u2net")
    return caplog
