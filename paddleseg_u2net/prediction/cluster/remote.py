"""Files on this machine and in object stores, by fsspec: ``s3://``, ``gs://``, a path, ..."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any, Dict, NamedTuple, Tuple

from paddleseg_u2net.io.files import write_bytes

# What is put there appears whole or not at all.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "hf"}
# Other processes have other files under these names.
_OF_A_PROCESS = {"memory", "data"}
# By which a store tells that a file is another one; the first that it knows.
_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "mtime", "LastModified", "last_modified")


class RemoteError(ValueError):
    """An address that cannot be used; the message begins with it."""


class Stored(NamedTuple):
    """What is said of a file.

    Args:
        size: in bytes.
        identity: by which a file that was replaced is told from what it was: its size, and the
            store's tag of its content or else the time of its last change.
    """

    size: int
    identity: str


class Place(NamedTuple):
    """A file or folder: a file system of fsspec, and a path as that has it."""

    fs: Any
    path: str

    @property
    def address(self) -> str:
        """By which any process finds it; a plain path where it is on this machine."""
        return self.path if self.is_local else str(self.fs.unstrip_protocol(self.path))

    @property
    def is_local(self) -> bool:
        """Whether it is a path of the machine's own file system."""
        return "file" in _protocols(self.fs)

    def __truediv__(self, name: str) -> Place:
        return Place(self.fs, f"{self.path.rstrip('/')}/{name}")

    def read(self) -> bytes:
        """The content of a file; OSError where there is none."""
        return bytes(self.fs.cat_file(self.path))

    def write(self, content: bytes) -> None:
        """Write a file that appears whole or not at all."""
        if self.is_local:
            write_bytes(self.path, content)
            return
        if _OBJECT_STORES & set(_protocols(self.fs)):
            self.fs.pipe_file(self.path, content)
            return
        folder, _, name = self.path.rpartition("/")
        self.fs.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/.{name[:40]}.tmp-{uuid.uuid4().hex}"
        try:
            self.fs.pipe_file(temporary, content)
            self.fs.mv(temporary, self.path)
        except BaseException:
            with suppress(Exception):
                self.fs.rm_file(temporary)
            raise

    def stored(self) -> Stored:
        """What the file system says of a file; OSError where there is none."""
        return _stored(self.fs.info(self.path))

    def files(self, pattern: str = "") -> Dict[str, Stored]:
        """The files below a folder, all or those of a pattern, by their path below it."""
        self.fs.invalidate_cache(self.path)
        top = self.path.rstrip("/") + "/"
        found = self.fs.glob(top + pattern, detail=True) if pattern else self._all()
        self.fs.invalidate_cache(self.path)  # a list of millions
        return {
            path[len(top) :]: _stored(info)
            for path, info in found.items()
            if path.startswith(top) and info["type"] == "file"
        }

    def _all(self) -> Dict[str, Dict[str, Any]]:
        return dict(self.fs.find(self.path, detail=True))


def place(address: str) -> Place:
    """Where an address leads.

    Raises:
        RemoteError: of a kind that is not known, whose package is missing, or that workers on
            other machines would not find.
    """
    from fsspec.core import url_to_fs

    if "::" in address:
        raise RemoteError(f"{address}: expected a plain address, got a chain (::); unpack it first")
    try:
        fs, path = url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise RemoteError(
            f"{address}: expected a path or an address such as s3://bucket/folder; {error}"
        ) from error
    if _OF_A_PROCESS & set(_protocols(fs)):
        raise RemoteError(f"{address}: workers are other processes, which do not see its files")
    return Place(fs, path)


def has_scheme(address: str) -> bool:
    """Whether it is an address such as ``s3://...``, not a path."""
    return "://" in address


def _stored(info: Dict[str, Any]) -> Stored:
    tag = next((info[name] for name in _TAGS if info.get(name) is not None), "")
    size = int(info.get("size") or 0)
    return Stored(size, f"{size}-{str(tag).strip(chr(34))}")


def _protocols(fs: Any) -> Tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
