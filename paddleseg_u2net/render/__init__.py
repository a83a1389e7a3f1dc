"""Arrays to pictures: palettes, overlays, cut-outs, saliency maps.

Knows numpy, OpenCV and Pillow; knows no model and no Paddle.
"""

from __future__ import annotations

from paddleseg_u2net.render.cutout import cutout
from paddleseg_u2net.render.overlay import (
    blend,
    color_map,
    foreground,
    heat,
    pseudo_color,
    saliency,
)

__all__ = ["blend", "color_map", "cutout", "foreground", "heat", "pseudo_color", "saliency"]
