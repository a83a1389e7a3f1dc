"""The foreground's opacity, better than the network's map has it: clean, solid, with true edges."""

from paddleseg_u2net.removal.alpha.band import matted
from paddleseg_u2net.removal.alpha.clean import CLEAN, cleaned
from paddleseg_u2net.removal.alpha.hard import hardened
from paddleseg_u2net.removal.alpha.refine import refined
from paddleseg_u2net.removal.alpha.solid import solidified

__all__ = ["CLEAN", "cleaned", "hardened", "matted", "refined", "solidified"]
