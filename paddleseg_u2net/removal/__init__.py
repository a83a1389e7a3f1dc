"""One picture without its background: what a network says of it, made a finished picture.

A picture is a uint8 array (H, W, 3), RGB, or (H, W, 4), RGBA; see `Remover`.
"""

from paddleseg_u2net.removal.options import Options
from paddleseg_u2net.removal.remover import Removed, Remover

__all__ = ["Options", "Removed", "Remover"]
