"""What is read and written: frames with their times, and what a video says of itself."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

import numpy as np

PathLike = Union[str, "os.PathLike[str]"]
Seconds = Union[int, float, str, Fraction]
# The shorter side, with the proportions kept, or (height, width).
Size = Union[int, Tuple[int, int]]


class VideoError(ValueError):
    """A video that cannot be read or written as asked; the message begins with its path."""

    def __init__(self, path: PathLike, message: str) -> None:
        super().__init__(f"{os.fspath(path)}: {message}")


def seconds(path: PathLike, name: str, value: Seconds) -> Fraction:
    """The exact number that is meant; 0.1 is a tenth."""
    try:
        return Fraction(repr(value) if isinstance(value, float) else value)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise VideoError(path, f"expected {name} as a number, found {value!r}") from error


class Frame(NamedTuple):
    """One frame, upright, of square pixels."""

    picture: np.ndarray  # uint8 (H, W, 3), RGB
    time: Fraction  # seconds since the start that was asked for
    number: int  # 0, 1, ... of the frames that are given


class VideoInfo(NamedTuple):
    """What a video says of itself, upright, and of the part that is read."""

    height: int
    width: int
    rate: Fraction  # mean frames per second
    frames: Optional[int]  # about how many there will be; None: not known
    duration: Optional[Fraction]  # seconds
    notes: Tuple[str, ...]  # what is done to it: turned, deinterlaced, ...


class Notes:
    """What was repaired, left out or converted: each said once, with how often it happened."""

    def __init__(self) -> None:
        self._counts: Dict[str, int] = {}

    def add(self, text: str) -> None:
        """Count `text`, in which ``{n}`` stands for how often it was added."""
        self._counts[text] = self._counts.get(text, 0) + 1

    def __iter__(self) -> Iterator[str]:
        return (text.replace("{n}", str(count)) for text, count in self._counts.items())


class Video:
    """A video that is open: a context manager that gives its frames, in one thread, once.

    Attributes:
        info: What it says of itself.
    """

    info: VideoInfo

    def __init__(self) -> None:
        self._notes = Notes()

    def __iter__(self) -> Iterator[Frame]:
        raise NotImplementedError

    def notes(self) -> List[str]:
        """Return what was done or repaired so far, a sentence each."""
        return list(self._notes)

    def close(self) -> None:
        """Close the file; frames that were given stay valid."""

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class VideoWriter:
    """A video that is being written: a context manager.

    However the block is left, what was written plays and has its name; where nothing was written
    there is no file.
    """

    def __init__(self) -> None:
        self._notes = Notes()

    def write(self, picture: np.ndarray, time: Seconds) -> None:
        """Write a frame; times (seconds) grow from frame to frame.

        Args:
            picture: `uint8`: (H, W, 3) for the kind ``rgb``, (H, W, 4) of straight alpha for
                ``rgba``, (H, W) for ``grey``.

        Raises:
            OSError: The disk is full, or takes no more for another reason.
        """
        raise NotImplementedError

    def notes(self) -> List[str]:
        """Return what was converted or left out so far, a sentence each."""
        return list(self._notes)

    def close(self, whole: bool = True) -> None:
        """End the file; with ``whole`` the sound after the last frame goes along, too."""
        raise NotImplementedError

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        self.close(whole=kind is None)
