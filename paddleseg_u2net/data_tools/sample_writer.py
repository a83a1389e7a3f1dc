"""The files of a new data set: images and masks, which are looked at first, and lists of them."""

from __future__ import annotations

import io
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple, Union

import cv2
import numpy as np
from PIL import Image

from paddleseg_u2net.data_tools.annotations.mask_files import MaskSizeError
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError, Bad, Sample
from paddleseg_u2net.data_tools.inspection.near_duplicates import Fingerprint, fingerprint
from paddleseg_u2net.datasets.mask_encoding import IGNORE
from paddleseg_u2net.datasets.name_rules import fold_case
from paddleseg_u2net.io.files import write_text
from paddleseg_u2net.io.images import decode_image, memory_named, read_still
from paddleseg_u2net.render.overlay import color_map


def put_file(source: Path, place: Path, copy: bool) -> None:
    """Let a file appear in its place: linked where that is possible, unless ``copy``."""
    place.parent.mkdir(parents=True, exist_ok=True)
    source = source.resolve()  # a hard link to a symbolic link would be one itself
    if not copy:
        # Another device, or a file system or user without the right: copied then.
        with suppress(OSError):
            os.link(source, place)
            return
    shutil.copyfile(source, place)


def write_picture(place: Path, picture: Image.Image) -> None:
    """Write a PNG file; a whole data set is synced at its end, not each file."""
    place.parent.mkdir(parents=True, exist_ok=True)
    # Through memory, for Pillow's own writing hides why a write failed (such as a full disk).
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    place.write_bytes(buffer.getvalue())


def write_lists(folder: Path, parts: Mapping[str, Sequence[Tuple[str, str]]]) -> None:
    """Write ``PART_list.txt`` with a line `image mask` for each pair; of empty parts none."""
    # One space is what PaddleSeg expects by default.
    paths = (path for pairs in parts.values() for pair in pairs for path in pair)
    between = "\t" if any(re.search(r"\s", path) for path in paths) else " "
    for part, pairs in parts.items():
        if pairs:
            lines = "".join(f"{image}{between}{mask}\n" for image, mask in pairs)
            write_text(folder / f"{part}_list.txt", lines)


@dataclass(frozen=True)
class Written:
    """An image of the new data set."""

    name: str
    image: str  # path below the root, with ``/``
    mask: str
    share: float  # of its pixels that are foreground; of soft masks the mean probability
    classes: Tuple[int, ...]  # numbers that it shows, without background
    ignored: bool  # some pixels are
    stretched: bool = False  # the mask was of another size than the image
    print: Optional[Fingerprint] = None  # by which images that look alike are found


@dataclass(frozen=True)
class SampleWriter:
    """Writes samples to a data set; can be pickled."""

    root: Path
    classes: int  # with the background
    soft: bool  # masks are probabilities
    copy: bool
    stretch: bool = False  # fit a mask file of another size to its image; else it is bad
    prints: bool = False  # take fingerprints

    def __call__(self, sample: Sample) -> Union[Written, Bad]:
        """Decode image and mask, and write both."""
        try:
            inside = sample.picture.read() if sample.picture else None
            with memory_named(sample.image):
                if inside is None:
                    picture = read_still(sample.image)
                else:
                    picture = decode_image(inside, name=sample.image)
                shape = (int(picture.shape[0]), int(picture.shape[1]))
                mask, stretched = self._mask(sample, shape)
                share, classes, ignored = self._content(sample, mask)
        except (ValueError, OSError) as error:  # of this image; the others go on
            return Bad(sample.image, str(error))
        image = f"images/{sample.name}{sample.suffix}"
        if inside is None:
            put_file(sample.image, self.root / image, self.copy)
        else:
            place = self.root / image
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(inside)
        source = None if stretched else sample.mask.file
        path = f"masks/{sample.name}{source.suffix if source else '.png'}"
        if source:
            put_file(source, self.root / path, self.copy)
        else:
            drawn = Image.fromarray(np.ascontiguousarray(mask))
            if not self.soft:
                drawn.putpalette([0, 0, 0, *color_map(255).ravel().tolist()])
            write_picture(self.root / path, drawn)
        found = fingerprint(picture) if self.prints else None
        return Written(sample.name, image, path, share, classes, ignored, stretched, found)

    def _mask(self, sample: Sample, shape: Tuple[int, int]) -> Tuple[np.ndarray, bool]:
        try:
            return sample.mask.read(shape), False
        except MaskSizeError as error:
            if not self.stretch:
                raise
            mask = sample.mask.read(error.shape)
        # As training fits masks: class numbers must not be mixed.
        method = cv2.INTER_LINEAR if self.soft else cv2.INTER_NEAREST
        return cv2.resize(mask, shape[::-1], interpolation=method), True

    def _content(self, sample: Sample, mask: np.ndarray) -> Tuple[float, Tuple[int, ...], bool]:
        """The share of foreground, class numbers, and whether pixels are ignored."""
        if self.soft:
            top = int(np.iinfo(mask.dtype).max)
            classes = (1,) if mask.max() > top // 2 else ()
            return int(mask.sum(dtype=np.int64)) / (top * mask.size), classes, False
        counts = np.bincount(mask.ravel(), minlength=IGNORE + 1)
        found = [int(value) for value in np.flatnonzero(counts) if value not in (0, IGNORE)]
        if found and found[-1] >= self.classes:
            raise AnnotationError(
                f"{sample.image}: expected class numbers below {self.classes} in its mask, got "
                f"{found[-1]}; correct the mask"
            )
        return sum(int(counts[n]) for n in found) / mask.size, tuple(found), bool(counts[IGNORE])


def usable(samples: Sequence[Sample]) -> Tuple[List[Sample], List[Bad]]:
    """Tell samples whose names can be files on every system from those that cannot.

    Of names that are equal but for letter case or the way accents are stored, the first is kept.
    """
    kept: List[Sample] = []
    bad: List[Bad] = []
    first: Dict[str, Path] = {}
    for sample in samples:
        key, trouble = fold_case(sample.name), _trouble(sample.name)
        if trouble is None and key in first:
            trouble = (
                f"has the name of {first[key]} (letter case and suffix do not tell files apart)"
            )
        if trouble is None:
            first[key] = sample.image
            kept.append(sample)
        else:
            bad.append(Bad(sample.image, f"{sample.image}: {trouble}; rename it"))
    return kept, bad


def _trouble(name: str) -> Optional[str]:
    if any(part in ("", ".", "..") for part in name.split("/")) or "\\" in name:
        return f"expected a name inside the data set, got {name!r}"
    if any(ord(letter) < 32 or letter in "\x7f\x85\u2028\u2029" for letter in name):
        return f"its name has line breaks or control characters: {name!r}"
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return f"its name is not UTF-8: {name!r}"
    return None
