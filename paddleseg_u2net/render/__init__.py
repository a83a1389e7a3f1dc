"""Arrays to pictures: palettes, overlays, cut-outs, saliency maps and contact sheets.

Knows numpy, OpenCV and Pillow; knows no model and no Paddle.
"""

from __future__ import annotations

from paddleseg_u2net.render.contact_sheet import contact_sheet
from paddleseg_u2net.render.cutout import cutout
from paddleseg_u2net.render.overlay import (
    added,
    color_map,
    foreground,
    heat,
    pseudo_color,
    saliency,
)

__all__ = [
    "added",
    "color_map",
    "contact_sheet",
    "cutout",
    "foreground",
    "heat",
    "pseudo_color",
    "saliency",
]
