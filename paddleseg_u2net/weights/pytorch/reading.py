"""Weights in files of ``torch.save``. Nothing that a file holds is run: see ``pickles``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, Dict, List, Tuple, Union

from paddleseg_u2net.weights.checkpoints import CheckpointError, find_network
from paddleseg_u2net.weights.layout import State
from paddleseg_u2net.weights.pickles.unpickler import named_errors
from paddleseg_u2net.weights.pytorch.containers import SPARE, LegacyContainer, ZipContainer
from paddleseg_u2net.weights.pytorch.tensors import Tensor

Container = Union[ZipContainer, LegacyContainer]

_MOST_SHARING = 4  # how much larger all tensors together may be than what they are views of
_SAVE = "torch.save(model.state_dict(), path)"


def read_torch(path: Path) -> State:
    """The weights in a file of ``torch.save``, in the order of the file.

    See ``network_weights`` for what is taken of a training program's file. bfloat16 becomes
    float32, which is exact; other dtypes are kept. Every array has its own memory.
    """
    with path.open("rb") as file:
        with named_errors(path, _SAVE):
            container, content = _opened(file)
        state = find_network(content, path)
        with named_errors(path, _SAVE):
            return _arrays(state, container)


def _opened(file: BinaryIO) -> Tuple[Container, Dict[Any, Any]]:
    is_zip = file.read(2) == b"PK"
    file.seek(0)
    container = ZipContainer(file) if is_zip else LegacyContainer(file)
    content = container.content()
    if not isinstance(content, dict):
        raise CheckpointError(
            f"a dictionary of tensors was expected, got {type(content).__name__}; write the "
            f"weights with {_SAVE}"
        )
    return container, content


def _arrays(state: Dict[Any, Any], container: Container) -> State:
    """``state`` with arrays for tensors; every storage is read once."""
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    total = sum(value.size for value in tensors.values())
    if total > _MOST_SHARING * container.rows + SPARE:
        raise ValueError(f"its tensors take {total} bytes, but it holds only {container.rows}")
    users: Dict[str, List[str]] = {}
    for name, tensor in tensors.items():
        users.setdefault(tensor.storage.key, []).append(name)
    arrays: State = {}
    for sharing in users.values():
        data = container.read(tensors[sharing[0]].storage)
        for name in sharing:
            arrays[name] = tensors[name].array(data)
    return {name: arrays.get(name, value) for name, value in state.items()}
