"""What is to be exported, and what of it is refused before anything is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from paddleseg_u2net.config import Config
from paddleseg_u2net.export.formats import FORMATS
from paddleseg_u2net.inference import Preprocess
from paddleseg_u2net.inference.description import NAME, ExportError, Shape, exported_folder
from paddleseg_u2net.io.files import check_writable
from paddleseg_u2net.log import logger

SEARCHED = ("bf16", "int8")
"""Precisions for which layers that must stay in float32 are searched for."""


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    Args:
        save_dir: the folder that is to appear; see `export`.
        format: a key of ``FORMATS``.
        precision: one that it has there.
        output: one of ``inference.description.OUTPUTS``.
        shape: of the input (N, C, H, W), None where any number is to be taken; None: any N, H, W.
        calibration: for ``SEARCHED``: a folder of images like those that will be predicted.
        calibration_masks: a folder of their masks, by which errors are measured if given.
        max_mae_increase: for ``SEARCHED``: by how much the mean absolute error may grow.
    """

    save_dir: Path
    format: str = "paddle"
    precision: str = "fp32"
    output: str = "probability"
    shape: Optional[Tuple[Optional[int], ...]] = None
    calibration: Optional[Path] = None
    calibration_masks: Optional[Path] = None
    max_mae_increase: float = 0.001

    def __post_init__(self) -> None:
        offered = FORMATS[self.format].precisions
        if self.precision not in offered:
            others = [name for name, f in FORMATS.items() if self.precision in f.precisions]
            raise ExportError(
                f"--format {self.format}: expected --precision {' or '.join(offered)}, got "
                f"{self.precision}; --format {' or '.join(others)} has it"
            )
        if self.precision in SEARCHED and self.calibration is None:
            raise ExportError(
                f"--precision {self.precision}: expected --calibration with a folder of images "
                "like those that will be predicted, 16 or more; maps of them are what is guarded"
            )
        if self.precision not in SEARCHED and (self.calibration or self.calibration_masks):
            raise ExportError(
                f"--calibration: has an effect with --precision {' or '.join(SEARCHED)} only; "
                f"leave it out with {self.precision}"
            )
        if not self.max_mae_increase >= 0:
            raise ExportError(
                f"--max_mae_increase: expected 0 or more, got {self.max_mae_increase}"
            )


def refuse_exported(model_path: str) -> None:
    """Whether ``model_path`` is an exported folder, from which nothing is exported.

    Raises:
        ExportError: it is.
    """
    if exported_folder(model_path) is not None:
        raise ExportError(
            f"--model_path {model_path}: expected weights, found an exported model; give the "
            "weights that it was made of, which its description.json names under source"
        )


def refuse_folder(folder: Path, weights: Path) -> None:
    """Raise ExportError if more than an export would be replaced, or the weights themselves."""
    if folder.resolve() in weights.resolve().parents:
        raise ExportError(f"{folder}: {weights} is in it; name another --save_dir")
    check_writable(folder, folder=True)
    content = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    own = {NAME}.union(*(names for format in FORMATS.values() for names in format.files))
    strangers = [name for name in content if name not in own]
    if strangers or (content and exported_folder(folder) is None):
        found = strangers[0] if strangers else f"no {NAME}"
        raise ExportError(
            f"{folder}: expected nothing, an empty folder, or an earlier export to be replaced, "
            f"found a folder with {found}; move it away or name another --save_dir"
        )


def refuse_output(options: ExportOptions, num_classes: int) -> None:
    """Raise ExportError if the format or the model has no such output."""
    reason = FORMATS[options.format].no_argmax
    if reason and options.output == "argmax":
        raise ExportError(
            f"--format {options.format}: expected --output_op probability, since {reason}; take "
            "the largest probability, or another format"
        )
    if options.output == "softmax" and num_classes == 1:
        raise ExportError(
            "--output_op softmax: expected a model of 2 classes or more, this one has 1, whose "
            "probability is a sigmoid; take --output_op probability"
        )


def asked_shape(asked: Optional[Tuple[Optional[int], ...]], channels: int) -> Shape:
    """Return what ``--input_shape`` asks for, of a model that takes so many channels."""
    count, own, height, width = asked or (None, channels, None, None)
    if own not in (None, channels):
        raise ExportError(
            f"--input_shape: the model takes {channels} channels, got {own}; the second number is "
            "that of channels, as in 1 3 320 320"
        )
    return (count, channels, height, width)


def asked_preprocess(config: Config, shape: Shape) -> Preprocess:
    """Return that of the configuration, with the size that ``shape`` asks for."""
    own = config.preprocess()
    height, width = shape[2:]
    if own.size is None and (height is None) != (width is None):
        raise ExportError(
            "--input_shape: pictures keep their own sizes (preprocess.size is not set), so give "
            "both height and width, or -1 for both"
        )
    usual = own.size or (None, None)
    size = (width or usual[0], height or usual[1])
    if size == usual:
        return own
    before = f"{usual[0]}x{usual[1]}" if own.size else "the picture's own size"
    logger.info(f"preprocess.size: {size[0]}x{size[1]} by --input_shape, instead of {before}")
    return Preprocess([int(side or 0) for side in size], own.mean, own.std, shape[1], own.type)
