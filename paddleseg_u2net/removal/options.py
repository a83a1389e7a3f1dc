"""What is made of a picture: the same options for the command, Python, HTTP and the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from paddleseg_u2net.removal.backgrounds import TRANSPARENT, Background
from paddleseg_u2net.removal.crop import Crop, Size, check_size

ONLY = ("foreground", "background", "mask")


@dataclass(frozen=True)
class Options:
    """What becomes of a picture.

    Args:
        only: what is kept: ``foreground``, with its opacity; ``background``, what the foreground
            leaves of the picture; or the ``mask``, the foreground's opacity in grey.
        background: what stands behind what is kept, see `parse_background`; a mask has none.
        crop: cut to the object, or None.
        size: width and height of the finished picture, or None for its own. All of it is seen, in
            its own proportions, as large as it fits, also larger than it was; the background, or
            transparency, fills the rest.

    Raises:
        ValueError: there is no such option; the message names those that there are.
    """

    only: str = ONLY[0]
    background: Background = TRANSPARENT
    crop: Optional[Crop] = None
    size: Optional[Size] = None

    def __post_init__(self) -> None:
        if self.only not in ONLY:
            raise ValueError(f"only: expected one of {', '.join(ONLY)}, got {self.only!r}")
        if not isinstance(self.background, Background):
            raise ValueError(
                "background: expected a Background, such as parse_background('white'), got "
                f"{self.background!r}"
            )
        if self.crop is not None and not isinstance(self.crop, Crop):
            raise ValueError(f"crop: expected a Crop, such as Crop('5%'), got {self.crop!r}")
        if self.size is not None:
            check_size(self.size)
