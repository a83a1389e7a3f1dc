"""Weights in safetensors files: by the package's own tests, by hand, and broken."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.weights.formats import read_safetensors, write_safetensors

NUMBERS = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def package():
    return pytest.importorskip("safetensors")


def assert_same(got, expected):
    assert list(got) == sorted(expected)
    for name, value in expected.items():
        assert (got[name].dtype, got[name].shape) == (value.dtype, value.shape), name
        np.testing.assert_array_equal(got[name], value, err_msg=name)


def state():
    rng = np.random.default_rng(0)
    return {
        "z.weight": rng.normal(size=(4, 3, 3, 3)).astype("float32"),
        "steps": np.array(7, "int64"),
        "none": np.zeros((0, 3), "float32"),
        "\u00fcbung": rng.normal(size=3),
        **{kind: np.array([[0, 1, 1]]).astype(kind) for kind in NUMBERS},
    }


def refusal(path):
    """The message with which a file is refused."""
    with pytest.raises(ValueError) as error:
        read_safetensors(path)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value)


def test_arrays_come_back_as_they_were_written(package, path):
    write_safetensors(path, state())
    read = read_safetensors(path)
    assert_same(read, state())
    read["z.weight"][:] = 0  # which can be written
    write_safetensors(path, {})
    assert read_safetensors(path) == {}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int64", "uint8"])
def test_what_pytorch_wrote_is_read(package, path, dtype):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    tensors = {"w": torch.arange(-3.0, 3.0).reshape(2, 3).to(getattr(torch, dtype))}
    save_file(tensors, path, metadata={"format": "pt"})
    expected = load_file(path)["w"]
    expected = expected.float() if dtype == "bfloat16" else expected
    assert_same(read_safetensors(path), {"w": expected.numpy()})


def test_turned_and_big_endian_arrays_are_written_in_order(package, path):
    rows = np.arange(6, dtype="float32").reshape(2, 3)
    write_safetensors(path, {"t": rows.T, "part": rows[:, 1:], "big": rows.astype(">f4")})
    assert_same(read_safetensors(path), {"t": rows.T, "part": rows[:, 1:], "big": rows})


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"w": np.array(["a"])}, "not written: "),
        ({"w": np.array([None])}, "not written: "),
        ({3: np.zeros(2)}, "not written: "),
    ],
)
def test_what_cannot_be_written_is_named_and_the_old_file_kept(package, path, state, words):
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=words) as error:
        write_safetensors(path, {"first": np.zeros(1), **state})
    assert str(path) in str(error.value)
    assert path.read_bytes() == b"old" and list(path.parent.iterdir()) == [path]


def test_a_file_cut_anywhere_is_refused(package, path):
    write_safetensors(path, state())
    content = path.read_bytes()
    for length in range(0, len(content), 5):
        path.write_bytes(content[:length])
        refusal(path)
