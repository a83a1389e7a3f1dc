"""What every annotation format is read into: images, each with something that makes its mask."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Optional, Protocol, Tuple

import numpy as np


class AnnotationError(ValueError):
    """Annotations cannot be used; the message names the file, the problem and the repair."""


def wrong(
    where: object, expected: object, got: object, repair: str = "correct it there"
) -> AnnotationError:
    """The error for a place in a file that holds something else than expected."""
    return AnnotationError(f"{where}: expected {expected}, got {got}; {repair}")


class MaskSource(Protocol):
    """Makes the mask of one image. Sources are immutable and can be pickled."""

    @property
    def file(self) -> Optional[Path]:
        """A file that is this mask unchanged and can be linked or copied, if there is one."""
        return None

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        """Make the mask for an image of ``shape`` (height, width).

        Returns:
            uint8 (H, W) of class numbers, 255 where ignored; of soft sources uint8 or uint16 with
            0 for the background and the largest value for the foreground.

        Raises:
            AnnotationError: it is of another size, or its content cannot be understood.
            ImageError: a file cannot be read.
        """


class PictureSource(Protocol):
    """An image that is not a file of its own. Sources are immutable and can be pickled."""

    @property
    def suffix(self) -> str:
        """Of a file with this content, such as ``.jpg``."""

    def read(self) -> bytes:
        """Return the content of such a file.

        Raises:
            AnnotationError: it cannot be understood.
        """


@dataclass(frozen=True)
class Sample:
    """One image and its annotation.

    Attributes:
        image: The file; with a ``picture`` the label file that holds it.
        name: Path of the image in a new data set, ``/`` between folders, without a suffix.
        mask: Makes the mask.
        split: ``train``, ``val`` or ``test`` where the source says so, else empty.
        group: Images of one group (a video, a patient) stay in one split; empty: alone.
        picture: The image, if it is not a file of its own.
    """

    image: Path
    name: str
    mask: MaskSource
    split: str = ""
    group: str = ""
    picture: Optional[PictureSource] = None

    @property
    def suffix(self) -> str:
        """Suffix of the image's file in a new data set."""
        return self.picture.suffix if self.picture else self.image.suffix


@dataclass(frozen=True)
class Bad:
    """An image that cannot be used.

    Attributes:
        image: The file, or the path by which the source names it.
        why: A sentence that names the file, the problem and the repair.
        missing: Whether the image, or its label, does not exist.
    """

    image: Path
    why: str
    missing: bool = False


@dataclass
class AnnotatedDataset:
    """All that was read from one source.

    Attributes:
        classes: Names by class number; the first is the background.
        samples: Sorted by name; names are unique.
        soft: Whether masks are probabilities of one class instead of class numbers.
        remarks: What the user should know, a sentence each: unknown classes, images without
            objects, objects partly outside their image.
        bad: Images that the source names and that are not in ``samples``, such as missing ones.
        empty: Why no image has any foreground, with the repair, where the reader knows it.
    """

    classes: Tuple[str, ...]
    samples: List[Sample]
    soft: bool = False
    remarks: List[str] = field(default_factory=list)
    bad: List[Bad] = field(default_factory=list)
    empty: str = ""
