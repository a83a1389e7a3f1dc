"""Weights in files of ``torch.save``: a pickle and the rows of numbers beside it.

Zip (PyTorch 1.6 and newer): members ``NAME/data.pkl``, ``NAME/data/KEY``. Legacy: pickles of a
magic number, a version, facts about the computer, the content and the keys, then for each key a
count and its row. See ``torch/serialization.py``. Nothing is run, no part becomes a file.
"""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, List, Mapping, Union

from paddleseg_u2net.weights.checkpoints import find_network
from paddleseg_u2net.weights.layout import State
from paddleseg_u2net.weights.pickles.unpickler import load_pickle, named_errors
from paddleseg_u2net.weights.pytorch.tensors import TENSORS, Storage, Tensor, storage_of

_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_VERSION = 1001
# Weights hardly shrink when they are packed; what grows far more than this was made to.
_MOST_GROWTH = 20
_SPARE = 2**24  # bytes beyond which limits apply
_MOST_SHARING = 4  # how much larger all tensors together may be than what they are views of
_SAVE = "torch.save(model.state_dict(), path)"


def _load(file: BinaryIO, storages: Dict[str, Storage]) -> Any:
    """The content of a pickle, ``Tensor`` in the place of tensors; and its storages, by key."""

    def named(identity: Any) -> Storage:
        storage = storage_of(identity)
        if storages.setdefault(storage.key, storage).size != storage.size:
            raise ValueError(f"it gives storage {storage.key[:40]!a} two sizes")
        return storage

    return load_pickle(file, TENSORS, named)


class _Zip:
    """A file of PyTorch 1.6 or newer."""

    def __init__(self, file: BinaryIO) -> None:
        self.archive = zipfile.ZipFile(file)
        self.members = _checked_members(self.archive, os.fstat(file.fileno()).st_size)
        pickles = [name for name in self.members if name.endswith("/data.pkl")]
        roots = [name[: -len("data.pkl")] for name in pickles if name.count("/") == 1]
        if len(roots) != 1:
            found = ", ".join(f"{name[:40]!a}" for name in list(self.members)[:4])
            raise ValueError(
                f"it is a zip archive with {len(roots)} members data.pkl instead of one; it "
                f"holds {found or 'nothing'}"
            )
        self.root = roots[0]
        if f"{self.root}byteorder" in self.members and self._bytes("byteorder") != b"little":
            raise ValueError("its byte order is not 'little'")
        self.rows = sum(member.file_size for member in self.members.values())

    def content(self) -> Any:
        return _load(io.BytesIO(self._bytes("data.pkl")), {})

    def read(self, storage: Storage) -> bytes:
        data = self._bytes(f"data/{storage.key}")
        if len(data) // storage.type.bits.itemsize != storage.count:
            raise ValueError(
                f"storage {storage.key[:40]!a} has {len(data)} bytes, but its tensor tells of "
                f"{storage.size}"
            )
        return data

    def _bytes(self, name: str) -> bytes:
        full = self.root + name
        if full not in self.members:
            raise ValueError(f"its member {full[:80]!a} is missing")
        # With a size, no more than that is ever unpacked, whatever the member holds.
        size = self.members[full].file_size
        with self.archive.open(self.members[full]) as file:
            data = file.read(size)
        if len(data) != size:
            raise ValueError(f"{full[:80]!a} in it is cut")
        return data


def _checked_members(archive: zipfile.ZipFile, size: int) -> Dict[str, zipfile.ZipInfo]:
    members: Dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        if member.filename in members:
            raise ValueError(f"it holds two members {member.filename[:80]!a}")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{member.filename[:80]!a} in it is packed in an unusual way")
        members[member.filename] = member
    if sum(member.compress_size for member in members.values()) > size:
        raise ValueError("its members are larger than itself: they overlap")
    if sum(member.file_size for member in members.values()) > _MOST_GROWTH * size + _SPARE:
        raise ValueError(f"unpacked it would be more than {_MOST_GROWTH} times as large")
    return members


class _Legacy:
    """A file of PyTorch before 1.6, or of ``_use_new_zipfile_serialization=False``."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.rows = os.fstat(file.fileno()).st_size
        self.places: Dict[str, int] = {}

    def content(self) -> Any:
        """Notes where each row begins, too."""
        if load_pickle(self.file, {}) != _MAGIC:
            raise ValueError("it is a pickle, but none of torch.save; is it of Paddle?")
        if load_pickle(self.file, {}) != _LEGACY_VERSION:
            raise ValueError("its version is unknown")
        load_pickle(self.file, {})  # facts about the computer; the numbers do not depend on them
        storages: Dict[str, Storage] = {}
        content = _load(self.file, storages)
        keys = load_pickle(self.file, {})
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise ValueError("it has no list of its storages")
        for key in keys:
            storage = storages.get(key)
            if storage is None or key in self.places:
                raise ValueError(f"it holds storage {key[:40]!a} twice or for nothing")
            if self.file.read(8) != storage.count.to_bytes(8, "little"):
                raise ValueError(f"storage {key[:40]!a} has another count than its tensor tells of")
            self.places[key] = self.file.tell()
            if self.places[key] + storage.size > self.rows:
                raise ValueError(f"storage {key[:40]!a} is cut")
            self.file.seek(storage.size, os.SEEK_CUR)
        return content

    def read(self, storage: Storage) -> bytes:
        if storage.key not in self.places:
            raise ValueError(f"storage {storage.key[:40]!a} is missing")
        self.file.seek(self.places[storage.key])
        data = self.file.read(storage.size)
        if len(data) != storage.size:
            raise ValueError(f"storage {storage.key[:40]!a} is cut")
        return data


def read_torch(
    path: Path, find: Callable[[Mapping[Any, Any], object], Dict[Any, Any]] = find_network
) -> State:
    """The weights that ``find`` takes of a file of ``torch.save``, each array with its own memory.
    bfloat16 becomes float32, which is exact; other dtypes are kept.
    """
    with path.open("rb") as file:
        with named_errors(path, _SAVE):
            is_zip = file.read(2) == b"PK"
            file.seek(0)
            container: Union[_Zip, _Legacy] = _Zip(file) if is_zip else _Legacy(file)
            content = container.content()
            if not isinstance(content, dict):
                raise ValueError(f"it holds a {type(content).__name__}, no dictionary of tensors")
        state = find(content, path)
        with named_errors(path, _SAVE):
            return _arrays(state, container)


def _arrays(state: Dict[Any, Any], container: Union[_Zip, _Legacy]) -> State:
    """``state`` with arrays for tensors; every storage is read once."""
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    total = sum(value.size for value in tensors.values())
    if total > _MOST_SHARING * container.rows + _SPARE:
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
