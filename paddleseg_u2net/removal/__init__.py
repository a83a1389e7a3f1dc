"""One picture without its background: what a network says of it, made a finished picture.

A picture is a uint8 or uint16 array (H, W, 3), RGB, or (H, W, 4), RGBA; see `Remover`.
"""

from paddleseg_u2net.removal.backgrounds import (
    TRANSPARENT,
    Background,
    Blur,
    Plain,
    Scene,
    parse_background,
    picture_background,
)
from paddleseg_u2net.removal.crop import Box, Crop, NothingFound, parse_size
from paddleseg_u2net.removal.encoding import (
    FORMATS,
    Encoding,
    encode,
    format_of_suffix,
)
from paddleseg_u2net.removal.options import Options
from paddleseg_u2net.removal.rembg import rembg_words
from paddleseg_u2net.removal.remover import Removed, Remover
from paddleseg_u2net.removal.words import options_of

__all__ = [
    "FORMATS",
    "TRANSPARENT",
    "Background",
    "Blur",
    "Box",
    "Crop",
    "Encoding",
    "NothingFound",
    "Options",
    "Plain",
    "Removed",
    "Remover",
    "Scene",
    "encode",
    "format_of_suffix",
    "options_of",
    "parse_background",
    "parse_size",
    "picture_background",
    "rembg_words",
]
