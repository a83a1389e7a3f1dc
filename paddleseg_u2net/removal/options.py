"""What is made of a picture: the same options for the command, Python, HTTP and the page."""

from __future__ import annotations

from dataclasses import dataclass

ONLY = ("foreground", "background", "mask")


@dataclass(frozen=True)
class Options:
    """What becomes of a picture.

    Args:
        only: what is kept: ``foreground``, with its opacity; ``background``, what the foreground
            leaves of the picture; or the ``mask``, the foreground's opacity in grey.

    Raises:
        ValueError: there is no such option; the message names those that there are.
    """

    only: str = ONLY[0]

    def __post_init__(self) -> None:
        if self.only not in ONLY:
            raise ValueError(f"only: expected one of {', '.join(ONLY)}, got {self.only!r}")
