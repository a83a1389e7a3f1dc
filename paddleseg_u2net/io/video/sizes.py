"""The size that frames are given in."""

from __future__ import annotations

from typing import Optional, Tuple

from paddleseg_u2net.io.images import TooManyPixels
from paddleseg_u2net.io.images.opening import check_pixel_count
from paddleseg_u2net.io.video.types import PathLike, Size, VideoError


def shown_size(source: PathLike, height: int, width: int, size: Optional[Size]) -> Tuple[int, int]:
    """(height, width) of frames of `height` x `width` where `size` is asked for."""
    if size is None:
        wanted = (height, width)
    elif isinstance(size, int):
        short = min(height, width)
        # Even, as most players and codecs want them.
        wanted = tuple(  # type: ignore[assignment]
            size if side == short else 2 * round(side * size / short / 2)
            for side in (height, width)
        )
    else:
        wanted = (int(size[0]), int(size[1]))
    if min(wanted) < 1:
        raise VideoError(source, f"expected a size of 1 pixel or more, found {size}")
    try:
        check_pixel_count(wanted[::-1], source)
    except TooManyPixels as error:
        raise VideoError(source, str(error).partition(": ")[2]) from error
    return wanted
