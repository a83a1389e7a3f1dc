"""What is made of a picture: the same options for the command, Python, HTTP and the page."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Optional

from paddleseg_u2net.removal.backgrounds import TRANSPARENT, Background
from paddleseg_u2net.removal.crop import Crop, Size, check_size

ONLY = ("foreground", "background", "mask")
MATTING = ("off", "band")


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
        clean: objects with less than this share, 0 to 1, of the largest one's area are dropped, and
            pinholes filled; None leaves all. See `alpha.cleaned`.
        solid: whether bodies are opaque inside. See `alpha.solidified`.
        matting: ``band`` solves the opacity around the object's edges anew, from the picture's
            colours, and makes the rest 0 or 255; ``off`` leaves the map's. See `alpha.matted`.
        presence: of less than this, 0 to 1, nothing is kept; 0: the foreground is kept however
            unsure it is. See `presence.presence`.
        hard: whether edges are hard, without anything between 0 and 255. See `alpha.hardened`.

    Raises:
        ValueError: there is no such option; the message names those that there are.
    """

    only: str = ONLY[0]
    background: Background = TRANSPARENT
    crop: Optional[Crop] = None
    size: Optional[Size] = None
    clean: Optional[float] = None
    solid: bool = False
    matting: str = MATTING[0]
    presence: float = 0.0
    hard: bool = False

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
        if self.clean is not None and not is_share(self.clean):
            raise ValueError(
                "clean: expected a number from 0 to 1, the least share of the largest object's "
                f"area that is kept, got {self.clean!r}"
            )
        if self.matting not in MATTING:
            allowed = ", ".join(MATTING)
            raise ValueError(f"matting: expected one of {allowed}, got {self.matting!r}")
        if self.matting != MATTING[0] and importlib.util.find_spec("scipy") is None:
            raise ValueError(
                "matting: the equations are solved by SciPy, which is not installed: "
                "pip install 'paddleseg_u2net[matting]'"
            )
        if not is_share(self.presence):
            raise ValueError(
                f"presence: expected a number of 0 (keep all) to 1, got {self.presence!r}"
            )


def is_share(value: object) -> bool:
    """Whether it is a number from 0 to 1."""
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    return numeric and 0 <= value <= 1  # type: ignore[operator]
