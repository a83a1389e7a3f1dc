"""Files of PyTorch's formats, made by hand."""

from __future__ import annotations

import pickle
import struct
import tracemalloc
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest

from paddleseg_u2net.weights.pytorch.reading import read_torch

SUM = np.arange(6, dtype="float32")


KINDS = ("zip", "legacy")
MAGIC = 0x1950A86A20F9469CFC6C


def assert_same(got, expected):
    assert list(got) == list(expected)
    for name, value in expected.items():
        assert isinstance(got[name], np.ndarray), name
        assert (got[name].dtype, got[name].shape) == (value.dtype, value.shape), name
        np.testing.assert_array_equal(got[name], value, err_msg=name)


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x10" + value.to_bytes(16, "little", signed=True)


def row(*items):
    return b"(" + b"".join(items) + b"t"


def numbers(values):
    return row(*map(number, values))


def named(full):
    module, _, name = full.rpartition(".")
    return f"c{module}\n{name}\n".encode()


def storage(key="0", kind="torch.FloatStorage", count=6, legacy=False):
    parts = [text("storage"), named(kind), text(key), text("cpu"), number(count)]
    return row(*parts, *([b"N"] if legacy else [])) + b"Q"


def tensor(stored=None, offset=0, shape=(2, 3), strides=(3, 1), hooks=b"N", more=b"", grad=b"\x89"):
    stored = storage() if stored is None else stored
    given = row(stored, number(offset), numbers(shape), numbers(strides), grad, hooks, more)
    return named("torch._utils._rebuild_tensor_v2") + given + b"R"


def entries(**items):
    return b"\x80\x02}(" + b"".join(text(k) + v for k, v in items.items()) + b"u."


def write_zip(path, content, members=None, **options):
    members = {"a/data/0": SUM.tobytes()} if members is None else members
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in {"a/data.pkl": content, **members}.items():
            archive.writestr(name, data)


def write_legacy(path, content, rows=None):
    rows = {"0": SUM} if rows is None else rows
    parts = [pickle.dumps(value, 2) for value in (MAGIC, 1001, {"little_endian": True})]
    parts += [content, pickle.dumps(list(rows), 2)]
    for values in rows.values():
        parts += [struct.pack("<q", values.size), values.tobytes()]
    path.write_bytes(b"".join(parts))


def write_kind(path, kind, content):
    (write_zip if kind == "zip" else write_legacy)(path, content)


def whole(path, kind):
    """The bytes of a file with two views of one storage."""
    stored = storage(legacy=kind == "legacy")
    part = tensor(stored, offset=1, shape=(2, 2), strides=(1, 3))
    write_kind(path, kind, entries(w=tensor(stored), part=part))
    return path.read_bytes()


def refusal(path):
    """The message with which a file is refused."""
    with pytest.raises(ValueError) as error:
        read_torch(path)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value)


@contextmanager
def little(megabytes=64):
    """Whatever is done inside takes little memory."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 2**20
    finally:
        tracemalloc.stop()
