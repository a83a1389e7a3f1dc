"""A trained model as files of an engine, with all that predicting needs beside it.

The folder appears only after its files were read again, run, and found to give what the model
gives.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Optional

from paddleseg_u2net.architecture import build
from paddleseg_u2net.config import Config
from paddleseg_u2net.export.metadata import class_names, described_guard, notes, versions
from paddleseg_u2net.export.onnx import finished
from paddleseg_u2net.export.openvino import openvino_module, write_openvino
from paddleseg_u2net.export.options import (
    BY_ONNX,
    ExportOptions,
    preprocess_of_order,
    refuse_folder,
    refuse_output,
    shape_of_order,
)
from paddleseg_u2net.export.paddle import write_paddle
from paddleseg_u2net.export.quantization.calibration import Calibration
from paddleseg_u2net.export.quantization.search import Found, search
from paddleseg_u2net.export.tolerances import refuse_differences, refuse_increase, refuse_unmeasured
from paddleseg_u2net.export.verify import compare
from paddleseg_u2net.inference import BackendError, Preprocess
from paddleseg_u2net.inference.backends import AUTO, choose
from paddleseg_u2net.inference.description import (
    Description,
    ExportError,
    checksum,
    described_preprocess,
    write_description,
)
from paddleseg_u2net.inference.exported import load_exported
from paddleseg_u2net.inference.network import Network
from paddleseg_u2net.io.files import atomic_dir, recover_dir
from paddleseg_u2net.log import logger
from paddleseg_u2net.predictor.load import LoadedModel
from paddleseg_u2net.weights.layout import State
from paddleseg_u2net.weights.ncnn_write import ncnn_files
from paddleseg_u2net.weights.onnx_tensors import onnx_module
from paddleseg_u2net.weights.onnx_write import folded_weights, onnx_bytes


def export(trained: LoadedModel, order: ExportOptions) -> Description:
    """Export a trained model; what was done is logged.

    The folder ``order.save_dir`` appears whole or not at all. One that is there is replaced if it
    is empty or holds an export and nothing else.

    Args:
        trained: weights, loaded with the backend ``paddle`` on the CPU.

    Raises:
        ExportError: the order cannot be carried out; or what the files give is not what the model
            gives. For a lower precision: nothing was found inside the tolerance.
        BackendError: the engine that the format is for is not installed.
        OSError: the folder cannot be written.
    """
    weights, layer, config = trained.source, trained.layer, trained.config
    assert isinstance(config, Config)
    refuse_folder(order.save_dir, weights)
    refuse_output(order, config.num_classes)
    shape = shape_of_order(order.shape, config.in_channels)
    preprocess = preprocess_of_order(config, shape)
    _refuse_missing(order)
    calibration = _calibration(order, preprocess)
    recover_dir(order.save_dir)
    with atomic_dir(order.save_dir) as folder:
        state = {name: value.numpy() for name, value in layer.state_dict().items()}
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
            versions=versions(order.format),
        )
        found = _write(folder, state, config, order, made, calibration)
        made = replace(made, guard=described_guard(found, order) if found else {})
        files = {path.name: checksum(path) for path in sorted(folder.iterdir())}
        made = replace(made, files=files)
        write_description(folder, made)
        made = _checked(folder, trained.pipeline.network, made, found, order)
        write_description(folder, made)
    return made


def _refuse_missing(order: ExportOptions) -> None:
    """Whether what the format needs, and what is to run it, is installed."""
    if order.format in BY_ONNX:
        onnx_module(f"--format {order.format}")
    if order.format == "openvino":
        openvino_module()
    choose(AUTO, "cpu", order.format, order.precision)


def _calibration(order: ExportOptions, preprocess: Preprocess) -> Optional[Calibration]:
    if order.calibration is None:
        return None
    channels = len(preprocess.mean)
    return Calibration.read(order.calibration, order.calibration_masks, preprocess, channels)


def _write(
    folder: Path,
    state: State,
    config: Config,
    order: ExportOptions,
    made: Description,
    calibration: Optional[Calibration],
) -> Optional[Found]:
    """Write the model's files; what a search for a lower precision found."""
    where = f"--format {order.format}"
    what = (state, config.stages, config.num_classes, config.in_channels)
    if order.format == "paddle":
        program = build(*what[1:])
        weights = folded_weights(state, program, where)
        write_paddle(folder, weights, program, order.output, made.shape)
        return None
    if order.format == "ncnn":
        files = ncnn_files(*what, source=where)
        (folder / "model.param").write_text(files.param, encoding="utf-8")
        (folder / "model.bin").write_bytes(files.weights)
        return None
    content = onnx_bytes(*what, sides=False, source=where)
    found = None
    if calibration is not None:
        found = search(content, calibration, order.max_mae_increase, order.precision, logger.info)
        content = found.content
    half = order.precision == "fp16"
    argmax, is_onnx = order.output == "argmax", order.format == "onnx"
    content = finished(content, made.shape, argmax, half and is_onnx, notes(made))
    if is_onnx:
        (folder / "model.onnx").write_bytes(content)
    else:
        in_float = found.float_nodes if found and order.precision == "bf16" else ()
        write_openvino(folder, content, half, in_float)
    return found


def _checked(
    folder: Path, model: Network, made: Description, found: Optional[Found], order: ExportOptions
) -> Description:
    """Read the files again, run them beside the model and log how far they are from it.

    Returns:
        The description with what was measured.

    Raises:
        ExportError: further than is due to the precision or is allowed; or they cannot be read or
            run.
    """
    target, guard, measured = order.save_dir, dict(made.guard), None
    try:
        exported = load_exported(folder, AUTO, device="cpu")
        compared = compare(model, exported.network, made.make_preprocess(), made.shape)
        if found is not None and made.output != "argmax":
            measured = found.guard.measured(exported.network)
    except (ExportError, BackendError) as error:
        text = str(error).replace(str(folder), str(target))
        raise ExportError(f"not written, because it does not run: {text}") from error
    backend = exported.backend
    logger.info(f"Read again and run by {backend}, beside the model: {compared}")
    refuse_differences(compared, made.precision, target)
    refuse_unmeasured(made, getattr(exported.network, "note", ""), target)
    if found is not None and measured is not None:
        refuse_increase(found, measured, order.max_mae_increase, backend, target)
        guard.update(written=measured.increase, written_difference=measured.difference)
    return replace(made, compared={**compared.described(), "backend": backend}, guard=guard)
