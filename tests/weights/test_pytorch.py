"""Weights of PyTorch: real ones, handmade ones, and what is written."""

from __future__ import annotations

import warnings
from collections import OrderedDict

import numpy as np
import pytest

from paddleseg_u2net.weights.pytorch.reading import read_torch
from paddleseg_u2net.weights.pytorch.writing import write_torch
from tests.weights.torch_files import (
    KINDS,
    SUM,
    assert_same,
    entries,
    named,
    refusal,
    row,
    storage,
    tensor,
    text,
    whole,
    write_legacy,
    write_zip,
)


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_have_their_own_memory_and_can_be_written(path, kind):
    path.write_bytes(whole(path, kind))
    read = read_torch(path)
    read["part"][:] = -1
    assert_same({"w": read["w"]}, {"w": SUM.reshape(2, 3)})
    assert all(value.flags["C_CONTIGUOUS"] and value.dtype.isnative for value in read.values())


def test_a_handmade_file_is_read(path):
    write_zip(path, entries(w=tensor(), part=tensor(offset=1, shape=(2, 2), strides=(1, 3))))
    rows = SUM.reshape(2, 3)
    assert_same(read_torch(path), {"w": rows, "part": np.array([[1, 4], [2, 5]], "float32")})
    write_legacy(path, entries(w=tensor(storage(legacy=True))))
    assert_same(read_torch(path), {"w": rows})


def test_gpu_storages_and_parameters_with_attributes_are_read(path):
    gpu = tensor(storage(kind="torch.cuda.FloatStorage"))
    make, given = named("torch._utils._rebuild_parameter_with_state"), row(tensor(), b"\x88NN")
    write_zip(path, entries(a=gpu, b=make + given + b"R"))
    assert_same(read_torch(path), dict.fromkeys("ab", SUM.reshape(2, 3)))


def test_a_dictionary_of_python_2_is_read(path):
    pair = b"](" + b"](" + text("w") + tensor(storage(legacy=True)) + b"ee"
    content = b"\x80\x02" + named("collections.OrderedDict") + row(pair) + b"R."
    write_legacy(path, content)
    assert_same(read_torch(path), {"w": SUM.reshape(2, 3)})


def test_storages_of_other_entries_are_not_read(path):
    lost = tensor(storage(key="9", count=10**9), shape=(10**9,), strides=(1,))
    inner = entries(w=tensor())[2:-1]
    write_zip(path, entries(state_dict=inner, optimizer=entries(m=lost)[2:-1]))
    assert list(read_torch(path)) == ["w"]
    write_zip(path, entries(state_dict=entries(m=lost)[2:-1]))
    assert refusal(path)


def save(torch, path, value, kind):
    torch.save(value, path, _use_new_zipfile_serialization=kind == "zip")


def of_torch(torch, state):
    """Arrays of tensors, bfloat16 widened by PyTorch."""
    wide = {k: v.float() if v.dtype == torch.bfloat16 else v for k, v in state.items()}
    return {name: value.detach().numpy() for name, value in wide.items()}


DTYPES = ["float16", "bfloat16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [*DTYPES, "bool", "complex64", "uint16"])
def test_every_dtype_and_view_is_read_as_pytorch_had_it(torch, path, dtype, kind):
    base = (torch.arange(120) % 100).reshape(4, 5, 6).to(getattr(torch, dtype))
    state = OrderedDict(
        whole=base,
        turned=base.permute(2, 0, 1),
        part=base[1:3, ::2, 1],
        single=base[2, 3, 4],
        row=torch.tensor([1.0, 3.0]).to(base.dtype),
        spread=base[0, 0, :1].expand(3, 2),
        none=base[:, :0],
    )
    save(torch, path, state, kind)
    assert_same(read_torch(path), of_torch(torch, state))


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_and_attributes_are_read(torch, path, kind):
    odd = torch.nn.Parameter(torch.ones(2))
    odd.note = "kept by PyTorch"
    state = {"a": torch.nn.Parameter(torch.arange(3.0)), "b": odd}
    save(torch, path, state, kind)
    assert_same(read_torch(path), of_torch(torch, state))


@pytest.mark.parametrize("kind", KINDS)
def test_tensors_to_be_negated_are_refused(torch, path, kind):
    lazy = torch.tensor([1 + 2j]).conj().imag
    assert lazy.is_neg()
    save(torch, path, {"w": lazy}, kind)
    assert "negated" in refusal(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_model_is_refused_with_the_way_to_mend_it(torch, path, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save(torch, path, {"model": torch.nn.Linear(2, 3)}, kind)
    message = refusal(path)
    assert "torch.save(model.state_dict(), path)" in message
    assert "torch.nn.modules.linear.Linear" in message


@pytest.mark.realdata
def test_the_official_weights_are_read_as_pytorch_reads_them(torch, shared):
    path = shared / "weights" / "u2netp.pth"
    expected = torch.load(path, weights_only=True, map_location="cpu")
    assert_same(read_torch(path), of_torch(torch, expected))


def written():
    rng = np.random.default_rng(0)
    return {
        "z.weight": rng.normal(size=(4, 3, 3, 3)).astype("float32"),
        "a.half": rng.normal(size=5).astype("float16"),
        "übung": rng.normal(size=(2, 1)),
        "steps": np.array(7, "int64"),
        "none": np.zeros((2, 0, 3), "float32"),
        "turned": rng.normal(size=(3, 4)).astype("float32").T,
        "big": np.arange(4, dtype=">f4"),
        **{kind: np.array([0, 1], kind) for kind in ("int32", "int16", "int8", "uint8", "bool")},
    }


def test_what_is_written_is_read_back(path):
    write_torch(path, written())
    expected = {k: v.astype(v.dtype.newbyteorder("=")) for k, v in written().items()}
    assert_same(read_torch(path), expected)
    write_torch(path, {})
    assert read_torch(path) == {}


@pytest.mark.parametrize("options", [{}, {"mmap": True}])
def test_pytorch_reads_what_is_written(torch, path, options):
    write_torch(path, written())
    loaded = torch.load(path, weights_only=True, **options)
    assert type(loaded) is OrderedDict
    expected = {k: v.astype(v.dtype.newbyteorder("=")) for k, v in written().items()}
    assert_same({name: value.numpy() for name, value in loaded.items()}, expected)
    assert all(v.stride() == torch.zeros(v.shape).stride() for v in loaded.values())
    if options:
        assert all(value.data_ptr() % 64 == 0 for value in loaded.values())


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"w": np.array(["a"])}, "w has the dtype <U1"),
        ({"w": np.array([None])}, "w has the dtype object"),
        ({"w": np.zeros(2, "uint16")}, "w has the dtype uint16"),
    ],
)
def test_what_cannot_be_written_is_named_and_the_old_file_kept(path, state, words):
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=words) as error:
        write_torch(path, {"first": np.zeros(1), **state})
    assert str(path) in str(error.value)
    assert path.read_bytes() == b"old" and list(path.parent.iterdir()) == [path]
