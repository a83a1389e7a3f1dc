"""What became of a video, frame by frame, in little memory however long it is."""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, Mapping

from paddleseg_u2net._version import __version__
from paddleseg_u2net.io.files import write_text
from paddleseg_u2net.log import logger
from paddleseg_u2net.video.types import Matte

# What is told of a frame beside numbers; each is a bit.
_FLAGS = ("found", "ran", "cut")


class Report:
    """What became of each frame of a video, for ``--json`` and for the last line of the log.

    Args:
        told: what is told of the whole: by which ``model``, with which ``settings``.

    Attributes:
        seconds: that the work took.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told: Dict[str, Any] = dict(told)
        self.seconds = 0.0
        self.notes: Dict[str, str] = {}
        # Numbers only: a film has more frames than a list of objects should have.
        self._times, self._presences, self._flags = array("d"), array("f"), bytearray()

    def add(self, matte: Matte) -> None:
        """Tell of a frame that is written."""
        self._times.append(float(matte.frame.time))
        self._presences.append(matte.presence)
        self._flags.append(sum(getattr(matte, flag) << bit for bit, flag in enumerate(_FLAGS)))

    def note(self, name: str, notes: Iterable[str]) -> None:
        """Tell what was done to a file beside what was asked for."""
        for text in notes:
            if self.notes.get(text) != name:
                self.notes[text] = name
                logger.warning(f"{name}: {text}")

    @property
    def frames(self) -> int:
        """How many frames are written."""
        return len(self._times)

    def count(self, flag: str) -> int:
        """Of how many frames a flag (``found``, ``ran``, ``cut``) is true."""
        bit = 1 << _FLAGS.index(flag)
        return sum(1 for flags in self._flags if flags & bit)

    def written(self) -> str:
        """How much is written, in words."""
        if not self.frames:
            return "nothing was written"
        return f"{_frames(self.frames)} ({self._times[-1]:.1f} s) are written, and play"

    def summary(self) -> str:
        """The whole in a line."""
        rate = self.frames / self.seconds if self.seconds else 0.0
        parts = [f"{_frames(self.frames)} in {self.seconds:.1f} s ({rate:.1f} frames/s)"]
        parts.append(f"the network saw {self.count('ran')}")
        cuts, empty = self.count("cut"), self.frames - self.count("found")
        if cuts:
            parts.append("1 cut" if cuts == 1 else f"{cuts} cuts")
        if empty:
            parts.append(f"{empty} without an object")
        return ", ".join(parts)

    def write(self, path: Path) -> None:
        """Write it as JSON, a frame a line."""
        content = {
            **self.told,
            "version": __version__,
            "seconds": round(self.seconds, 3),
            "frames_per_second": round(self.frames / self.seconds, 3) if self.seconds else None,
            "frames_written": self.frames,
            **{f"frames_{flag}": self.count(flag) for flag in _FLAGS},
            "notes": [f"{name}: {text}" for text, name in self.notes.items()],
        }
        lines = [f"{_json(name)}: {_json(value)}" for name, value in content.items()]
        frames = ",\n  ".join(map(_json, self._entries()))
        lines.append(f'"frames": [\n  {frames}\n ]' if frames else '"frames": []')
        write_text(path, "{\n " + ",\n ".join(lines) + "\n}\n")

    def _entries(self) -> Iterator[Dict[str, Any]]:
        for number, flags in enumerate(self._flags):
            yield {
                "number": number,
                "time": round(self._times[number], 6),
                "presence": round(self._presences[number], 4),
                **{flag: bool(flags >> bit & 1) for bit, flag in enumerate(_FLAGS)},
            }


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
