"""How far long work has come: a bar on a terminal, a line now and then in files and pipes."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Iterable, Iterator, Optional, Sized, TypeVar

from paddleseg_u2net.log import logger

Thing = TypeVar("Thing")

SECONDS = 30.0  # between two lines
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{rate}]"
_WIDTH = 80  # of a terminal that does not say how wide it is


class Progress:
    """Counts what is done and shows it, with the rate and the time that is left.

    On a terminal (standard error) it is a bar, elsewhere a line at most every 30 seconds (none if
    not ``lines``), in the log if a command has begun one. ``total``: None where nobody knows;
    ``unit``: "B" for bytes.
    """

    def __init__(
        self,
        total: Optional[int],
        what: str,
        unit: str = "images",
        initial: int = 0,
        shown: bool = True,
        lines: bool = True,
    ) -> None:
        self.total, self._what, self._unit = total, what, unit
        self.done = self._initial = initial
        self._started = self._last = time.monotonic()
        self.is_bar = shown and _is_terminal()
        self._lines = shown and lines and not self.is_bar
        self._bar: Any = self._opened() if self.is_bar else None

    def _opened(self) -> Any:
        from tqdm import tqdm  # takes as long to import as an image to be predicted

        scale = {"unit_scale": True, "unit_divisor": 1024} if self._unit == "B" else {}
        rate = ", {rate_noinv_fmt}" if self._unit != "B" else ", {rate_fmt}"
        return tqdm(
            total=self.total,
            desc=self._what,
            unit=self._unit if self._unit == "B" else f" {self._unit}",
            initial=self._initial,
            leave=False,
            bar_format=_BAR.replace("{rate}", rate) if self.total else None,
            # tqdm shows nothing on a terminal of no columns, which many in containers claim to be.
            **({"dynamic_ncols": True} if _columns() else {"ncols": _WIDTH, "nrows": 20}),
            **scale,
        )

    def update(self, done: int = 1) -> None:
        """Count ``done`` more."""
        self.done += done
        if self._bar is not None:
            self._bar.update(done)
        elif self._lines and time.monotonic() - self._last >= SECONDS:
            self._last = time.monotonic()
            _say(self._line(self._last - self._started))

    def _line(self, seconds: float) -> str:
        scale, unit = (1e6, "MB") if self._unit == "B" else (1, self._unit)
        rate = (self.done - self._initial) / max(seconds, 1e-9)
        shown = f"{self.done / scale:.0f}"
        if not self.total:
            return f"{self._what}: {shown} {unit}, {rate / scale:.2f} {unit}/s"
        left = int(max(self.total - self.done, 0) / rate + 0.5) if rate else 0
        return (
            f"{self._what}: {shown} of {self.total / scale:.0f} {unit} "
            f"({self.done / self.total:.0%}), {rate / scale:.2f} {unit}/s | "
            f"ETA {left // 3600:02d}:{left // 60 % 60:02d}:{left % 60:02d}"
        )

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def tracked(
    things: Iterable[Thing],
    what: str,
    unit: str = "images",
    total: Optional[int] = None,
    shown: bool = True,
) -> Iterator[Thing]:
    """Yield the things, and show as `Progress` does how many are done."""
    if total is None and isinstance(things, Sized):
        total = len(things)
    with Progress(total, what, unit, shown=shown) as progress:
        for thing in things:
            yield thing
            progress.update()


def _is_terminal() -> bool:
    stream = sys.stderr
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        return 0


def _say(line: str) -> None:
    if logger.handlers:
        logger.info(line)
    elif sys.stderr is not None:  # as it is in a process without a console
        print(line, file=sys.stderr, flush=True)
