"""How the mattes of a video are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from paddleseg_u2net.env import cores
from paddleseg_u2net.removal.options import is_share
from paddleseg_u2net.removal.presence import PRESENT

AUTO = "auto"
Every = Union[int, str]
"""A whole number, or `AUTO`."""

# Frames that may lie between two stages of the work: so many that networks have enough to do where
# few frames need one; of a camera, whose frames would only grow old there, one.
_WAITING = 8


@dataclass(frozen=True)
class Settings:
    """How the mattes of a video are made.

    Args:
        every: the network sees each such frame, 1, 2, ...; the maps of those between come from
            their neighbours, along the motion. ``auto``: as many as the motion asks for.
        steady: how steady maps are made over time, 0 (each as the network gives it) to 1; see
            `steadier.Steadier`.
        ahead: how many frames a map waits for those that come after it; 0 of a camera.
        presence: of less than this, 0 to 1, nothing is kept; 0: the foreground is kept however
            unsure it is. See `gate.Gate`.
        networks: how many frames are in a network at once; 0: as many as there are cores. Give
            each the threads of its share of the cores: with one thread it loses no time waiting.
        live: frames come when they come, as a camera's: as few as possible wait inside.

    Raises:
        ValueError: a value is none of these; the message says which are.
    """

    every: Every = AUTO
    steady: float = 1.0
    ahead: int = 4
    presence: float = PRESENT
    networks: int = 0
    live: bool = False

    def __post_init__(self) -> None:
        if self.every != AUTO and not _is_whole(self.every, 1):
            raise ValueError(
                f"every: expected auto, or a whole number of 1 or more, got {self.every!r}"
            )
        if not is_share(self.steady):
            raise ValueError(f"steady: expected a number of 0 (off) to 1, got {self.steady!r}")
        if not _is_whole(self.ahead, 0):
            raise ValueError(
                f"ahead: expected a whole number of frames, 0 or more, got {self.ahead!r}"
            )
        if not is_share(self.presence):
            raise ValueError(
                f"presence: expected a number of 0 (keep all) to 1, got {self.presence!r}"
            )
        if not _is_whole(self.networks, 0):
            raise ValueError(
                "networks: expected a whole number of 1 or more, or 0 for as many as there are "
                f"cores, got {self.networks!r}"
            )

    @property
    def at_once(self) -> int:
        """How many frames are in a network at once."""
        return self.networks or cores()

    @property
    def waiting(self) -> int:
        """How many frames may wait between two stages."""
        return 1 if self.live else _WAITING


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def parse_every(text: str) -> Every:
    """What ``every`` is of a word: ``auto``, or a whole number as one; other words stay."""
    return int(text) if text.isdigit() else text
