"""What label files are read into, an image each with what makes its mask; and how they are read."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Protocol, Sequence, Tuple, TypeVar, Union

import numpy as np

from paddleseg_u2net.io import files
from paddleseg_u2net.progress import tracked
from paddleseg_u2net.text import short_list

Tree = Dict[str, Any]  # a JSON object
Item = TypeVar("Item")
Found = TypeVar("Found")


class AnnotationError(ValueError):
    """Annotations cannot be used; the message names the file, the problem and the repair."""


def wrong(
    where: object, expected: object, got: object, repair: str = "correct it there"
) -> AnnotationError:
    """The error for a place in a file that holds something else than expected."""
    return AnnotationError(f"{where}: expected {expected}, got {got}; {repair}")


class MaskSource(Protocol):
    """Makes the mask of one image; immutable, and can be pickled."""

    @property
    def file(self) -> Optional[Path]:
        """A file that is this mask unchanged and can be linked or copied, if there is one."""
        return None

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        """Make the mask for an image of ``shape`` (height, width).

        It is uint8 (H, W) of class numbers, 255 where ignored; of soft sources uint8 or uint16
        with 0 for the background and the largest value for the foreground. What is of another
        size or cannot be understood is an AnnotationError, a file that cannot be read ImageError.
        """


@dataclass(frozen=True)
class Picture:
    """An image that is not a file of its own: the suffix of such a file, and what reads it."""

    suffix: str
    read: Callable[[], bytes]  # can be pickled; AnnotationError if it cannot be understood


@dataclass(frozen=True)
class Sample:
    """One image and its annotation.

    Attributes:
        image: The file; with a ``picture`` the label file that holds it.
        name: Path of the image in a new data set, ``/`` between folders, without a suffix.
        split: ``train``, ``val`` or ``test`` where the source says so, else empty.
        group: Images of one group (a video, a patient) stay in one split; empty: alone.
        picture: The image, if it is not a file of its own.
    """

    image: Path
    name: str
    mask: MaskSource
    split: str = ""
    group: str = ""
    picture: Optional[Picture] = None

    @property
    def suffix(self) -> str:
        """Suffix of the image's file in a new data set."""
        return self.picture.suffix if self.picture else self.image.suffix


@dataclass(frozen=True)
class Bad:
    """An image that cannot be used, and why; ``missing``: it, or its label, does not exist."""

    image: Path
    why: str
    missing: bool = False


@dataclass
class AnnotatedDataset:
    """All that was read from one source.

    Attributes:
        classes: Names by class number; the first is the background.
        samples: Sorted by name; names are unique.
        soft: Whether masks are probabilities of one class instead of class numbers.
        remarks: What the user should know, a sentence each.
        bad: Images that the source names and that are not in ``samples``, such as missing ones.
    """

    classes: Tuple[str, ...]
    samples: List[Sample]
    soft: bool = False
    remarks: List[str] = dataclasses.field(default_factory=list)
    bad: List[Bad] = dataclasses.field(default_factory=list)


def read_lines(path: Path) -> List[str]:
    """Read the lines of a UTF-8 text file, without spaces around them."""
    return _read(path, "text", lambda text: [line.strip() for line in text.splitlines()])


def read_json(path: Path, hook: Optional[Callable[[Tree], Any]] = None) -> Any:
    """Read a JSON file; the answer of ``hook``, which saves memory, takes the place of objects."""
    return _read(path, "JSON", partial(json.loads, object_hook=hook))


def _read(path: Path, kind: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(files.read_text(path))
    except (OSError, RecursionError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        repair = "check the path, or export it again"
        raise AnnotationError(f"{path}: expected {kind} in UTF-8, but {why}; {repair}") from None


def require_keys(tree: Any, keys: Sequence[str], path: Path, expected: str) -> Tree:
    """Return the file's object if it has the keys of its kind."""
    if isinstance(tree, dict) and all(key in tree for key in keys):
        return tree
    repair = "give the right file, or choose the reader for this one"
    raise wrong(path, f"{expected} with {', '.join(keys)}", what_is(tree), repair)


def what_is(tree: Any) -> str:
    """Say what a JSON file holds."""
    if isinstance(tree, dict):
        return f"the keys {short_list(tree, 6)}"
    return f"a {type(tree).__name__}"


def field(tree: Any, key: str, kinds: Union[type, Tuple[type, ...]], where: object) -> Any:
    """Return ``tree[key]`` if it is of one of the kinds; ``true`` is no number."""
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(tree, dict):
        raise wrong(where, "an object {...}", f"{tree!r:.60}")
    if key not in tree:
        raise AnnotationError(f"{where}: {key} is missing; add it there or export it again")
    value = tree[key]
    if not isinstance(value, kinds) or isinstance(value, bool):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise wrong(where, f"{expected} as {key}", f"{type(value).__name__} {value!r:.60}")
    return value


def size_field(tree: Any, height: str, width: str, where: object) -> Tuple[int, int]:
    """Return height and width, whole numbers from 1 on that are stored under two keys."""
    numbers = []
    for key in (height, width):
        value = field(tree, key, (int, float), where)
        if not value >= 1 or value != value // 1 or value > 1e9:
            raise wrong(where, f"a number of pixels as {key}", value)
        numbers.append(int(value))
    return numbers[0], numbers[1]


def thread_map(work: Callable[[Item], Found], items: Sequence[Item], what: str) -> List[Found]:
    """Return ``work(item)`` for all items in order, from several threads, with progress."""
    # No generator: one that is left early waits for its threads when it is collected, and where
    # that happens while another thread starts, both wait for ever (Python 3.12).
    with ThreadPoolExecutor() as pool:
        # In chunks, so that little is left to do after an error.
        chunks = (items[start : start + 256] for start in range(0, len(items), 256))
        found = chain.from_iterable(pool.map(work, chunk) for chunk in chunks)
        return list(tracked(found, f"looking at {what}", "files", len(items)))


def counted(count: int, what: str) -> str:
    """``1 image``, ``2 images``."""
    return f"1 {what}" if count == 1 else f"{count} {what}s"
