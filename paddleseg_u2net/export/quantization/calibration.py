"""The images that a lower precision is fitted to and measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

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


class Sample(NamedTuple):
    """An image: the network's input (1, C, h, w), its (H, W), its mask, uint8: 1, 255 on ignored
    pixels.
    """

    batch: np.ndarray
    shape: Tuple[int, ...]
    mask: Optional[np.ndarray] = None


@dataclass(frozen=True)
class Calibration:
    """Inputs (1, C, h, w) whose feature maps give the ranges, other images, on which maps are
    compared, and the way back from a map to an image's size.
    """

    fitting: Tuple[np.ndarray, ...]
    checking: Tuple[Sample, ...]
    preprocess: Preprocess

    @property
    def has_masks(self) -> bool:
        """Whether maps are held against masks; otherwise against the maps of float32."""
        return self.checking[0].mask is not None

    @classmethod
    def read(
        cls, images: Path, masks: Optional[Path], preprocess: Preprocess, limit: int = LIMIT
    ) -> Calibration:
        """Read a folder of images, subfolders included, and of masks of one class by their names:
        of more than ``limit`` an even choice, the same every time; every second one fits, the
        others check. Files that cannot be used are named in warnings, and others take their places.
        """
        names = find_images(images)
        mask_of = _paired(images, names, masks) if len(names) >= FEWEST else {}
        total = min(limit, len(names))
        chosen = [names[number * len(names) // total] for number in range(total)]
        others = [name for name in names if name not in chosen]
        samples: Dict[Path, Sample] = {}
        for name in tracked([*chosen, *others], "reading", total=total):
            try:
                samples[name] = _sample(name, mask_of.get(name), preprocess)
            except (ImageError, QuantizationError) as error:
                logger.warning(f"calibration: left out: {error}")
            if len(samples) == limit:
                break
        if len(samples) < FEWEST:
            raise QuantizationError(
                f"{images}: calibration expects {FEWEST} readable images or more, found "
                f"{len(samples)}; give more images like those that the network is for"
            )
        usable = list(samples.values())
        if masks is not None:
            usable = _decoded(usable, [mask_of[name] for name in samples])
        return cls(tuple(item.batch for item in usable[::2]), tuple(usable[1::2]), preprocess)


def _sample(name: Path, mask: Optional[Path], preprocess: Preprocess) -> Sample:
    image = read_image(name, len(preprocess.mean))
    shape = image.shape[:2]
    raw = None if mask is None else read_mask(mask)
    if raw is not None and raw.shape != shape:
        raise QuantizationError(
            f"{mask}: expected a mask of its image's {shape[1]}x{shape[0]} pixels, got "
            f"{raw.shape[1]}x{raw.shape[0]}"
        )
    return Sample(preprocess(image)[None], shape, raw)


def _decoded(samples: Sequence[Sample], masks: Sequence[Path]) -> List[Sample]:
    """Decode the masks as they were read; all values in them say what they mean."""
    raws = [sample.mask for sample in samples if sample.mask is not None]
    values = [(path, set(np.unique(raw).tolist())) for path, raw in zip(masks, raws)]
    encoding = infer_from_masks(values, 1, IGNORED)
    labels = (decode(raw, encoding, 1, IGNORED, path) for path, raw in zip(masks, raws))
    return [
        sample._replace(mask=np.where(label == IGNORED, IGNORED, label >= 0.5).astype(np.uint8))
        for sample, label in zip(samples, labels)
    ]


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
