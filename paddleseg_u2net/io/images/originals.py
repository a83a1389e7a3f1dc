"""Picture files for pictures that are made of them: their own colours, and what goes along."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Tuple

import numpy as np
from PIL import Image

from paddleseg_u2net.io.images.decoding import (
    DecodedImage,
    decode,
    decode_file,
    decoded_picture,
)
from paddleseg_u2net.io.images.headers import Header
from paddleseg_u2net.io.images.metadata import Metadata, metadata_of, upright_exif
from paddleseg_u2net.io.images.opening import PathLike, memory_named
from paddleseg_u2net.io.images.profiles import converted, rgb_profile

_GREYS = ("1", "L", "LA")


class Original(NamedTuple):
    """A picture file.

    Args:
        picture: upright, uint8 or, of 16-bit colours or greys, uint16; (H, W, 3), RGB, or where a
            pixel is transparent (H, W, 4), RGBA. It is in the colours of ``metadata.profile``.
        header: how it is stored.
        metadata: what it says beside its pixels.
        notes: what of it is not in the picture, for the user.
    """

    picture: np.ndarray
    header: Header
    metadata: Metadata
    notes: Tuple[str, ...]


def read_original(path: PathLike) -> Original:
    """Read a picture for a finished one to be made of it.

    Other than `read_image`, which gives what a network sees, it keeps 16 bits, transparency, colour
    profile, resolution, EXIF data and XMP. Colours of another kind than RGB (CMYK, grey with a
    profile of its own) become sRGB by their profile.

    Raises:
        ImageError: as `read_image`.
    """
    return _original(decode_file(path, warn=False), path)


def decode_original(content: bytes, name: PathLike = "picture") -> Original:
    """As `read_original`, of a file's content; ``name`` is what errors begin with."""
    return _original(decode(content, name, warn=False), name)


def convert_original(picture: Any, name: PathLike = "picture") -> Original:
    """As `read_original`, of a Pillow picture, which is not changed; of its frame.

    Of 16-bit colours Pillow has kept the high bytes.
    """
    return _original(decoded_picture(picture, name), name, is_first=False)


def _original(decoded: DecodedImage, name: PathLike, is_first: bool = True) -> Original:
    """``is_first``: of an animation, whose other frames are left out."""
    notes: List[str] = []
    frames = getattr(decoded.picture, "n_frames", 1)
    if is_first and frames > 1 and decoded.header.format != "MPO":
        notes.append(f"an animation of {frames} frames: the first is taken")
    with memory_named(name):
        metadata = metadata_of(decoded.picture, decoded.header)
        colours, profile = _colours(decoded, notes)
        picture = decoded.upright(colours)
    if metadata.exif and upright_exif(metadata.exif, (1, 1)) is None:
        notes.append("its EXIF data are damaged, and left out")
        metadata = metadata._replace(exif=None)
    if picture.shape[2] == 4 and (picture[..., 3] == np.iinfo(picture.dtype).max).all():
        picture = np.ascontiguousarray(picture[..., :3])
    header = decoded.header._replace(profile=profile)
    return Original(picture, header, metadata._replace(profile=profile), tuple(notes))


def _colours(decoded: DecodedImage, notes: List[str]) -> Tuple[np.ndarray, Optional[bytes]]:
    """Colours as they are stored, not turned, and their profile."""
    picture, profile = decoded.picture, decoded.picture.info.get("icc_profile") or None
    own = rgb_profile(profile)
    if picture.mode == "CMYK":
        return _from_cmyk(picture, profile, notes), None
    array = decoded.deep_colours()
    if array is None:
        if decoded.header.deep:
            notes.append("its 16-bit colours are of a kind of which 8 bits can be read")
        array = decoded.pixels(4 if decoded.header.alpha else 3)
    if profile and not own:
        grey = picture.mode in _GREYS or picture.mode.startswith("I")
        curve = _grey_curve(profile) if grey else None
        if curve is None:
            notes.append("its colour profile is damaged or of other colours, and was left out")
        else:
            most = np.iinfo(array.dtype).max
            colours = np.interp(np.arange(most + 1) / most, np.arange(256) / 255, curve) * most
            array[..., :3] = np.rint(colours).astype(array.dtype)[array[..., :3]]
            notes.append("its greys were converted to sRGB by their profile")
    return array, own


def _from_cmyk(picture: Any, profile: Optional[bytes], notes: List[str]) -> np.ndarray:
    """A picture of CMYK in sRGB, uint8 (H, W, 3)."""
    found = profile and converted(picture, profile)
    if found:
        notes.append("its CMYK colours were converted to sRGB by their profile")
        return np.array(found)
    why = "their profile cannot be used" if profile else "they have no profile"
    notes.append(f"its CMYK colours were converted to sRGB by a rule of thumb, since {why}")
    return np.array(picture.convert("RGB"))


def _grey_curve(profile: bytes) -> Optional[np.ndarray]:
    """What the greys 0 to 255 of a profile are in sRGB, 0 to 1; None if it is not one of greys."""
    found = converted(Image.fromarray(np.arange(256, dtype=np.uint8)[None]), profile)
    return None if found is None else np.array(found)[0, :, 0] / 255
