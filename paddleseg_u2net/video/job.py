"""Which video, and what becomes of it."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple, Optional

from paddleseg_u2net.removal import TRANSPARENT, Background
from paddleseg_u2net.removal.crop import Size


class Job(NamedTuple):
    """Which video, or camera, and what becomes of its frames.

    Args:
        source: a file, a folder of frames, or a pattern of them; of what is live see `open_source`.
        output: a file; of pictures a folder, or a pattern such as ``frames/%05d.png``; of what is
            live see `open_sink`.
        start, duration: which part, in seconds; None: to its end. A camera ends after it.
        rate: frames a second, of a folder or a pattern only.
        only: ``foreground`` or ``matte``.
        background: what stands behind a foreground.
        size: of the finished frames, in which the others are as large as they fit; a camera is
            asked for frames of this size. None: as they come.
        codec, crf: how a file is encoded; None: as is usual in the container.
    """

    source: str
    output: str
    start: Fraction = Fraction(0)
    duration: Optional[Fraction] = None
    rate: Optional[Fraction] = None
    only: str = "foreground"
    background: Background = TRANSPARENT
    size: Optional[Size] = None
    codec: Optional[str] = None
    crf: Optional[int] = None
