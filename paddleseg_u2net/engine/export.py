"""A trained model as files of an engine, with all that predicting needs beside it.

The folder appears only after its files were read again, run, and found to give what the model
gives.
"""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

from paddleseg_u2net import __version__
from paddleseg_u2net.architecture import build
from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.datasets.table import TABLE
from paddleseg_u2net.engine.export_check import Compared, compare, increase
from paddleseg_u2net.engine.export_onnx import finished
from paddleseg_u2net.engine.export_openvino import openvino_module, write_openvino
from paddleseg_u2net.engine.export_paddle import write_paddle
from paddleseg_u2net.engine.journal import logger
from paddleseg_u2net.files import atomic_dir, recover_dir
from paddleseg_u2net.inference import BackendError, Preprocess
from paddleseg_u2net.inference.backends import AUTO, choose, eager
from paddleseg_u2net.inference.description import (
    MODEL_FILES,
    NAME,
    Description,
    ExportError,
    Shape,
    checksum,
    described_preprocess,
    is_export,
    write_description,
)
from paddleseg_u2net.inference.exported import load_exported
from paddleseg_u2net.quantization.calibration import Calibration
from paddleseg_u2net.quantization.search import Found, search
from paddleseg_u2net.weights import load_weights
from paddleseg_u2net.weights.biases import State
from paddleseg_u2net.weights.ncnn_write import ncnn_files
from paddleseg_u2net.weights.onnx_tensors import onnx_module
from paddleseg_u2net.weights.onnx_write import folded_weights, onnx_bytes

OFFERED: Dict[str, Tuple[str, ...]] = {
    "paddle": ("fp32",),
    "onnx": ("fp32", "fp16", "int8"),
    "openvino": ("fp32", "fp16", "bf16", "int8"),
    "ncnn": ("fp32",),
}
"""Precisions by format."""

_BY_ONNX = ("onnx", "openvino")

SEARCHED = ("bf16", "int8")
"""Precisions for which layers that must stay in float32 are searched for."""

# Differences of probabilities, the largest and the mean one. In float32 they come from sums in
# another order: 7e-5 and 3e-7 on the published U2NetP. Weights rounded to float16 make 0.17 and
# 1.2e-3 (26 pictures; its weights with the bits drawn that the published file has lost).
TOLERANCES = {"fp32": (1e-3, 1e-4), "fp16": (0.5, 5e-3)}

_AGAIN = {
    "fp32": "this is a defect of the program or of the disk: try again, and report it",
    "fp16": "take --precision fp32",
}


@dataclass(frozen=True)
class Order:
    """What to export.

    Args:
        save_dir: the folder that is to appear; see `export`.
        format: a key of ``OFFERED``.
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
        if self.precision not in OFFERED[self.format]:
            others = [name for name, offered in OFFERED.items() if self.precision in offered]
            raise ExportError(
                f"--format {self.format}: expected --precision {' or '.join(OFFERED[self.format])},"
                f" got {self.precision}; --format {' or '.join(others)} has it"
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


def export(weights: Path, config: Config, order: Order) -> Description:
    """Export a trained model; what was done is logged.

    The folder ``order.save_dir`` appears whole or not at all. One that is there is replaced if it
    is empty or holds an export and nothing else.

    Args:
        weights: a file of weights. config: its model and preprocessing; Paddle is on the CPU.

    Raises:
        ExportError: the order cannot be carried out; or what the files give is not what the model
            gives. For a lower precision: nothing was found inside the tolerance.
        WeightsError: the weights are not of the configuration's model.
        BackendError: the engine that the format is for is not installed.
        OSError: the folder cannot be written.
    """
    _refuse_folder(order.save_dir, weights)
    _refuse_output(order, config.num_classes)
    shape = _shape(order.shape, config.in_channels)
    preprocess = _preprocess(config, shape)
    _refuse_missing(order)
    calibration = _calibration(order, preprocess)
    recover_dir(order.save_dir)
    with atomic_dir(order.save_dir) as folder:
        model = config.model(pretrained=False)
        load_weights(model, weights)
        model.eval()
        state = {name: value.numpy() for name, value in model.state_dict().items()}
        made = Description(
            order.format,
            order.precision,
            order.output,
            shape,
            config.num_classes,
            class_names(config),
            described_preprocess(preprocess),
            files={},
            source={"file": weights.name, "sha256": checksum(weights)},
            versions=_versions(order.format),
        )
        made = replace(made, guard=_write(folder, state, config, order, made, calibration))
        files = {path.name: checksum(path) for path in sorted(folder.iterdir())}
        made = replace(made, files=files)
        write_description(folder, made)
        compared, guard = _checked(folder, model, made, calibration, order.save_dir)
        made = replace(made, compared=compared, guard=guard)
        write_description(folder, made)
    return made


# -- what is refused before anything is made ---------------------------------------------------


def refuse_exported(model_path: str) -> None:
    """Whether ``model_path`` is an exported folder, from which nothing is exported.

    Raises:
        ExportError: it is.
    """
    if is_export(model_path):
        raise ExportError(
            f"--model_path {model_path}: expected weights, found an exported model; give the "
            "weights that it was made of, which its description.json names under source"
        )


def _refuse_folder(folder: Path, weights: Path) -> None:
    """Whether nothing but an export would be replaced, which the weights are no part of."""
    if folder.resolve() in weights.resolve().parents:
        raise ExportError(f"{folder}: {weights} is in it; name another --save_dir")
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder}: expected a folder or nothing, found a file; name another")
    content = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    own = {NAME}.union(*(names for known in MODEL_FILES.values() for names in known))
    strangers = [name for name in content if name not in own]
    if strangers or (content and not is_export(folder)):
        found = strangers[0] if strangers else f"no {NAME}"
        raise ExportError(
            f"{folder}: expected nothing, an empty folder, or an earlier export to be replaced, "
            f"found a folder with {found}; move it away or name another --save_dir"
        )


def _refuse_output(order: Order, num_classes: int) -> None:
    if order.format == "ncnn" and order.output == "argmax":
        raise ExportError(
            "--format ncnn: expected --output_op probability, since ncnn's blobs hold no class "
            "numbers; take the largest probability, or another format"
        )
    if order.output == "softmax" and num_classes == 1:
        raise ExportError(
            "--output_op softmax: expected a model of 2 classes or more, this one has 1, whose "
            "probability is a sigmoid; take --output_op probability"
        )


def _refuse_missing(order: Order) -> None:
    """Whether what the format needs, and what is to run it, is installed."""
    if order.format in _BY_ONNX:
        onnx_module(f"--format {order.format}")
    if order.format == "openvino":
        openvino_module()
    choose(AUTO, "cpu", order.format, order.precision)


def _calibration(order: Order, preprocess: Preprocess) -> Optional[Calibration]:
    if order.calibration is None:
        return None
    channels = len(preprocess.mean)
    return Calibration.read(order.calibration, order.calibration_masks, preprocess, channels)


def _shape(asked: Optional[Tuple[Optional[int], ...]], channels: int) -> Shape:
    count, own, height, width = asked or (None, channels, None, None)
    if own not in (None, channels):
        raise ExportError(
            f"--input_shape: the model takes {channels} channels, got {own}; the second number is "
            "that of channels, as in 1 3 320 320"
        )
    return (count, channels, height, width)


def _preprocess(config: Config, shape: Shape) -> Preprocess:
    """The configuration's, with the size that ``shape`` asks for."""
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


# -- what the description says -----------------------------------------------------------------


def class_names(config: Config) -> Tuple[str, ...]:
    """Names by class number, the background first: of the data set that the configuration has for
    validation or training, else plain ones.
    """
    count = max(config.num_classes, 2)
    for part in ("val", "train"):
        try:
            settings = config.dataset_settings(part)
        except ConfigError:
            continue
        name = settings.get("name")
        names = settings.get("class_names") or (TABLE[name].classes if name in TABLE else ())
        if len(names) == count:
            return tuple(str(item) for item in names)
    if count == 2:
        return ("background", "foreground")
    return tuple(f"class {number}" for number in range(count))


def _versions(format: str) -> Dict[str, str]:
    import paddle

    found = {"paddleseg_u2net": __version__, "paddle": paddle.__version__}
    if format in _BY_ONNX:
        found["onnx"] = onnx_module(f"--format {format}").__version__
    if format == "openvino":
        found["openvino"] = openvino_module().__version__
    if format == "ncnn":
        found["ncnn"] = importlib.metadata.version("ncnn")
    return found


def _notes(made: Description) -> Dict[str, str]:
    """Of the description, what is of use to who has the model's file alone."""
    return {
        "paddleseg_u2net": __version__,
        "preprocess": json.dumps(dict(made.preprocess)),
        "classes": json.dumps(list(made.classes), ensure_ascii=False),
    }


# -- the files ---------------------------------------------------------------------------------


def _write(
    folder: Path,
    state: State,
    config: Config,
    order: Order,
    made: Description,
    calibration: Optional[Calibration],
) -> Mapping[str, Any]:
    """Write the model's files; what a search for a lower precision measured."""
    where = f"--format {order.format}"
    if order.format == "paddle":
        program = build(config.stages, config.num_classes, config.in_channels)
        weights = folded_weights(state, program, where)
        write_paddle(folder, weights, program, order.output, made.shape)
        return {}
    if order.format == "ncnn":
        classes, channels = config.num_classes, config.in_channels
        files = ncnn_files(state, config.stages, classes, channels, source=where)
        (folder / "model.param").write_text(files.param, encoding="utf-8")
        (folder / "model.bin").write_bytes(files.weights)
        return {}
    content = onnx_bytes(
        state,
        config.stages,
        config.num_classes,
        config.in_channels,
        sides=False,
        source=where,
    )
    in_float: Tuple[str, ...] = ()
    if calibration is not None:
        found = search(content, calibration, order.max_mae_increase, order.precision, logger.info)
        content, in_float = found.content, found.float_nodes
        guard = _described_guard(found, order)
    else:
        guard = {}
    content = finished(
        content,
        made.shape,
        order.output == "argmax",
        order.format == "onnx" and order.precision == "fp16",
        _notes(made),
    )
    if order.format == "onnx":
        (folder / "model.onnx").write_bytes(content)
    else:
        half = order.precision == "fp16"
        write_openvino(folder, content, half, in_float if order.precision == "bf16" else ())
    return guard


def _described_guard(found: Found, order: Order) -> Dict[str, Any]:
    return {
        "tolerance": order.max_mae_increase,
        "increase": found.increase,
        "against": found.against,
        "error": found.error,
        "images": found.images,
        "kept": list(found.kept),
        "share": found.share,
        "measured": len(found.steps),
    }


# -- the comparison ----------------------------------------------------------------------------


def _checked(
    folder: Path,
    model: Any,
    made: Description,
    calibration: Optional[Calibration],
    target: Path,
) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """Read the files again, run them beside the model and log how far they are from it.

    Returns:
        What the description says of it: ``compared`` and ``guard``.

    Raises:
        ExportError: further than is due to the precision or is allowed; or they cannot be read or
            run.
    """
    network = eager(model)
    try:
        exported = load_exported(folder, AUTO, device="cpu")
        found = compare(network, exported.network, made.make_preprocess(), made.shape)
        guard = dict(made.guard)
        if calibration is not None and made.output != "argmax":
            guard["written"] = increase(network, exported.network, calibration)
    except (ExportError, BackendError) as error:
        text = str(error).replace(str(folder), str(target))
        raise ExportError(f"not written, because it does not run: {text}") from error
    logger.info(f"Read again and run by {exported.backend}, beside the model: {found}")
    _refuse_differences(found, made.precision, target)
    _refuse_unmeasured(made, getattr(exported.network, "note", ""), target)
    _refuse_increase(guard, exported.backend, target)
    return {**found.described(), "backend": exported.backend}, guard


def _refuse_unmeasured(made: Description, note: str, target: Path) -> None:
    """Raise ExportError if nobody saw that layers which must stay in float32 do."""
    kept = len(made.guard.get("kept", ()))
    if made.precision == "bf16" and kept and note:
        raise ExportError(
            f"{target}: not written: {kept} layers have to stay in float32, and whether the engine "
            "keeps them there shows on a processor with bfloat16 only, which this one is not; "
            "export there, allow a larger --max_mae_increase, or take --precision int8"
        )


def _refuse_increase(guard: Mapping[str, Any], backend: str, target: Path) -> None:
    """Raise ExportError if the files are off by more than was allowed in the search."""
    if "written" not in guard:
        return
    logger.info(
        f"Run by {backend} on the images that the search was measured by: "
        f"{guard['written']:+.5f} against {guard['against']}, allowed is {guard['tolerance']:g}"
    )
    if not guard["written"] <= guard["tolerance"]:
        raise ExportError(
            f"{target}: not written: run by {backend}, maps are off by {guard['written']:+.5f}, "
            f"more than the {guard['tolerance']:g} of --max_mae_increase, though the search "
            f"measured {guard['increase']:+.5f}; allow more, or take --precision fp32"
        )


def _refuse_differences(found: Compared, precision: str, target: Path) -> None:
    """Raise ExportError unless the differences are those of the precision."""
    limits = TOLERANCES.get(precision)
    # NaN is no agreement
    if limits and not (found.largest <= limits[0] and found.mean <= limits[1]):
        raise ExportError(
            f"{target}: not written: its probabilities differ from the model's by "
            f"{found.largest:.3g} at most and {found.mean:.3g} on average, {precision} accounts "
            f"for {limits[0]:g} and {limits[1]:g}; {_AGAIN[precision]}"
        )
