"""``.pth`` and ``.pt``: weights as ``torch.save`` writes them, read without PyTorch.

Nothing that a file holds is run: see ``unpickle``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, Dict, List, Mapping, Tuple, Union

import numpy as np

from paddleseg_u2net.io.files import what_is
from paddleseg_u2net.log import logger
from paddleseg_u2net.weights.checkpoints import ADVICE, CheckpointError, network_weights
from paddleseg_u2net.weights.file_type import PICKLE, ZIP, refuse_disguised
from paddleseg_u2net.weights.pickled_arrays import ForeignError
from paddleseg_u2net.weights.pickled_settings import Setting
from paddleseg_u2net.weights.pytorch_containers import (
    SPARE,
    LegacyContainer,
    TorchScriptError,
    ZipContainer,
)
from paddleseg_u2net.weights.pytorch_tensors import Tensor
from paddleseg_u2net.weights.unpickle import UnknownGlobalError

Container = Union[ZipContainer, LegacyContainer]

_MOST_SHARING = 4  # how much larger all tensors together may be than what they are views of
_SAVE = "torch.save(model.state_dict(), path)"


def read_torch(path: Union[str, Path]) -> Dict[str, np.ndarray]:
    """The weights in a file of ``torch.save``, in the order of the file.

    Read are both of PyTorch's formats; see ``network_weights`` for what is taken of a training
    program's file, and a line of the log says what else was there. bfloat16 becomes float32,
    which is exact; other dtypes are kept. Every array has its own memory, also where tensors
    shared theirs.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file, broken, or could only be read by running code in it; the
            message names the path and the way to mend it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected a file of weights (.pth, .pt), found {what_is(path)}"
        )
    refuse_disguised(path, reads=(ZIP, PICKLE))
    try:
        with path.open("rb") as file:
            arrays, note = _read(file)
    except TorchScriptError as error:
        raise ValueError(
            f"{path}: it is an archive of TorchScript, a program; expected weights alone: load it "
            f"with model = torch.jit.load(path) and write them with {_SAVE}"
        ) from error
    except _WholeModelError as error:
        raise ValueError(
            f"{path}: it cannot be read safely, since it seems to hold a whole model "
            f"(torch.save(model)) and not its weights ({error}); load it where it was made, and "
            f"only if you trust it, and write the weights with {_SAVE}"
        ) from error
    except CheckpointError as error:
        raise ValueError(f"{path}: {error}") from error
    except ForeignError as error:
        raise ValueError(
            f"{path}: expected weights and plain settings, but it cannot be read safely: {error}; "
            f"load it where it was made, if you trust it, and write the weights with {_SAVE}"
        ) from error
    except Exception as error:  # a broken file can raise anything
        raise ValueError(
            f"{path}: expected a file written by torch.save, but it cannot be read "
            f"({str(error) or type(error).__name__}); it may be cut or of another format: fetch it "
            f"again, or write it with {_SAVE}"
        ) from error
    if note:
        logger.warning(f"{path}: {note}")
    return arrays


class _WholeModelError(ValueError):
    """The file names classes of a model."""


def _read(file: BinaryIO) -> Tuple[Dict[str, np.ndarray], str]:
    is_zip = file.read(2) == b"PK"
    file.seek(0)
    container: Container = ZipContainer(file) if is_zip else LegacyContainer(file)
    try:
        content = container.content()
    except UnknownGlobalError as error:
        # All that a pickled module holds of its own; a dictionary of weights names none of these.
        head = container.head()
        if any(part in head for part in (b"torch.nn.modules", b"_parameters")):
            raise _WholeModelError(str(error)) from error
        raise
    if not isinstance(content, dict):
        raise CheckpointError(
            f"a dictionary of tensors was expected, got {type(content).__name__}; write the "
            f"weights with {_SAVE}"
        )
    weights, note = network_weights(content)
    return _arrays(_checked(weights), container), note


def _checked(state: Dict[Any, Any]) -> Dict[str, Any]:
    """``state``, if it holds nothing but tensors by name."""
    for key, value in state.items():
        if not isinstance(key, str):
            got = f"a key of the kind {key.kind}" if isinstance(key, Setting) else key
            raise ForeignError(f"a weight's name was expected, got {got}")
        if not isinstance(value, (Tensor, np.ndarray)):
            kind = value.kind if isinstance(value, Setting) else type(value).__name__
            raise ForeignError(f"{key[:80]!a} is of the kind {kind}, not a tensor; {ADVICE}")
    return state


def _arrays(state: Mapping[str, Any], container: Container) -> Dict[str, np.ndarray]:
    """``state`` with arrays for tensors; every storage is read once."""
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    total = sum(value.size for value in tensors.values())
    if total > _MOST_SHARING * container.rows + SPARE:
        raise ValueError(f"its tensors take {total} bytes, but it holds only {container.rows}")
    users: Dict[str, List[str]] = {}
    for name, tensor in tensors.items():
        users.setdefault(tensor.storage.key, []).append(name)
    arrays: Dict[str, np.ndarray] = {}
    for sharing in users.values():
        data = container.read(tensors[sharing[0]].storage)
        for name in sharing:
            arrays[name] = tensors[name].array(data, container.big_endian)
    return {name: arrays.get(name, value) for name, value in state.items()}
