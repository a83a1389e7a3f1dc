"""Weights from one file format to another, read back and compared before the file appears."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, NamedTuple, Union

import numpy as np

from paddleseg_u2net.architecture import Architecture
from paddleseg_u2net.export.verify import TOLERANCES, compare
from paddleseg_u2net.inference.backends import BACKENDS, BackendError, Model
from paddleseg_u2net.inference.pipeline import activate
from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.io.files import atomic_path, check_writable, write_bytes, write_text
from paddleseg_u2net.predictor.load import network_of_state
from paddleseg_u2net.predictor.source import (
    CONVERTED,
    Source,
    complete,
    converted_files,
    find_config,
    read_config,
    read_source,
)
from paddleseg_u2net.weights import WeightsError, format_to_write, locate, read_weights
from paddleseg_u2net.weights.file_type import optional_package
from paddleseg_u2net.weights.layout import State
from paddleseg_u2net.weights.onnx_read import resizes_otherwise
from paddleseg_u2net.weights.onnx_write import folded_weights, onnx_bytes

_HALVES = (10, 16)  # FLOAT16 and BFLOAT16 in onnx's TensorProto


class Conversion(NamedTuple):
    """What was converted; ``compared``: a line for each ONNX file that was run."""

    source: Source
    to_format: str
    compared: List[str]
    description: Path


def convert(
    source: Union[str, Path],
    target: Union[str, Path],
    config: Union[str, Path, None] = None,
) -> Conversion:
    """Write the weights of ``source`` in the format of ``target``; numbers become float32.

    The new file appears only if the same numbers are read from it. ONNX files are also run, by ONNX
    Runtime if that is installed, beside the weights as they were read. Beside the new file goes a
    ``.yaml`` with the model and the preprocessing of the source, which the other commands find.

    Raises:
        ValueError: ``source`` or ``target`` is none, or the maps differ (WeightsError).
        OSError: ``target`` cannot be written, or another text is where the ``.yaml`` has to be.
    """
    target = Path(target)
    check_writable(target)
    written_by = format_to_write(target)
    path = locate(source)
    if target.exists() and path.exists() and target.samefile(path):
        raise ValueError(f"{target}: this is the input file itself; give the output another name")
    read = read_source(path, config)
    description = _description(read, target)
    state, model = complete(read), read.model
    compared = []
    if read.format_name == "ONNX":
        compared.append(_run_beside(path, path, state, model))
    with atomic_path(target) as temporary:
        if written_by.name == "ONNX":  # dilations are in the file, but not in the weights
            what = (model.stages, model.num_classes, model.in_channels)
            write_bytes(temporary, onnx_bytes(state, *what, source=str(target)))
            program, again = model.program(), read_weights(temporary)
            meant, found = (folded_weights(x, program, str(target)) for x in (state, again))
            _refuse_changed(found, meant, target, rtol=1e-6)
            compared.append(_run_beside(temporary, target, state, model))
        else:
            written_by.write(temporary, state)
            _refuse_changed(read_weights(temporary), state, target)
    write_text(target.with_suffix(".yaml"), description)
    return Conversion(read, written_by.name, compared, target.with_suffix(".yaml"))


def _description(read: Source, target: Path) -> str:
    """Model and preprocessing of the source, so that the new file is used as it was."""
    settings = read_config(find_config(read.path, read.config, read.model))
    place = target.with_suffix(".yaml")
    said, text = converted_files(place), settings.to_predict()
    if place.exists() and (
        not said or place.read_text(encoding="utf-8").partition("\n")[2].strip() != text.strip()
    ):
        raise FileExistsError(
            f"{place}: this file says otherwise than what goes beside {target.name}; move it away, "
            "or give the output another name"
        )
    return f"{CONVERTED}{', '.join(dict.fromkeys([*said, target.name]))}\n{text}"


def _refuse_changed(found: State, meant: State, target: Path, rtol: float = 0) -> None:
    for name in {**meant, **found}:
        a, b = (np.asarray(part.get(name)) for part in (found, meant))  # None has no numbers
        same = (a.dtype, a.shape) == (b.dtype, b.shape)
        if not same or not np.allclose(a, b, rtol, 0, equal_nan=True):
            raise WeightsError(
                f"{target}: not written; read back, {name} is not what it should be; this is a "
                "defect of the program or of the disk: try again, and report it"
            )


def _run_beside(file: Path, shown: Path, state: State, model: Architecture) -> str:
    """How far the maps that ONNX Runtime makes of a file are from those of its weights."""
    content = optional_package(shown, "onnx").load(str(file), load_external_data=False)
    why = resizes_otherwise(content)
    if why:
        return f"{shown}: not run beside its weights, because {why}"
    try:
        network = BACKENDS["onnxruntime"].load(Model("onnx", {"model.onnx": file}), None, "cpu")
        ours = network_of_state(state, model, "onnxruntime")
        count, _, height, width = network.shape  # type: ignore[attr-defined]
        channels = model.in_channels
        shape = (count, channels, height, width)
        compared = compare(ours, _probabilities(network), Preprocess(channels=channels), shape)
    except BackendError as error:
        return f"{shown}: not run beside its weights, because {error}"
    types = {tensor.data_type for tensor in content.graph.initializer}
    if any(node.op_type == "DynamicQuantizeLinear" for node in content.graph.node):
        return f"{shown}: quantized, run by ONNX Runtime beside its weights, {compared}"
    largest, mean = TOLERANCES["fp16" if types & set(_HALVES) else "fp32"]
    if not (compared.largest <= largest and compared.mean <= mean):  # NaN is no agreement
        raise WeightsError(
            f"{shown}: not converted; run by ONNX Runtime beside the weights that were read from "
            f"it, {compared}; allowed are {largest:g} and {mean:g}; it is not what it looks like"
        )
    return f"{shown}: run by ONNX Runtime beside its weights, {compared}"


def _probabilities(network: Any) -> Any:
    """A network whose file gives logits or probabilities, as one that gives probabilities."""

    def run(batch: np.ndarray) -> np.ndarray:
        found = network(batch)
        return found if found.min() >= 0 and found.max() <= 1 else activate(found)

    return run
