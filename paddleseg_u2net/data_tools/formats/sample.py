"""What every annotation format comes down to: an image, and something that makes its mask."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Optional, Protocol, Tuple

import numpy as np


class AnnotationError(ValueError):
    """Annotations cannot be used; the message names the file, the trouble and the repair."""


class MaskSource(Protocol):
    """Makes the mask of one image. Sources are immutable and can be pickled."""

    @property
    def file(self) -> Optional[Path]:
        """A file that is this mask as it stands, and can be linked or copied; else None."""

    def read(self, shape: Tuple[int, int]) -> np.ndarray:
        """The mask for an image of ``shape`` (height, width).

        Returns:
            uint8 (H, W) of class numbers, 255 where nothing counts; of soft sources uint8 or
            uint16 with 0 for the background and the largest value for the foreground.

        Raises:
            AnnotationError: it is of another size, or its content cannot be understood.
            ImageError: a file cannot be read.
        """


class PictureSource(Protocol):
    """A picture that is not a file of its own. Sources are immutable and can be pickled."""

    @property
    def suffix(self) -> str:
        """Of a file with this content, such as ``.jpg``."""

    def read(self) -> bytes:
        """The content of such a file.

        Raises:
            AnnotationError: it cannot be understood.
        """


@dataclass(frozen=True)
class Sample:
    """One image and its annotation.

    Attributes:
        image: The file; with a ``picture`` that which holds it.
        name: Path of the image in a new data set, ``/`` between folders, without a suffix.
        mask: What makes the mask.
        split: ``train``, ``val`` or ``test`` where the source says so, else empty.
        group: Images of one group (a video, a patient) never part in a split; empty: alone.
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
        """What the image's name ends with in a new data set."""
        return self.picture.suffix if self.picture else self.image.suffix


@dataclass(frozen=True)
class Bad:
    """An image that cannot be used, and why.

    Attributes:
        image: The file, or the path under which the source names it.
        why: A sentence that names the file, the trouble and the repair.
        missing: Whether it is that the image, or its label, is not there.
    """

    image: Path
    why: str
    missing: bool = False


@dataclass
class AnnotatedDataset:
    """All that was read from one source.

    Attributes:
        classes: Names by class number; the first is the background.
        samples: In the order of their names, which differ from each other.
        soft: Whether masks are probabilities of one class instead of class numbers.
        remarks: What the user should know, a sentence each: unknown classes, images without
            objects, objects partly outside their image.
        bad: Images that the source names and that are not in ``samples``, such as those that are
            not there. `preparation.imported.write` refuses them or says that they are left out.
        empty: Why no image has any foreground, with the repair, where the reader knows it.
    """

    classes: Tuple[str, ...]
    samples: List[Sample]
    soft: bool = False
    remarks: List[str] = field(default_factory=list)
    bad: List[Bad] = field(default_factory=list)
    empty: str = ""
