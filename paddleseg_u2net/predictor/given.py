"""What ``remove`` is given, and what it gives back: files, their content, pictures, arrays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple, Optional, Tuple, Union

import numpy as np
from PIL import Image

from paddleseg_u2net.io.files import write_bytes
from paddleseg_u2net.io.images import Metadata, Original, PathLike, eight_bit
from paddleseg_u2net.predictor.predictor import original_of
from paddleseg_u2net.removal import FORMATS, Encoding, encode, format_of_suffix


class Settings(NamedTuple):
    """How a file is to be written, as far as that was said; see `Encoding`."""

    format: Optional[str] = None
    quality: Union[int, str, None] = None
    keep_exif: bool = False


class Given:
    """A picture of any kind, which goes back as that kind.

    Args:
        data: a `Picture`.
        as_bytes: whether the content of a file goes back, whatever came.
        output: the file to write for a path.
        settings: of the file.

    Attributes:
        name: what messages call it.
        target: the file that is written, or None.
        encoding: how a file is written, also of its content alone; None where there is none.

    Raises:
        ValueError: the arguments say what cannot be for such data.
    """

    def __init__(
        self, data: Any, as_bytes: bool, output: Optional[PathLike], settings: Settings
    ) -> None:
        self._data, self._as_bytes = data, as_bytes
        is_path = isinstance(data, (str, os.PathLike))
        self.name = os.fspath(data) if is_path else "picture"
        self.target = _target(Path(data), output, settings) if is_path and not as_bytes else None
        if output is not None and self.target is None:
            raise ValueError("output: it has an effect on paths only; write what is returned")
        is_file = is_path or as_bytes or isinstance(data, (bytes, bytearray, memoryview))
        self.encoding = _encoding(self.target, settings) if is_file else None
        if not is_file and settings != Settings():
            raise ValueError(
                "format, quality, keep_exif: they have an effect on files and their content only; "
                "force_return_bytes=True gives that of a picture or an array"
            )

    def read(self) -> Original:
        """The picture, upright, and what goes along with it."""
        return original_of(self._data)

    def lacks(self, picture: np.ndarray) -> Tuple[str, ...]:
        """What of a finished picture does not go back, for the user."""
        return self.encoding.notes(picture) if self.encoding else ()

    def back(self, picture: np.ndarray, metadata: Metadata) -> Any:
        """The finished picture as what came; a file is written."""
        if self.encoding is None:
            is_pillow = isinstance(self._data, Image.Image)
            return _pillow(picture, metadata) if is_pillow else picture
        content = encode(picture, metadata, self.encoding, self.name)
        if self.target is not None:
            write_bytes(self.target, content)
            return str(self.target) if isinstance(self._data, str) else self.target
        if isinstance(self._data, (bytearray, memoryview)) and not self._as_bytes:
            return type(self._data)(content)
        return content


def _pillow(picture: np.ndarray, metadata: Metadata) -> Image.Image:
    result = Image.fromarray(picture if picture.dtype == np.uint8 else eight_bit(picture))
    if metadata.profile and picture.ndim == 3:
        result.info["icc_profile"] = metadata.profile
    return result


def _target(path: Path, output: Optional[PathLike], settings: Settings) -> Path:
    """The file to write for a path; never that path itself."""
    known = FORMATS.get(settings.format or "png", FORMATS["png"])
    target = path.with_name(f"{path.stem}.cutout{known.suffixes[0]}")
    target = target if output is None else Path(output)
    if target.exists() and path.exists() and target.samefile(path):
        raise ValueError(f"output: {target} is the picture itself; name another file")
    return target


def _encoding(target: Optional[Path], settings: Settings) -> Encoding:
    """How a file, or content alone, is written: as it is asked for, else by the file's suffix."""
    by_suffix = format_of_suffix(target.suffix) if target else None
    if settings.format is None and target is not None and by_suffix is None:
        endings = ", ".join(known.suffixes[0] for known in FORMATS.values())
        raise ValueError(f"output: expected a file that ends in one of {endings}, got {target}")
    encoding = Encoding(settings.format or by_suffix or "png", settings.quality, settings.keep_exif)
    if by_suffix not in (None, encoding.format):
        raise ValueError(
            f"output: {target} is {by_suffix} by its suffix, format is {encoding.format}"
        )
    return encoding
