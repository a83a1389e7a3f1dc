"""The logger of the package, and its format on standard output."""

from __future__ import annotations

import logging
import sys
from typing import Optional, TextIO

logger = logging.getLogger("paddleseg_u2net")


class _BarAware(logging.StreamHandler):
    """Lines that go above a progress bar instead of through it."""

    def emit(self, record: logging.LogRecord) -> None:
        if "tqdm" not in sys.modules:  # there is no bar
            super().emit(record)
            return
        from tqdm import tqdm

        with tqdm.external_write_mode(file=self.stream):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Raise if the reader has closed the output, which ends the command without tracebacks."""
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            raise
        super().handleError(record)


def start_logging(first: bool = True, stream: Optional[TextIO] = None) -> None:
    """Log to standard output, or ``stream``, in PaddleSeg's form; other processes than the first
    stay silent.
    """
    handler = _BarAware(stream or sys.stdout)
    handler.setFormatter(
        logging.Formatter("%(asctime)s [%(levelname)s]\t%(message)s", "%Y-%m-%d %H:%M:%S")
    )
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO if first else logging.CRITICAL)
    logger.propagate = False
