from __future__ import annotations

import os
import pickle
import pickletools
from collections import OrderedDict

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
import paddle

from paddleseg_u2net.weights import read_pickle, write_pickle


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pdparams"


def state():
    rng = np.random.default_rng(0)
    return {
        "stage1.weight": rng.normal(size=(4, 3, 3, 3)).astype("float32"),
        "half": rng.normal(size=5).astype("float16"),
        "double": rng.normal(size=(2, 1)),
        "steps": np.array(7, "int64"),
        "empty": np.zeros((0, 3), "float32"),
    }


def assert_same(got, expected):
    assert list(got) == list(expected)
    for name, value in expected.items():
        read = np.asarray(got[name])
        assert (read.dtype, read.shape) == (value.dtype, value.shape), name
        np.testing.assert_array_equal(read, value, err_msg=name)


def test_arrays_come_back_as_they_were_written(path):
    write_pickle(path, state())
    assert_same(read_pickle(path), state())


def test_numbers_scalars_and_inner_dictionaries_come_back(path):
    content = {
        "LR_Scheduler": {"last_epoch": 3, "last_lr": 0.1},
        "scalar": np.float32(2.5),
        "ordered": OrderedDict(a=np.ones(2)),
        "flag": True,
        "name": "übung",
        "none": None,
    }
    write_pickle(path, content)
    read = read_pickle(path)
    np.testing.assert_array_equal(read.pop("ordered").pop("a"), content.pop("ordered")["a"])
    assert read == content


def test_tensors_are_written_as_arrays_also_inside_dictionaries(path):
    tensor = paddle.to_tensor([1.0, 2.0])
    write_pickle(path, {"a": tensor, "inner": {"b": tensor}})
    read = read_pickle(path)
    for value in (read["a"], read["inner"]["b"]):
        assert isinstance(value, np.ndarray) and value.tolist() == [1, 2]


def test_paddle_loads_what_was_written(path):
    write_pickle(path, {**state(), "LR_Scheduler": {"last_epoch": 3}})
    loaded = paddle.load(str(path))
    assert loaded.pop("LR_Scheduler") == {"last_epoch": 3}
    assert_same({name: np.asarray(value) for name, value in loaded.items()}, state())


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_what_paddle_saved_can_be_read(path, protocol):
    paddle.save(
        {name: paddle.to_tensor(value) for name, value in state().items()},
        str(path),
        protocol=protocol,
    )
    assert_same(read_pickle(path), state())


def test_a_layer_and_an_optimizer_saved_by_paddle_can_be_read(path):
    layer = paddle.nn.Linear(3, 2)
    schedule = paddle.optimizer.lr.PolynomialDecay(0.1, 10)
    adam = paddle.optimizer.Adam(schedule, parameters=layer.parameters())
    layer(paddle.ones([1, 3])).sum().backward()
    adam.step()
    paddle.save(layer.state_dict(), str(path))
    expected = {name: value.numpy() for name, value in layer.state_dict().items()}
    assert_same(read_pickle(path), expected)
    paddle.save(adam.state_dict(), str(path))
    read = read_pickle(path)
    assert read["LR_Scheduler"]["last_epoch"] == 0
    for name, value in adam.state_dict().items():
        if name != "LR_Scheduler":
            np.testing.assert_array_equal(read[name], value.numpy(), err_msg=name)


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_arrays_pickled_by_numpy_1_and_2_can_be_read(path, module):
    content = pickle.dumps({"a": np.arange(3.0)}, protocol=3)
    old, _ = content.replace(b"numpy._core", b"numpy.core").split(b"_reconstruct", 1)
    assert old.endswith(b"numpy.core.multiarray\n")
    path.write_bytes(content.replace(b"numpy._core", b"numpy.core").replace(old[-22:-1], module))
    assert read_pickle(path)["a"].tolist() == [0, 1, 2]


def test_a_write_that_fails_leaves_the_old_file(path):
    write_pickle(path, state())
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        write_pickle(path, {"a": lambda: None})
    assert_same(read_pickle(path), state())
    assert list(path.parent.iterdir()) == [path]


class Call:
    """A pickle of this calls ``function`` when an ordinary unpickler reads it."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", [0, 4])
def test_a_file_that_would_run_code_is_refused_unrun(path, tmp_path, protocol):
    trace = tmp_path / "trace"
    path.write_bytes(pickle.dumps({"a": Call(os.system, f"touch {trace}")}, protocol=protocol))
    with pytest.raises(ValueError, match=r"it names .*, which a file of arrays has not") as error:
        read_pickle(path)
    assert str(path) in str(error.value) and "system" in str(error.value)
    assert not trace.exists()
    pickle.loads(path.read_bytes())
    assert trace.exists()  # the pickle was a working one


@pytest.mark.parametrize(
    ("shape", "dtype", "data", "words"),
    [
        ((4,), "f4", b"\0" * 12, "an array of 16 bytes"),
        ((2**62, 8), "f4", b"", "an array of"),
        ((-1,), "f4", b"", "a negative number"),
        ((1,), "O8", b"\0" * 8, "a dtype of numbers"),
        ((1,), "V8", b"\0" * 8, "a dtype of numbers"),
        ((1,), "f3", b"\0" * 3, "data type 'f3' not understood"),
        ((1.5,), "f4", b"\0" * 4, "got float"),
        ((1,) * 33, "u1", b"\0", "at most 32 dimensions"),
        ((1,), "f4", ["list"], "an array of 4 bytes"),
    ],
    ids=str,
)
def test_an_array_whose_parts_do_not_fit_is_refused(path, shape, dtype, data, words):
    path.write_bytes(array_pickle(shape, dtype, data))
    with pytest.raises(ValueError, match=words):
        read_pickle(path)


def array_pickle(shape, dtype, data):
    """A pickle of {"w": array} as numpy writes it, with parts of any kind."""
    new = named("numpy.core.multiarray._reconstruct") + named("numpy.ndarray")
    kind = named("numpy.dtype") + inner((dtype, False, True)) + b"R"
    order = inner((3, "<", None, None, None, -1, -1, 0))
    state = b"(K\x01" + inner(shape) + kind + order + b"b\x89"
    state += inner(data) + b"t"
    key = inner("w")
    return b"\x80\x03}" + key + new + inner((0,)) + b"C\x01b\x87R" + state + b"bs."


def inner(value):
    """The instructions that make a plain value."""
    return pickletools.optimize(pickle.dumps(value, 3))[2:-1]


def named(full):
    module, _, name = full.rpartition(".")
    return f"c{module}\n{name}\n".encode()


def test_the_byte_order_of_numpys_own_dtypes_is_left_alone(path):
    path.write_bytes(pickle.dumps({"w": np.arange(3, dtype=">i4")}, protocol=4))
    assert read_pickle(path)["w"].tolist() == [0, 1, 2]
    assert np.dtype("i4").isnative and np.array([1], "i4").tobytes() == np.int32(1).tobytes()


def test_a_file_cut_anywhere_is_refused_by_name(path):
    write_pickle(path, state())
    content = path.read_bytes()
    for length in range(0, len(content), 3):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=rf"^{path}: .*(cannot be read|empty)"):
            read_pickle(path)


def test_bfloat16_becomes_float32_exactly(path):
    exact = np.array([[1.0, -2.5], [3.140625, 0.0]], "float32")
    tensors = {"w": paddle.to_tensor(exact).astype("bfloat16"), "b": paddle.ones([2])}
    paddle.save(tensors, str(path))
    assert_same(read_pickle(path), {"w": exact, "b": np.ones(2, "float32")})
    paddle.save({"state_dict": tensors, "epoch": 3}, str(path))
    assert_same(read_pickle(path)["state_dict"], {"w": exact, "b": np.ones(2, "float32")})


@pytest.mark.parametrize("argument", [b"]", b"(K\x01K\x02t", b"(X\x01\x00\x00\x00aK\x02t", b")"])
def test_a_tuple_is_called_for_tensors_only(path, argument):
    path.write_bytes(b"\x80\x02}X\x01\x00\x00\x00wc__builtin__\ntuple\n" + argument + b"\x85Rs.")
    with pytest.raises(ValueError, match="a tensor should be a name and an array"):
        read_pickle(path)
