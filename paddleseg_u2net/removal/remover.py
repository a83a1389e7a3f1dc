"""From a picture and the network's map of it to the finished picture."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

import numpy as np
from PIL import Image

from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.io.images import convert_image, eight_bit
from paddleseg_u2net.removal.alpha import refined
from paddleseg_u2net.removal.composing import composed
from paddleseg_u2net.removal.crop import OBJECT, Box
from paddleseg_u2net.removal.options import Options
from paddleseg_u2net.removal.presence import doubts, presence
from paddleseg_u2net.render import foreground

_PLAIN = Options()


class Removed(NamedTuple):
    """A finished picture, and what was found in it.

    Args:
        picture: of the type of the picture that came, (h, w, 4), RGBA, or on an opaque background
            (h, w, 3), RGB; uint8 (h, w) of a mask.
        alpha: uint8 (H, W), the foreground's opacity at the size of the picture that came.
        box: of the object in the picture that came; None if there is none.
        area: the share of that picture's pixels that is the object's, 0 to 1.
        presence: how sure it is that there is an object, 0 to 1; see `presence.presence`.
        notes: what the user should be told of it.
    """

    picture: np.ndarray
    alpha: np.ndarray
    box: Optional[Box]
    area: float
    presence: float
    notes: Tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether there is an object: it was not refused, and a pixel is more than half of it."""
        return self.box is not None


class Remover:
    """Pictures without their background, of one model.

    Its three steps may run in different threads, so that a folder's pictures are read and written
    while the network runs.

    Args:
        pipeline: the model's; its maps' background is class 0.
        channels: of the images that the network takes.
    """

    def __init__(self, pipeline: Pipeline, channels: int = 3) -> None:
        self.pipeline, self.channels = pipeline, channels

    def __call__(
        self,
        picture: np.ndarray,
        options: Options = _PLAIN,
        profile: Optional[bytes] = None,
    ) -> Removed:
        """uint8 or uint16, (H, W, 3) or (H, W, 4) -> the finished picture; see `finish`."""
        batch = self.prepare(picture)[None]
        return self.finish(picture, self.pipeline.probabilities(batch)[0], options, profile)

    def prepare(self, picture: np.ndarray) -> np.ndarray:
        """The network's input, float32 (C, h, w), of which `Pipeline.probabilities` takes many."""
        return self.pipeline.prepare(self._seen(picture))

    def finish(
        self,
        picture: np.ndarray,
        probability: np.ndarray,
        options: Options = _PLAIN,
        profile: Optional[bytes] = None,
    ) -> Removed:
        """The finished picture from its probabilities (K, h, w), as the network gives them.

        Args:
            profile: the ICC profile of the picture's colours, for a background of sRGB or another
                profile to look as it is meant to; None: they are sRGB's.

        Raises:
            NothingFound: it is to be cropped, and there is no object.
        """
        small = self._without_padding(probability, picture)
        score = presence(small)
        notes = doubts(score, options.presence)
        if score < options.presence:
            alpha = np.zeros(picture.shape[:2], np.uint8)
        else:
            alpha = self._alpha(probability, picture)
            pixel = max(large / few for large, few in zip(alpha.shape, small.shape[1:]))
            alpha, more = refined(picture, alpha, options, pixel)
            notes += more
        finished = composed(picture, alpha, options, profile)
        return Removed(finished, alpha, *_object(alpha), score, notes)

    def _alpha(self, probability: np.ndarray, picture: np.ndarray) -> np.ndarray:
        """The foreground's opacity, uint8 (H, W), as the map has it."""
        one = len(probability) == 1
        grey = self.pipeline.grey(probability, picture.shape[:2]) if one else None
        if grey is not None:
            return grey[0]
        return foreground(self.pipeline.restore(probability, self._seen(picture)))

    def _without_padding(self, probability: np.ndarray, picture: np.ndarray) -> np.ndarray:
        """What of a map (K, h, w) is of the picture."""
        size = (picture.shape[1], picture.shape[0])
        return self.pipeline.preprocess.fit.unpadded(probability, size)

    def _seen(self, picture: np.ndarray) -> np.ndarray:
        """What the network sees of a picture: 8 bits, as many channels as it takes."""
        if picture.dtype == np.uint16:
            picture = eight_bit(picture)
        if picture.shape[2] == self.channels:
            return picture
        colours = np.ascontiguousarray(picture[..., :3])
        if self.channels == 3:
            return colours
        if self.channels == 1:
            return convert_image(Image.fromarray(colours), 1)
        raise ValueError(f"a model of {self.channels} channels removes no background")


def _object(alpha: np.ndarray) -> Tuple[Optional[Box], float]:
    inside = alpha > OBJECT
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    if not len(rows):
        return None, 0.0
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    return box, float(inside.mean())
