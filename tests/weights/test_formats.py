"""Formats are told apart by content, and every one holds the same weights."""

import importlib.util

import numpy as np
import pytest

from paddleseg_u2net.weights import (
    FORMATS,
    SUFFIXES,
    architecture_of,
    format_of,
    format_to_write,
    read_weights,
    write_weights,
)
from paddleseg_u2net.weights.layout import from_torch, to_torch
from tests.weights import narrow

NEEDS = {".onnx": "onnx", ".safetensors": "safetensors"}


@pytest.fixture(scope="module")
def state():
    return narrow.state()


def need(suffix):
    if suffix in NEEDS and importlib.util.find_spec(NEEDS[suffix]) is None:
        pytest.skip(f"{NEEDS[suffix]} is not installed")


@pytest.mark.parametrize("suffix", [s for s in SUFFIXES if s != ".onnx"])
def test_what_is_written_is_read_back_to_the_bit(tmp_path, state, suffix):
    need(suffix)
    path = tmp_path / f"w{suffix}"
    write_weights(path, state)
    again = read_weights(path)
    assert set(again) == set(state)
    for name, value in state.items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)
        assert again[name].dtype == value.dtype


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_are_known_by_content_whatever_they_are_called(tmp_path, state, suffix):
    need(suffix)
    path = tmp_path / f"w{suffix}"
    write_weights(path, state)
    other = path.rename(tmp_path / "weights.bin")
    assert suffix in format_of(other).suffixes
    assert set(read_weights(other)) == set(state)


def test_biases_that_were_left_out_are_written_as_noughts(tmp_path, state):
    short = {k: v for k, v in state.items() if not k.endswith("conv_s1.bias")}
    write_weights(tmp_path / "w.pth", short)
    again = read_weights(tmp_path / "w.pth")
    assert set(again) == set(state)
    assert not again["stage1.rebnconvin.conv_s1.bias"].any()


def test_names_of_pytorch_are_the_official_ones(state):
    names = set(to_torch(state))
    unit = "stage1.rebnconvin.bn_s1"
    assert {f"{unit}.running_mean", f"{unit}.running_var", f"{unit}.num_batches_tracked"} <= names
    assert not any(name.endswith(("._mean", "._variance")) for name in names)
    assert set(from_torch(to_torch(state))) == set(state)


@pytest.mark.parametrize("name", ["w", "w.pth.gz", ".pth"])
def test_a_suffix_without_a_format_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"expected a name that ends in \.pth, \.pt, \.pdparams"):
        format_to_write(tmp_path / name)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_pytorchs_files_of_every_protocol_are_known(tmp_path, state, zipped, protocol):
    torch = pytest.importorskip("torch")
    tensors = {name: torch.from_numpy(value) for name, value in to_torch(state).items()}
    path = tmp_path / "w.pth"
    torch.save(tensors, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    assert format_of(path).name == "PyTorch"
    again = read_weights(path)
    for name, value in state.items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".pdparams"])
def test_a_prefix_of_all_names_is_taken_off(tmp_path, state, suffix):
    need(suffix)
    path = tmp_path / f"w{suffix}"
    prefixed = {f"model.module._orig_mod.{name}": v for name, v in state.items()}
    format_to_write(path).write(path, prefixed)
    assert set(read_weights(path)) == set(state)


def test_weights_of_paddle_are_found_beside_other_things(tmp_path, state):
    import paddle

    tensors = {f"module.{name}": paddle.to_tensor(value) for name, value in state.items()}
    paddle.save({"state_dict": tensors, "epoch": 3}, str(tmp_path / "w.pdparams"))
    again = read_weights(tmp_path / "w.pdparams")
    assert set(again) == set(state)
    for name, value in state.items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)


@pytest.mark.parametrize(
    "content, words",
    [
        (
            {"weights": {"a": np.ones(1)}},
            "expected weights, but 'weights' is a dict; .* one of state_dict",
        ),
        ({"a": np.ones(1), "module.a": np.ones(1)}, "two weights are named 'a'"),
    ],
)
def test_paddle_weights_in_an_unknown_place_are_refused(tmp_path, content, words):
    FORMATS["Paddle"].write(tmp_path / "w.pdparams", content)
    with pytest.raises(ValueError, match=rf"w\.pdparams: {words}"):
        read_weights(tmp_path / "w.pdparams")


def test_a_list_among_the_arrays_does_not_hide_the_model(state):
    assert architecture_of({**state, "a": [[1], [1, 2]], 5: 1}, "w").stages == narrow.table()
