"""Exported folders: read, checked, and on an engine."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional, Union

from paddleseg_u2net.inference.backends import (
    AUTO,
    Choice,
    choose,
    ncnn_network,
    onnxruntime,
    openvino,
    paddle_inference,
)
from paddleseg_u2net.inference.description import NAME, Description, ExportError, read_description
from paddleseg_u2net.inference.network import ANY, EngineNetwork, InputShape, LoadError
from paddleseg_u2net.inference.pipeline import Augment, Pipeline, Window

# What the engines give, by the description's word for it.
_GIVES = {"probability": "probability", "softmax": "probability", "argmax": "argmax"}


class Exported(NamedTuple):
    """An exported model that can be run.

    ``folder``: where it is. ``network``: gives what the description's ``output`` says.
    ``choice``: the backend, and why it was taken.
    """

    folder: Path
    description: Description
    network: EngineNetwork
    choice: Choice

    @property
    def backend(self) -> str:
        """The backend's name."""
        return self.choice.backend

    def pipeline(
        self,
        augment: Optional[Augment] = None,
        window: Optional[Window] = None,
        upsampling: str = "bilinear",
    ) -> Pipeline:
        """Probability maps of pictures; see `Pipeline` for what the arguments may be."""
        preprocess = self.description.make_preprocess()
        return Pipeline(self.network, preprocess, augment, window, upsampling)


def load_exported(
    folder: Union[str, Path],
    backend: str = AUTO,
    threads: Optional[int] = None,
    device: str = AUTO,
) -> Exported:
    """Read an exported folder and load its model.

    Args:
        folder: the folder, or the description in it.
        backend, device: see `choose`.
        threads: as many; None: all cores that this process may use.

    Raises:
        ExportError: a file is missing, damaged or of another version, or the model is not what the
            description says.
        BackendError: the backend is not installed, does not take this format, or does not compute
            on the device.
    """
    folder = Path(folder)
    folder = folder.parent if folder.name == NAME and folder.is_file() else folder
    description = read_description(folder)
    choice = choose(backend, device, description.format, description.precision)
    try:
        network = _network(folder, description, choice, threads)
    except LoadError as error:
        raise ExportError(
            f"{folder}: {error}; the file is damaged, or the engine is older than that which it "
            "was made with: export again, or update the engine"
        ) from error
    _check(folder, description, network)
    network.num_classes = description.num_classes
    return Exported(folder, description, network, choice)


def _network(
    folder: Path, description: Description, choice: Choice, threads: Optional[int]
) -> EngineNetwork:
    gives = _GIVES[description.output]
    if choice.backend == "paddle-inference":
        program = _file(folder, description, ".json", ".pdmodel")
        weights = _file(folder, description, ".pdiparams")
        shape, classes = description.shape, description.num_classes
        classes_out = None if gives == "argmax" else classes
        return paddle_inference(program, weights, gives, threads, choice.device, classes_out, shape)
    if choice.backend == "ncnn":
        param = _file(folder, description, ".param").read_text(encoding="utf-8")
        weights = _file(folder, description, ".bin")
        return ncnn_network(param, weights, gives, threads, description.shape)
    if choice.backend == "onnxruntime":
        return onnxruntime(_file(folder, description, ".onnx"), gives, threads)
    return openvino(
        _file(folder, description, ".xml", ".onnx"), gives, threads, description.precision
    )


def _file(folder: Path, description: Description, *suffixes: str) -> Path:
    """The model's file with one of the suffixes."""
    for name in description.files:
        if name.endswith(suffixes):
            return folder / name
    raise ExportError(
        f"{folder / NAME}: files: expected one that ends in {' or '.join(suffixes)} for format "
        f"{description.format}, got {', '.join(description.files)}; export again"
    )


def _check(folder: Path, description: Description, network: EngineNetwork) -> None:
    """Refuse a model whose inputs and outputs are not those of the description."""
    problems = []
    if network.shape != ANY and tuple(network.shape) != tuple(description.shape):
        problems.append(
            f"input {_shown(description.shape)}, the model takes {_shown(network.shape)}"
        )
    if network.num_classes not in (None, description.num_classes):
        problems.append(
            f"{description.num_classes} channels of output, the model has {network.num_classes}"
        )
    if problems:
        raise ExportError(
            f"{folder / NAME}: it says {' and '.join(problems)}: the description is of another "
            "model; export again"
        )


def _shown(shape: InputShape) -> str:
    return "(" + ", ".join("any" if side is None else str(side) for side in shape) + ")"
