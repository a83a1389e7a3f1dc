"""The images that a lower precision is fitted to and measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np

from paddleseg_u2net.datasets.mask_encoding import decode, infer_from_masks
from paddleseg_u2net.datasets.pairing import bare_name, by_name, list_files
from paddleseg_u2net.export.quantization.graph import QuantizationError
from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.io.images import ImageError, find_images, read_image, read_mask
from paddleseg_u2net.log import logger
from paddleseg_u2net.progress import tracked
from paddleseg_u2net.text import short_list

LIMIT = 64
FEWEST = 16
IGNORED = 255
_SHOWN = 5


class Sample(NamedTuple):
    """An image: what the network sees of it, float32 (1, C, h, w); its own (H, W); its mask,
    uint8 (H, W), 1 on the object and 255 on ignored pixels, if there are masks.
    """

    batch: np.ndarray
    shape: Tuple[int, ...]
    mask: Optional[np.ndarray] = None


@dataclass(frozen=True)
class Calibration:
    """Images of both kinds, and the way back from a map to an image's size.

    Attributes:
        fitting: inputs whose feature maps give the ranges.
        checking: other images, on which maps are compared.
        preprocess: how inputs were made, and how maps are restored.
        broken: files that could not be used.
    """

    fitting: Tuple[np.ndarray, ...]
    checking: Tuple[Sample, ...]
    preprocess: Preprocess
    broken: Tuple[str, ...] = ()

    @property
    def has_masks(self) -> bool:
        """Whether maps are held against masks; otherwise against the maps of float32."""
        return self.checking[0].mask is not None

    @classmethod
    def read(
        cls,
        images: Path,
        masks: Optional[Path],
        preprocess: Preprocess,
        channels: int = 3,
        limit: int = LIMIT,
    ) -> Calibration:
        """Read a folder of images, subfolders included, and of the masks if they are known.

        Of more than ``limit`` images an even choice in the order of their names is taken, the
        same every time. Every second one fits, the others check. Of files that cannot be used the
        first ones are named in warnings, and others take their places.

        Args:
            images: the folder.
            masks: a folder with a mask of the same path and stem for each image, of one class:
                coded as for training, see `datasets.masks`.
            preprocess: what the network sees.
            channels: of the images.
            limit: how many are used.

        Raises:
            ValueError: a folder is missing, there is not a mask for every image, or fewer than 16
                images can be used.
        """
        if limit < FEWEST:
            raise QuantizationError(f"calibration: expected {FEWEST} images or more, got {limit}")
        names = find_images(images)
        if len(names) < FEWEST:
            raise QuantizationError(_too_few(images, len(names), []))
        paired = _paired(images, names, masks)
        samples: List[Sample] = []
        broken: List[str] = []
        readings = _Masks(masks)
        total = min(limit, len(names))
        for name in tracked(_evenly_first(names, limit), "reading", total=total):
            try:
                samples.append(_sample(name, paired.get(name), preprocess, channels, readings))
            except (ImageError, QuantizationError) as error:
                broken.append(str(error))
                if len(broken) <= _SHOWN:
                    logger.warning(f"calibration: left out: {error}")
            if len(samples) == limit:
                break
        if len(broken) > _SHOWN:
            logger.warning(f"calibration: left out {len(broken)} files in all")
        if len(samples) < FEWEST:
            raise QuantizationError(_too_few(images, len(names), broken))
        return cls(
            tuple(sample.batch for sample in samples[::2]),
            tuple(readings.decoded(samples[1::2])),
            preprocess,
            tuple(broken),
        )


class _Masks:
    """The coding of all masks is recognised by all values in them."""

    def __init__(self, folder: Optional[Path]) -> None:
        self.folder = folder
        self.values: List[Tuple[Path, Set[int]]] = []

    def read(self, path: Path, shape: Tuple[int, ...]) -> np.ndarray:
        raw = read_mask(path)
        if raw.shape != shape:
            raise QuantizationError(
                f"{path}: expected a mask of its image's {shape[1]}x{shape[0]} pixels, got "
                f"{raw.shape[1]}x{raw.shape[0]}"
            )
        self.values.append((path, set(np.unique(raw).tolist())))
        return raw

    def decoded(self, samples: Sequence[Sample]) -> Iterable[Sample]:
        if self.folder is None:
            return samples
        coding = infer_from_masks(self.values, 1, IGNORED)
        return [
            sample._replace(mask=_object(decode(sample.mask, coding, 1, IGNORED, self.folder)))
            for sample in samples
            if sample.mask is not None
        ]


def _object(label: np.ndarray) -> np.ndarray:
    return np.where(label == IGNORED, IGNORED, label >= 0.5).astype(np.uint8)


def _sample(
    name: Path,
    mask: Optional[Path],
    preprocess: Preprocess,
    channels: int,
    masks: _Masks,
) -> Sample:
    image = read_image(name, channels)
    raw = None if mask is None else masks.read(mask, image.shape[:2])
    return Sample(preprocess(image)[None], image.shape[:2], raw)


def _evenly_first(names: Sequence[Path], limit: int) -> List[Path]:
    """An even choice, in order, then the others, which stand in for what is broken."""
    count = min(limit, len(names))
    chosen = [names[number * len(names) // count] for number in range(count)]
    taken = set(chosen)
    return [*chosen, *(name for name in names if name not in taken)]


def _paired(images: Path, names: Sequence[Path], masks: Optional[Path]) -> Dict[Path, Path]:
    if masks is None:
        return {}
    known = by_name(list_files(masks, "masks"), masks)
    found = {name: known[bare] for name in names if (bare := bare_name(name, images)) in known}
    missing = [name for name in names if name not in found]
    if missing:
        raise QuantizationError(
            f"{masks}: expected a mask of the same name for every image, {len(missing)} of "
            f"{len(names)} have none: {short_list(missing)}"
        )
    return found


def _too_few(folder: Path, found: int, broken: Sequence[str]) -> str:
    first = f" (the first: {broken[0]})" if broken else ""
    return (
        f"{folder}: calibration expects {FEWEST} readable images or more, found {found} of which "
        f"{len(broken)} cannot be used{first}; give more images like those that the network is for"
    )
