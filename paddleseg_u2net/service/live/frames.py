"""One frame of a camera, decoded, and its foreground's opacity as a small file."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from paddleseg_u2net.io.images import at_most_pixels, decode_image

MOST_PIXELS = 1280 * 720
"""Of a frame: what is shown may be larger, only its opacity is of this size."""
MOST_BYTES = 1 << 20
"""Of a frame's file."""

_OPACITIES = bytes(range(256))


def decoded(content: bytes, most: int) -> np.ndarray:
    """The pixels of a frame, uint8 (H, W, 3); ImageError if it is none, or has more than that."""
    with at_most_pixels(most):
        return decode_image(content, 3, "frame")


def encoded(alpha: np.ndarray) -> bytes:
    """Opacity, uint8 (H, W), as a PNG that is black, and as opaque as that says.

    Its pixels are numbers of a palette whose n-th colour is black of the opacity n: it is as small
    as a grey picture, and a browser cuts a frame out with it as it is.
    """
    picture = Image.frombytes("P", alpha.shape[::-1], np.ascontiguousarray(alpha).tobytes())
    picture.putpalette(bytes(3 * len(_OPACITIES)))
    stream = io.BytesIO()
    picture.save(stream, "PNG", transparency=_OPACITIES, compress_level=1)
    return stream.getvalue()
