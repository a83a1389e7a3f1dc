"""Look at many files at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Callable, Iterator, Sequence, TypeVar

from paddleseg_u2net.progress import tracked

Item = TypeVar("Item")
Found = TypeVar("Found")


def look_at(items: Sequence[Item], look: Callable[[Item], Found], what: str) -> Iterator[Found]:
    """``look(item)`` for all items in order, several at once, with progress.

    Threads do, as decoding and counting leave the interpreter free.
    """
    with ThreadPoolExecutor() as pool:
        # In portions, for a generator that stops early should not have queued everything.
        portions = (items[start : start + 256] for start in range(0, len(items), 256))
        found = chain.from_iterable(pool.map(look, portion) for portion in portions)
        yield from tracked(found, f"looking at {what}", "files", len(items))
