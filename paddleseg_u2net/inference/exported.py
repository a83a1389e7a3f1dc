"""Exported folders: read, checked, and on an engine."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional, Union

from paddleseg_u2net.inference.backends import AUTO, BACKENDS, Choice, LoadError, Model, choose
from paddleseg_u2net.inference.backends.backend import ANY, InputShape, Network, shape_of
from paddleseg_u2net.inference.description import NAME, Description, ExportError, read_description


class Exported(NamedTuple):
    """An exported model that can be run.

    ``network``: its type of output is that of the description's ``output``. ``choice``: the
    backend, and why it was taken.
    """

    description: Description
    network: Network
    choice: Choice


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
    model = Model(
        description.format,
        {name: folder / name for name in description.files},
        "argmax" if description.output == "argmax" else "probability",
        description.num_classes,
        description.shape,
        description.precision,
    )
    try:
        network = BACKENDS[choice.backend].load(model, threads, choice.device)
    except LoadError as error:
        raise ExportError(
            f"{folder}: {error}; the file is damaged, or the engine is older than that which it "
            "was made with: export again, or update the engine"
        ) from error
    _check(folder, description, network)
    network.num_classes = description.num_classes  # type: ignore[attr-defined]
    return Exported(description, network, choice)


def _check(folder: Path, description: Description, network: Network) -> None:
    """Refuse a model whose inputs and outputs are not those of the description."""
    problems = []
    shape, channels = shape_of(network), getattr(network, "num_classes", None)
    if shape != ANY and tuple(shape) != tuple(description.shape):
        problems.append(f"input {_shown(description.shape)}, the model takes {_shown(shape)}")
    if channels not in (None, description.num_classes):
        problems.append(f"{description.num_classes} channels of output, the model has {channels}")
    if problems:
        raise ExportError(
            f"{folder / NAME}: it says {' and '.join(problems)}: the description is of another "
            "model; export again"
        )


def _shown(shape: InputShape) -> str:
    return "(" + ", ".join("any" if side is None else str(side) for side in shape) + ")"
