"""How this project's figures look, and Matplotlib's settings for as long as one is drawn.

Matplotlib reads its settings from one table of the whole process; a lock lets threads in one by
one, and the table is as before afterwards.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Any, Dict, Iterator

from paddleseg_u2net.text import one_line

__all__ = ["house_settings", "plain"]

_SETTINGS: Dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # the one that Matplotlib brings
    "font.size": 9.0,
    "axes.unicode_minus": True,
    "pdf.fonttype": 42,  # TrueType; publishers refuse Matplotlib's own choice, Type 3
    "pdf.use14corefonts": False,
    "text.usetex": False,
}
_lock = threading.RLock()


@contextmanager
def house_settings() -> Iterator[None]:
    """Matplotlib's settings as ours, for one thread at a time.

    Not its ``rc_context``, which puts the whole table back and with it undoes what another
    thread has set meanwhile.
    """
    import matplotlib

    table: Any = matplotlib.rcParams
    with _lock:
        before = {key: table[key] for key in _SETTINGS}
        table.update(_SETTINGS)
        try:
            yield
        finally:
            table.update(before)


def plain(text: str) -> str:
    """Return ``text`` so that Matplotlib draws its dollar signs and reads no formula."""
    return one_line(text).replace("$", r"\$")
