"""Text for a terminal, whatever letters it has."""

from __future__ import annotations

import sys


def printable(text: str) -> str:
    """Return ``text`` with escapes for what the terminal has no letters for."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
