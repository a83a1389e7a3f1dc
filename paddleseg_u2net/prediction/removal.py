"""Files of images to files of pictures without their background, all of them at once."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import (
    Any,
    BinaryIO,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from paddleseg_u2net._version import __version__
from paddleseg_u2net.io.files import check_writable, write_bytes, write_text
from paddleseg_u2net.io.images import Original, decode_original, read_original
from paddleseg_u2net.log import logger
from paddleseg_u2net.prediction.jobs import refuse_overwriting
from paddleseg_u2net.prediction.pipelining import Failure, pixels_of, worked
from paddleseg_u2net.removal import Options, Removed, Remover
from paddleseg_u2net.removal.encoding import Encoding, encode

# How many times the memory a picture takes whose edges are solved for: large ones are alone.
_MATTED = 3

# What to do where a picture would be written over an image.
INSTEAD = "choose another OUTPUT or --name"

# Images of which one and the same thing is told in the log.
_MOST_NOTED = 3
_NO_MORE = " (not said again of others; --json tells it of each)"

DONE, EMPTY, FAILED, SKIPPED = "done", "empty", "failed", "skipped"


class Work(NamedTuple):
    """An image, and where its picture goes.

    Args:
        image: its file; of an image that is none what messages call it.
        output: a file, or an open stream.
        content: of the image that is no file.
    """

    image: Path
    output: Union[Path, BinaryIO]
    content: Optional[bytes] = None


class Report:
    """What became of each image, for ``--json``: also of those that were done when a run ended.

    What is to be noted of an image is logged too, the same of a few images only.

    Args:
        told: what is told of all of them: by which ``model``, with which ``settings``.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told = dict(told)
        self._noted: Counter[str] = Counter()
        self._entries: Dict[Path, Optional[Dict[str, Any]]] = {}

    def without_done(self, works: Sequence[Work]) -> List[Work]:
        """The works whose picture is not there, or is older; the others are told as skipped."""
        self.expect(works)
        there = {work.image for work in works if _is_there(work)}
        for work in works:
            if work.image in there:
                self.add(work, SKIPPED)
        return [work for work in works if work.image not in there]

    def expect(self, works: Sequence[Work]) -> None:
        """Tell of images that are to be worked on, in the order that they are told in."""
        for work in works:
            self._entries.setdefault(work.image, None)

    def add(self, work: Work, state: str, seconds: float = 0.0, **found: Any) -> None:
        """Tell what became of one image; a later word on it replaces an earlier one."""
        output = str(work.output) if isinstance(work.output, Path) else "-"
        self._entries[work.image] = {
            "input": str(work.image),
            "output": output if state != FAILED else None,
            "state": state,
            "error": None,
            "seconds": round(seconds, 4),
            **dict.fromkeys(("presence", "found", "box", "area")),
            "notes": [],
            **found,
        }
        for note in found.get("notes", ()):
            self._noted[note] += 1
            if self._noted[note] <= _MOST_NOTED:
                is_last = self._noted[note] == _MOST_NOTED
                logger.warning(f"{work.image}: {note}{_NO_MORE if is_last else ''}")

    def clear(self) -> None:
        """Forget it all."""
        self._entries.clear()

    def state(self, work: Work) -> Optional[str]:
        """What became of an image; None if it was not begun."""
        entry = self._entries.get(work.image)
        return entry["state"] if entry else None

    def count(self, *states: str) -> int:
        """How many images are in one of the states."""
        told = [entry for entry in list(self._entries.values()) if entry]
        return sum(entry["state"] in states for entry in told)

    def write(self, path: Path) -> None:
        """Write it as JSON; ``left`` is how many were not begun."""
        entries = [entry for entry in self._entries.values() if entry]
        left = len(self._entries) - len(entries)
        content = {**self.told, "version": __version__, "left": left}
        lines = [f"{_json(name)}: {_json(value)}" for name, value in content.items()]
        pictures = ",\n  ".join(map(_json, entries))
        lines.append(f'"pictures": [\n  {pictures}\n ]' if entries else '"pictures": []')
        write_text(path, "{\n " + ",\n ".join(lines) + "\n}\n")


def remove_files(
    remover: Remover,
    works: Sequence[Work],
    options: Options,
    encoding: Encoding,
    report: Report,
    on_failure: Callable[[Failure], None] = lambda failure: None,
) -> List[Failure]:
    """Write the picture of each image; the images that failed are returned, the rest is done.

    Args:
        report: gets a word on each.
        on_failure: is told of each failure, in the order of the works, while others go on.

    Raises:
        OSError: the disk is full or read-only; the message says how many images were done.
    """

    def failed(failure: Failure) -> None:
        report.add(by_image[failure.image], FAILED, error=failure.reason)
        on_failure(failure)

    by_image = {work.image: work for work in works}
    report.expect(works)
    again = "run it again with --skip_existing"
    return worked(works, Removal(remover, options, encoding, report), "removing", again, failed)


def _is_there(work: Work) -> bool:
    """Whether an image has a picture that is not older."""
    try:
        return (
            isinstance(work.output, Path)
            and work.output.stat().st_mtime_ns >= work.image.stat().st_mtime_ns
        )
    except OSError:
        return False


def check_outputs(
    works: Sequence[Work], folder: Optional[Path], others: Sequence[Path] = ()
) -> None:
    """Refuse what would write over an image, or cannot be written, before the work for it.

    ``others``: images that are read for all of them.
    """
    files = [work.output for work in works if isinstance(work.output, Path)]
    refuse_overwriting([*(work.image for work in works), *others], files, INSTEAD)
    if folder is not None:
        check_writable(folder, folder=True)
    elif len(files) == 1:
        check_writable(files[0])


class Removal:
    """The steps of one image, for `pipelined`; each hands on the seconds since the first.

    Args:
        report: gets a word on each image that is written.
    """

    def __init__(
        self, remover: Remover, options: Options, encoding: Encoding, report: Report
    ) -> None:
        self._remover, self._options, self._encoding = remover, options, encoding
        self._report = report

    def weight(self, work: Work) -> int:
        """How much memory it takes, as `pipelined` counts it."""
        if work.content is not None:
            return 0
        heavier = 1 if self._options.matting == "off" else _MATTED
        return heavier * pixels_of(work.image, self._remover.pipeline)

    def read(self, work: Work) -> Tuple[Any, ...]:
        """The file's picture, and the network's input."""
        begun = time.perf_counter()
        if work.content is None:
            original = read_original(work.image)
        else:
            original = decode_original(work.content, work.image)
        batch = self._remover.prepare(original.picture)[None]
        return original, batch, time.perf_counter() - begun

    def compute(self, read: Tuple[Any, ...]) -> Tuple[Any, ...]:
        """The same, with the network's answer for its input."""
        original, batch, seconds = read
        begun = time.perf_counter()
        probability = self._remover.pipeline.probabilities(batch)[0]
        return original, probability, seconds + time.perf_counter() - begun

    def write(self, work: Work, computed: Tuple[Any, ...]) -> None:
        """Finish the picture, write it, and report it."""
        original, probability, seconds = computed
        begun = time.perf_counter()
        picture, metadata = original.picture, original.metadata
        removed = self._remover.finish(picture, probability, self._options, metadata.profile)
        content = encode(removed.picture, metadata, self._encoding, work.image)
        if isinstance(work.output, Path):
            write_bytes(work.output, content)
        else:
            work.output.write(content)
            work.output.flush()
        seconds += time.perf_counter() - begun
        found = _found(removed, original, self._encoding)
        self._report.add(work, DONE if removed.found else EMPTY, seconds, **found)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _found(removed: Removed, original: Original, encoding: Encoding) -> Dict[str, Any]:
    """What is told of a picture."""
    notes = [*original.notes, *removed.notes, *encoding.notes(removed.picture)]
    if not (removed.found or removed.notes):  # such as that it was refused
        notes.append("nothing was found; the picture is written all the same")
    return {
        "presence": round(removed.presence, 4),
        "found": removed.found,
        "box": removed.box,
        "area": round(removed.area, 6),
        "notes": notes,
    }
