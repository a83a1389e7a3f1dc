"""Look at many files at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Callable, Iterator, Sequence, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Found = TypeVar("Found")


def look_at(items: Sequence[Item], look: Callable[[Item], Found], what: str) -> Iterator[Found]:
    """``look(item)`` for all items in order, several at once, with a bar on a terminal.

    Threads do, as decoding and counting leave the interpreter free.
    """
    with ThreadPoolExecutor() as pool:
        # In portions, for a generator that stops early should not have queued everything.
        portions = (items[start : start + 256] for start in range(0, len(items), 256))
        found = chain.from_iterable(pool.map(look, portion) for portion in portions)
        yield from tqdm(found, total=len(items), desc=f"looking at {what}", disable=None)
