"""`PairDataset` for PaddleSeg's own builder, loader, trainer and evaluator."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

import numpy as np

from paddleseg_u2net.datasets.augment import Transform, name_of, transformed
from paddleseg_u2net.datasets.pair_dataset import PairDataset
from paddleseg_u2net.datasets.pairing import PairingError


class PaddleSegPairDataset(PairDataset):
    """Pairs in the form of ``paddleseg.datasets.Dataset``.

    PaddleSeg's builder says neither which part of the data it builds nor what ``preprocess`` has,
    so ``mode`` and a ``Normalize`` among ``transforms`` have to be there; other arguments are those
    of ``PairDataset``.
    """

    def __init__(
        self,
        mode: Optional[str] = None,
        transforms: Optional[Sequence[Transform]] = None,
        **arguments: Any,
    ) -> None:
        missing = [] if mode else ["mode: train (or val)"]
        if "Normalize" not in map(name_of, transforms or ()):
            missing.append("{type: Normalize, mean: [...], std: [...]} in transforms")
        if missing:
            raise PairingError(
                "PaddleSeg's builder reads neither preprocess nor which section a PairDataset "
                f"stands in; add {' and '.join(missing)} there, or train with `paddleseg_u2net "
                "train`, which reads the file as it is"
            )
        super().__init__(str(mode), transforms=transforms, **arguments)

    def __getitem__(self, index: int) -> Dict[str, Any]:
        """``img`` (C, H, W) float, ``label`` (H, W), in validation (1, H, W) of the file's size."""
        image, label = self.read(index)
        validation = self.mode == "val"
        data: Dict[str, Any] = {
            "trans_info": [],
            "img": image.astype(np.float32),
            "label": label,
            "gt_fields": [] if validation else ["label"],
        }
        data = transformed(data, self.transforms)
        self.check_label(data["label"])
        image = data["img"]
        data["img"] = np.transpose(image[..., None] if image.ndim == 2 else image, (2, 0, 1))
        if validation:
            data["label"] = data["label"][None]
        return data
