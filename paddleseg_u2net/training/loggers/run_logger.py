"""What every experiment logger is, and the table of them. A plugin adds one in the same way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, ClassVar, Dict, Iterable, List, Mapping, Optional, Tuple, Type, Union

import numpy as np

from paddleseg_u2net import registry
from paddleseg_u2net.inference.backends.choice import is_installed
from paddleseg_u2net.io.files import read_text, write_text
from paddleseg_u2net.text import did_you_mean

Setting = Union[bool, int, float, str]


@dataclass(frozen=True)
class Run:
    """What a logger is told of its run.

    Args:
        save_dir: the run's folder.
        start: iterations that were made before; 0 of a new run.
        config: the configuration as YAML.
        settings: its keys (``model.type``), and what was asked for on the command line.
        best: name of the score that chooses the best model, such as ``Evaluate/mIoU``.
    """

    save_dir: Path
    start: int
    config: str
    settings: Mapping[str, Setting]
    best: str

    def remembered(self, name: str) -> Optional[str]:
        """What `remember` kept of this run before it was resumed; None of a new one."""
        path = self._kept(name)
        return read_text(path).strip() if self.start and path.is_file() else None

    def remember(self, name: str, number: str) -> None:
        """Keep the name that a tool has for this run, to continue it when the run is resumed."""
        write_text(self._kept(name), f"{number}\n")

    def _kept(self, name: str) -> Path:
        return self.save_dir / f"{name}_run.txt"


class RunLogger(ABC):
    """A record of one start of a run, opened when it is made, in the first process only.

    An error while it is opened ends the run before its first step; a later one ends the record.
    """

    packages: ClassVar[Tuple[str, ...]] = ()
    """What it imports."""
    install: ClassVar[str] = ""
    """The command that installs these."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @abstractmethod
    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """Write numbers, by names such as ``Train/loss``; NaN where a score is not defined."""

    def picture(  # noqa: B027 (not all have them)
        self, name: str, picture: np.ndarray, iteration: int
    ) -> None:
        """Write a picture, uint8 (H, W, 3) in RGB, such as ``Images/1``; by default nothing."""

    def close(self, failed: bool) -> None:  # noqa: B027
        """End the record; ``failed``: training ended by an error or a signal."""


LOGGERS: Dict[str, Type[RunLogger]] = registry.table("loggers")
"""By name, as ``--loggers`` takes it."""


def register(name: str) -> Callable[[Type[RunLogger]], Type[RunLogger]]:
    """Return a decorator that adds a `RunLogger` by its name; ValueError if the name is taken."""

    def add(kind: Type[RunLogger]) -> Type[RunLogger]:
        if name in LOGGERS:
            raise ValueError(f"logger {name}: the name is taken; give it another one")
        LOGGERS[name] = kind
        return kind

    return add


def chosen(names: Iterable[str]) -> List[Type[RunLogger]]:
    """Return the loggers of names, each once; ValueError for others and for missing packages."""
    found = []
    for name in dict.fromkeys(names):
        if name not in LOGGERS:
            raise ValueError(
                f"--loggers: expected some of {', '.join(LOGGERS)}, got {name!r}"
                f"{did_you_mean(name, LOGGERS)}"
            )
        missing = [package for package in LOGGERS[name].packages if not is_installed(package)]
        if missing:
            raise ValueError(
                f"--loggers {name}: needs {', '.join(missing)}, which is not installed: "
                f"{LOGGERS[name].install}"
            )
        found.append(LOGGERS[name])
    return found


def opened(kinds: Iterable[Type[RunLogger]], run: Run) -> List[RunLogger]:
    """Open a record of each kind; if one cannot be had, those before it are ended."""
    records: List[RunLogger] = []
    try:
        for kind in kinds:
            records.append(kind(run))
    except BaseException:
        for record in records:
            record.close(failed=True)
        raise
    return records
