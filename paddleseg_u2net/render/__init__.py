"""Arrays to pictures: palettes, overlays, cut-outs, contact sheets, charts. Knows no model."""

from __future__ import annotations

from paddleseg_u2net.render.cutout import cutout
from paddleseg_u2net.render.overlay import blend, color_map, foreground, saliency
