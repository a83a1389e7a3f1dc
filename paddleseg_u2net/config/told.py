"""Errors of Paddle and PaddleSeg about settings, in words of this project's."""

from __future__ import annotations

import contextlib
from typing import Iterator

from paddleseg_u2net.config.reading import ConfigError


def cause_of(error: BaseException) -> BaseException:
    """The error inside the RuntimeErrors that PaddleSeg's builder wraps it in."""
    while isinstance(error, RuntimeError) and error.__context__ is not None:
        error = error.__context__
    return error


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Let an error of Paddle's or PaddleSeg's about settings be one of their keys, on one line."""
    try:
        yield
    except Exception as error:
        cause = cause_of(error)
        if type(cause) in (MemoryError, RuntimeError, ConfigError):  # nothing to add
            raise
        words = f"{type(cause).__name__}: {' '.join(str(cause).split())}"
        raise ConfigError(f"{what} cannot be used like this: {words}") from error
