"""Pictures that labelme files hold as base64 text (``imageData``)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from paddleseg_u2net.data_tools.formats import json_file
from paddleseg_u2net.data_tools.formats.sample import AnnotationError

KEY = "imageData"
# labelme writes JPEG and PNG; older versions wrote the file as it was.
_BEGINNINGS = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"RIFF": ".webp",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}


@dataclass(frozen=True)
class EmbeddedPicture:
    """The picture in a labelme file, which is read again when it is needed.

    Attributes:
        file: The labelme file.
        suffix: ``.jpg`` or ``.png``, as the picture is.
    """

    file: Path
    suffix: str

    @classmethod
    def of(cls, file: Path, tree: object) -> EmbeddedPicture:
        """What a file holds, of which ``tree`` is the content.

        Raises:
            AnnotationError: it is no picture of a known kind.
        """
        content = _decoded(file, tree)
        for beginning, suffix in _BEGINNINGS.items():
            if content.startswith(beginning):
                return cls(file, suffix)
        raise AnnotationError(
            f"{file}: expected a picture as {KEY}, got {content[:12]!r}; set it to null there and "
            "put the picture beside the file"
        )

    def read(self) -> bytes:
        """The content of the picture's file.

        Raises:
            AnnotationError: the file has changed and cannot be understood any more.
        """
        return _decoded(self.file, json_file.read_json(self.file))


def _decoded(file: Path, tree: object) -> bytes:
    text = json_file.member(tree, KEY, str, file)
    try:
        # Some programs write a data URL, whose text follows a comma.
        return base64.b64decode(text.rpartition(",")[2])
    except (ValueError, binascii.Error) as error:
        raise AnnotationError(
            f"{file}: expected base64 text of a picture as {KEY}, but {error}; set it to null "
            "there and put the picture beside the file"
        ) from error
