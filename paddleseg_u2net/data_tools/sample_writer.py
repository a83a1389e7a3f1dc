"""One image and its mask in their places in a data set, both looked at first."""

from __future__ import annotations

import errno
import io
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

import cv2
import numpy as np
from PIL import Image

from paddleseg_u2net.data_tools.annotations.mask_files import MaskSizeError
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError, Bad, Sample
from paddleseg_u2net.datasets.mask_encoding import IGNORE
from paddleseg_u2net.datasets.name_rules import fold_case
from paddleseg_u2net.io.images import decode_image, memory_named, read_still
from paddleseg_u2net.render.overlay import color_map

# A copy would not help against these.
_HOPELESS = {errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}


@dataclass(frozen=True)
class Placed:
    """An image of the new data set.

    Attributes:
        name: The record's.
        image, mask: Paths below the root, with ``/``.
        share: Of its pixels that are foreground; of soft masks the mean probability.
        classes: Numbers of the classes that it shows, without background.
        ignored: Whether some pixels count nowhere.
        stretched: Whether the mask was of another size than the image.
    """

    name: str
    image: str
    mask: str
    share: float
    classes: Tuple[int, ...]
    ignored: bool
    stretched: bool = False


@dataclass(frozen=True)
class SampleWriter:
    """Puts records in their places; can be pickled.

    Attributes:
        root: The new data set's folder.
        classes: Number of classes with the background.
        soft: Whether masks are probabilities.
        copy: Whether files are copied where they could be linked.
        stretch: Whether a mask file of another size is fitted to its image, else it is bad.
    """

    root: Path
    classes: int
    soft: bool
    copy: bool
    stretch: bool = False

    def __call__(self, record: Sample) -> Union[Placed, Bad]:
        """Decode image and mask, and write both.

        Raises:
            OSError: the data set cannot be written.
        """
        try:
            inside = record.picture.read() if record.picture else None
            with memory_named(record.image):
                picture = (
                    read_still(record.image)
                    if inside is None
                    else decode_image(inside, name=record.image)
                )
                height, width, _ = picture.shape
                mask, stretched = self._mask(record, (height, width))
                share, classes, ignored = self._content(record, mask, (height, width))
            source = None if stretched else record.mask.file
        except (ValueError, OSError) as error:  # of this image; the others go on
            return Bad(record.image, str(error))
        image = f"images/{record.name}{record.suffix}"
        if inside is None:
            self._put(record.image, image)
        else:
            self._place(image).write_bytes(inside)
        path = f"masks/{record.name}{source.suffix if source else '.png'}"
        if source:
            self._put(source, path)
        else:
            _write_mask(self._place(path), mask, self.soft)
        return Placed(record.name, image, path, share, classes, ignored, stretched)

    def _mask(self, record: Sample, shape: Tuple[int, int]) -> Tuple[np.ndarray, bool]:
        """The mask in the size of its image, and whether it had another."""
        try:
            return record.mask.read(shape), False
        except MaskSizeError as error:
            if not self.stretch:
                raise
            mask = record.mask.read(error.shape)
        # As training fits masks: class numbers must not be mixed.
        method = cv2.INTER_LINEAR if self.soft else cv2.INTER_NEAREST
        return cv2.resize(mask, shape[::-1], interpolation=method), True

    def _content(
        self, record: Sample, mask: np.ndarray, shape: Tuple[int, int]
    ) -> Tuple[float, Tuple[int, ...], bool]:
        """The share of foreground, class numbers, and whether pixels are ignored."""
        if mask.shape != shape or mask.dtype not in (np.uint8, np.uint16):
            raise AnnotationError(
                f"{record.image}: expected a mask of its size, {shape[1]}x{shape[0]}, got one of "
                f"{'x'.join(map(str, mask.shape[::-1]))} ({mask.dtype}); export both anew"
            )
        if self.soft:
            top = int(np.iinfo(mask.dtype).max)
            classes = (1,) if mask.max() > top // 2 else ()
            return int(mask.sum(dtype=np.int64)) / (top * mask.size), classes, False
        counts = np.bincount(mask.ravel(), minlength=IGNORE + 1)
        found = [int(value) for value in np.flatnonzero(counts) if value not in (0, IGNORE)]
        if found and found[-1] >= self.classes:
            raise AnnotationError(
                f"{record.image}: expected class numbers below {self.classes} in its mask, got "
                f"{found[-1]}; correct the mask"
            )
        return sum(int(counts[n]) for n in found) / mask.size, tuple(found), bool(counts[IGNORE])

    def _place(self, path: str) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _put(self, source: Path, path: str) -> None:
        place = self._place(path)
        # A hard link to a symbolic link would be one itself.
        source = source.resolve()
        try:
            if self.copy or not _linked(source, place):
                shutil.copyfile(source, place)
        except OSError as error:
            if error.errno not in _HOPELESS:
                raise
            # The system names the source first, which is not what is full.
            raise OSError(error.errno, error.strerror, str(place)) from error


def _linked(source: Path, place: Path) -> bool:
    try:
        os.link(source, place)
    except OSError as error:  # another device, or a file system or user without the right
        if error.errno in _HOPELESS:
            raise
        return False
    return True


def _write_mask(path: Path, mask: np.ndarray, soft: bool) -> None:
    picture = Image.fromarray(np.ascontiguousarray(mask))
    if not soft:
        picture.putpalette([0, 0, 0, *color_map(255).ravel().tolist()])
    # Through memory, for Pillow's own writing hides why a write failed (such as a full disk).
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())


# ---------------------------------------------------------------- names


def usable(records: Sequence[Sample]) -> Tuple[List[Sample], List[Bad]]:
    """Tell records whose names can be files of a data set on every system from those that cannot.

    Of names that are equal but for letter case or the way accents are stored, the first is kept.
    """
    kept: List[Sample] = []
    bad: List[Bad] = []
    first: Dict[str, Path] = {}
    for record in records:
        trouble = _trouble(record.name)
        key = fold_case(record.name)
        if trouble is None and key in first:
            trouble = (
                f"has the name of {first[key]} (letter case and suffix do not tell files apart)"
            )
        if trouble is None:
            first[key] = record.image
            kept.append(record)
        else:
            bad.append(Bad(record.image, f"{record.image}: {trouble}; rename it"))
    return kept, bad


def _trouble(name: str) -> Optional[str]:
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in name:
        return f"expected a name inside the data set, got {name!r}"
    if any(ord(letter) < 32 or letter in "\x7f\x85\u2028\u2029" for letter in name):
        return f"its name has line breaks or control characters: {name!r}"
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return f"its name is not UTF-8: {name!r}"
    return None
