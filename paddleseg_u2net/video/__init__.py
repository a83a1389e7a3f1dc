"""Moving pictures: frames in, frames with their foreground's opacity out, steady over time."""

from paddleseg_u2net.video.types import Matte

__all__ = ["Matte"]
