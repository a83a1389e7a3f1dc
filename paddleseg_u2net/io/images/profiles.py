"""Colour profiles (ICC): colours of one as colours of another, by lcms as image editors do it."""

from __future__ import annotations

import functools
import io
from typing import Any, Optional

import numpy as np
from PIL import Image, ImageCms

# As lcms calls them; without the last, its tables are 10 of 255 off for dark linear greys.
_RELATIVE, _BLACK_POINTS, _EXACTLY = 1, 0x2000, 0x0100
_CMS: Any = ImageCms


def rgb_profile(profile: Optional[bytes]) -> Optional[bytes]:
    """The ICC profile, if it is one of RGB colours; any other would falsify them."""
    whole = profile is not None and len(profile) > 128 and profile[36:40] == b"acsp"
    return profile if whole and profile is not None and profile[16:20] == b"RGB " else None


def converted(picture: Any, source: Optional[bytes], target: Optional[bytes] = None) -> Any:
    """A Pillow picture of mode L, RGB or CMYK in RGB of another profile; None if that fails.

    Args:
        source, target: profiles; None is sRGB.
    """
    try:
        return _CMS.profileToProfile(
            picture,
            _opened(source),
            _opened(target),
            renderingIntent=_RELATIVE,
            outputMode="RGB",
            flags=_BLACK_POINTS | (_EXACTLY if picture.mode == "L" else 0),
        )
    except (ImportError, OSError, _CMS.PyCMSError):
        return None


def of_profile(colours: np.ndarray, source: Optional[bytes], target: Optional[bytes]) -> np.ndarray:
    """Colours uint8 (H, W, 3) of a profile as those of another; as they are if that fails."""
    if source == target or (is_srgb(source) and is_srgb(target)):
        return colours
    found = converted(Image.fromarray(np.ascontiguousarray(colours)), source, target)
    return colours if found is None else np.array(found)


@functools.lru_cache(maxsize=16)
def is_srgb(profile: Optional[bytes]) -> bool:
    """Whether colours of a profile are sRGB's but for rounding: there are many such profiles."""
    if profile is None:
        return True
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(9, -1, 3)
    found = converted(Image.fromarray(colours), profile)
    return found is None or bool(np.abs(np.array(found, np.int16) - colours).max() <= 2)


def _opened(profile: Optional[bytes]) -> Any:
    if profile is None:
        return _CMS.createProfile("sRGB")
    return _CMS.ImageCmsProfile(io.BytesIO(profile))
