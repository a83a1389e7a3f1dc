"""Weights of PyTorch: real ones, handmade ones, broken ones and hostile ones."""

from __future__ import annotations

import io
import os
import pickle
import random
import struct
import time
import tracemalloc
import warnings
import zipfile
from collections import OrderedDict
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from paddleseg_u2net.weights.pickles.unpickler import load_pickle
from paddleseg_u2net.weights.pytorch.reading import read_torch
from paddleseg_u2net.weights.pytorch.writing import write_torch

SUM = np.arange(6, dtype="float32")


KINDS = ("zip", "legacy")
MAGIC = 0x1950A86A20F9469CFC6C


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pth"


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


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
def little(megabytes=64, seconds=5):
    """Whatever is done inside takes little memory and time."""
    start = time.process_time()
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 2**20
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < seconds


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


class Hostile:
    """A pickle of this calls ``function`` when an ordinary unpickler reads it."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


def touch(trace):
    """A piece of a pickle (between the protocol and the end) that would make the file ``trace``."""
    return pickle.dumps(Hostile(os.system, f"touch {trace}"), protocol=2)[2:-1]


HOSTILE = {
    "alone": lambda evil: evil,
    "as an entry": lambda evil: entries(w=evil)[2:-1],
    "as a key": lambda evil: b"}" + evil + b"Ns",
    "in a persistent id": lambda evil: evil + b"Q",
    "as a storage's type": lambda evil: (
        row(text("storage"), evil, text("0"), text("cpu"), number(6)) + b"Q"
    ),
    "as a storage": lambda evil: entries(w=tensor(evil))[2:-1],
    "as hooks": lambda evil: entries(w=tensor(hooks=evil))[2:-1],
    "as metadata": lambda evil: entries(w=tensor(more=evil))[2:-1],
    "as gradient": lambda evil: entries(w=tensor(grad=evil))[2:-1],
    "beside weights": lambda evil: entries(state_dict=entries(w=tensor())[2:-1], args=evil)[2:-1],
    "as state": lambda evil: named("collections.OrderedDict") + b")R" + evil + b"b",
    "in an OrderedDict": lambda evil: (
        named("collections.OrderedDict") + row(b"](](" + text("w") + evil + b"ee") + b"R"
    ),
    "as a factory": lambda evil: named("collections.defaultdict") + row(evil) + b"R",
    "behind the weights": lambda evil: b"}0" + evil,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", HOSTILE)
def test_code_does_not_run_wherever_it_stands(path, tmp_path, place, kind):
    trace = tmp_path / "trace"
    write_kind(path, kind, b"\x80\x02" + HOSTILE[place](touch(trace)) + b".")
    message = refusal(path)
    assert "it names" in message or "instruction POP" in message
    assert not trace.exists()
    pickle.loads(b"\x80\x02" + touch(trace) + b".")
    assert trace.exists()  # the code was a working one


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("function", [os.system, eval, open, getattr], ids=lambda f: f.__name__)
def test_no_function_is_called_in_any_protocol(path, tmp_path, function, protocol, kind):
    trace = tmp_path / "trace"
    arguments = {
        os.system: (f"touch {trace}",),
        eval: (f"open({str(trace)!r}, 'w')",),
        open: (str(trace), "w"),
        getattr: ("text", "upper"),
    }[function]
    write_kind(path, kind, pickle.dumps({"w": Hostile(function, *arguments)}, protocol))
    assert f"{function.__name__}, which a file of arrays has not" in refusal(path)
    assert not trace.exists()


def stacked(module, name):
    return b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name)) + (
        b"\x93"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (stacked("torch", "Tensor.__init__"), "it names torch.Tensor.__init__"),
        (stacked("torch._utils", "_rebuild_tensor_v2.__globals__"), "it names torch._utils._reb"),
        (stacked("collections", "OrderedDict.__init__"), "it names collections.OrderedDict.__in"),
        (stacked("torch._utils", "sys.modules"), "it names torch._utils.sys.modules"),
        (stacked("", "os.system"), "it names .os.system"),
        (stacked("torch.nn", "parameter.Parameter"), "it names torch.nn.parameter.Parameter"),
        (named("builtins.getattr") + row(named("os.system")) + b"R", "it names builtins.getattr"),
        (named("copyreg._reconstructor"), "it names copyreg._reconstructor"),
        (named("copyreg.add_extension"), "it names copyreg.add_extension"),
        (named("torch.load"), "it names torch.load"),
        (named("torch.serialization.load"), "it names torch.serialization.load"),
        (named("torch.storage._load_from_bytes"), "it names torch.storage._load_from_bytes"),
        (named("torch.jit._pickle.build_intlist"), "it names torch.jit._pickle"),
        (named("numpy.load"), "it names numpy.load"),
        (b"\x82\x01", "instruction EXT1"),
        (b"\x83\x01\x01", "instruction EXT2"),
        (b"\x84\x01\x01\x01\x01", "instruction EXT4"),
        (b"(ios\nsystem\n", "instruction INST"),
        (b"(cos\nsystem\no", "it names os.system"),
        (b"(" + named("collections.OrderedDict") + b"o", "instruction OBJ"),
        (named("os.system") + b")\x81", "it names os.system"),
        (named("collections.OrderedDict") + b")}\x92", "instruction NEWOBJ_EX"),
        (b"Pkey\n", "instruction PERSID"),
        (b"\x97", "instruction NEXT_BUFFER"),
        (b"N2", "instruction DUP"),
        (text("upper") + b")R", "it calls a str"),
        (named("collections.OrderedDict") + text("w") + b"\x85R", "no list"),
        (named("torch.FloatStorage") + b")R", "it calls a ElementType"),
        (named("numpy.ndarray") + b")R", "only names"),
        (named("numpy.ndarray") + b"}b", "sets the state of a function"),
        (named("torch._utils._rebuild_tensor_v2") + b"}b", "sets the state of a function"),
        (tensor() + b"}b", "sets the state of a Tensor"),
        (text("w") + b"}b", "sets the state of a str"),
        (named("torch.FloatStorage") + text("__class__") + b"Ns", "sets items of a ElementType"),
        (named("numpy.ndarray") + b"N" + b"a", "has no attribute 'append'"),
        (b"}" + row(number(1)) + b"Ns", "a key of the kind tuple"),
        (b"}" + b"G" + struct.pack(">d", 2.0**61) + b"Ns", "a key of the kind float"),
        (b"}" + number(2**61 - 1) + b"Ns", "a key of the kind int"),
        (
            named("torch._tensor._rebuild_from_type_v2")
            + row(named("torch.Size"), named("torch.Tensor"), b")", b"N")
            + b"R",
            "it names torch._tensor._rebuild_from_type_v2",
        ),
        (
            named("_codecs.encode") + row(text("ab"), text("zip")) + b"R",
            "a codec other than latin1",
        ),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_ways_around_the_list_of_names_are_closed(path, content, words, kind):
    write_kind(path, kind, b"\x80\x04" + content + b".")
    assert words in refusal(path)


def test_a_method_that_sets_state_is_not_called(path, tmp_path):
    class Trap:
        def __setstate__(self, state):
            (tmp_path / "trace").touch()

    trap = named("copyreg._reconstructor")
    write_zip(path, entries(w=trap + row(named("builtins.object"), b"N", b"N") + b"R}b"))
    refusal(path)
    known = {"m.trap": Trap()}
    with pytest.raises(ValueError, match="sets the state of a Trap"):
        load_pickle(io.BytesIO(b"cm\ntrap\n}b."), known)
    with pytest.raises(ValueError, match="calls a type"):
        load_pickle(io.BytesIO(b"cm\ntrap\n)R."), {"m.trap": Trap})
    assert not (tmp_path / "trace").exists()


def test_a_refused_name_with_odd_signs_can_be_printed(path):
    write_zip(path, b"\x80\x04\x8c\x03\xed\xa0\x80\x8c\x01x\x93.")
    assert r"it names \ud800.x" in refusal(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tensor(offset=1), "reaches beyond its storage of 6 numbers"),
        (tensor(offset=-1), "a negative number"),
        (tensor(offset=2**100), "reaches beyond"),
        (tensor(shape=(2, 4)), "reaches beyond"),
        (tensor(shape=(3, 3)), "reaches beyond"),
        (tensor(strides=(4, 1)), "reaches beyond"),
        (tensor(strides=(2**62, 1)), "reaches beyond"),
        (tensor(strides=(-3, 1)), "a negative number"),
        (tensor(shape=(2, -3)), "a negative number"),
        (tensor(shape=(2,)), "of 1 dimensions with 2 strides"),
        (tensor(shape=(1,) * 33, strides=(1,) * 33), "at most 32 dimensions"),
        (tensor(storage(count=7), shape=(7,), strides=(1,)), "has 24 bytes"),
        (tensor(storage(count=5), shape=(5,), strides=(1,)), "has 24 bytes"),
        (tensor(storage(count=-1)), "a negative number"),
        (tensor(storage(kind="torch.DoubleStorage"), shape=(1,), strides=(1,)), "has 24 bytes"),
        (tensor(storage(key="../0")), "'a/data/../0' is missing"),
        (tensor(storage(key="/etc/passwd")), "missing"),
        (tensor(storage(kind="torch.QInt8Storage")), "it names torch.QInt8Storage"),
        (tensor(number(3)), "no storage"),
        (tensor(b"NQ"), "no storage"),
        (tensor(more=b"}" + text("neg") + b"\x88s"), "negated"),
        (tensor(shape=(2**20, 2**20), strides=(0, 0)), "its tensors take"),
        (tensor(shape=(0, 2**62, 2**62), strides=(0, 0, 0)), "cannot be read"),
        (named("torch._utils._rebuild_tensor_v2") + b")R", "missing 6 required"),
        (named("torch._utils._rebuild_parameter") + row(text("w"), b"\x88N") + b"R", "no tensor"),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(path, content, words):
    with little():
        write_zip(path, entries(w=content))
        assert words in refusal(path)


def test_one_storage_has_one_size(path):
    other = storage(kind="torch.DoubleStorage", count=6)
    write_zip(path, entries(a=tensor(), b=tensor(other)))
    assert "storage '0' two sizes" in refusal(path)


def test_a_stride_that_is_never_taken_may_be_any_number(path):
    write_zip(path, entries(w=tensor(shape=(1, 6), strides=(2**90, 1))))
    assert_same(read_torch(path), {"w": SUM.reshape(1, 6)})


def test_content_that_is_no_dictionary_of_tensors_is_refused(path):
    write_zip(path, b"\x80\x02].")
    assert "it holds a list, no dictionary of tensors" in refusal(path)


def nested(depth):
    """A tuple of two tuples, which are one, and so on: 2**depth values in some bytes."""
    return b")" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(depth))


def many(start, step, count):
    return b"\x80\x04" + start + step * count + b"."


ENCODE = named("_codecs.encode") + b"q\x00" + row(text("x" * 2**20), text("latin1")) + b"q\x01"
BOMBS = {
    "a frame": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"}.",
    "an integer": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"\x01.",
    "a negative length": b"\x80\x02\x8b" + struct.pack("<i", -5) + b"\x01.",
    "a text": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"x.",
    "a text that cannot be": b"\x80\x04\x8d" + struct.pack("<Q", 2**64 - 1) + b"x.",
    "bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**33) + b"x.",
    "a byte array": b"\x80\x05\x96" + struct.pack("<Q", 2**33) + b"x.",
    "a memo": b"\x80\x02}r\xff\xff\xff\x7f" + b"j\xff\xff\xff\x7f]a.",
    "a number of many digits": b"L" + b"9" * 2**20 + b"L\n.",
    "a line without an end": b"c" + b"o" * 2**20,
    "an integer of many bits": b"\x80\x02\x8b" + struct.pack("<i", 2**20) + b"\x7f" * 2**20 + b".",
    "a key to be hashed": b"\x80\x02}" + nested(60) + b"Ns.",
    "values that are one": b"\x80\x02" + entries(w=nested(60))[2:],
    "a list in itself": b"\x80\x02}" + text("w") + b"]q\x00h\x00as.",
    "a dictionary in itself": b"\x80\x02}q\x00" + text("model") + b"h\x00s.",
    "nesting": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "marks": many(b"", b"(", 300_000),
    "texts made anew": many(ENCODE, b"Rh\x00h\x01", 100_000),
    "dtypes": many(b"", named("numpy.dtype") + nested(60) + b"\x85R", 1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_takes_little_memory_and_time(path, bomb, kind):
    write_kind(path, kind, BOMBS[bomb])
    with little():
        refusal(path)


@pytest.mark.slow
@pytest.mark.parametrize("step", [b"]", b"}", b"(", b")", b"N\x94", b"K\x01"])
def test_the_number_of_instructions_is_bounded(path, step):
    write_zip(path, many(b"", step, 2_100_000))
    start = time.process_time()
    assert "more than 2000000 instructions" in refusal(path)
    assert time.process_time() - start < 30


def test_an_archive_that_grows_too_much_is_refused(path):
    zeros = {f"a/data/{i}": bytes(2**23) for i in range(8)}
    write_zip(path, entries(w=tensor()), zeros, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**17
    with little(8):
        assert "more than 20 times as large" in refusal(path)


def shrunk(path, name, size):
    """Let the archive's directory say that the member ``name`` has ``size`` bytes."""
    data = bytearray(path.read_bytes())
    place = data.rindex(name.encode()) - 46
    assert data[place : place + 4] == b"PK\x01\x02"
    data[place + 24 : place + 28] = struct.pack("<I", size)
    path.write_bytes(data)


def test_a_member_that_unpacks_to_more_than_it_says_is_refused(path):
    members = {"a/data/0": bytes(2**24)}
    content = entries(w=tensor()) + bytes(2**24)
    write_zip(path, content, members, compression=zipfile.ZIP_DEFLATED)
    shrunk(path, "a/data.pkl", len(entries(w=tensor())))
    shrunk(path, "a/data/0", 24)
    with little(8):
        assert "CRC" in refusal(path)


def test_members_that_share_their_bytes_are_refused(path):
    write_zip(path, entries(w=tensor()), {"a/data/0": bytes(2**16)})
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02")
    entry = bytes(data[place : data.rindex(b"PK\x05\x06")])
    count = 400
    extra = b"".join(entry[:-1] + bytes([0x80 + i // 128, i % 128]) for i in range(count))
    fields = bytearray(extra)
    for i in range(count):
        at = i * (len(entry) + 1)
        fields[at + 28 : at + 30] = struct.pack("<H", len("a/data/0") + 1)
    end = bytearray(data[data.rindex(b"PK\x05\x06") :])
    directory = data[data.index(b"PK\x01\x02") : data.rindex(b"PK\x05\x06")] + fields
    end[8:12] = struct.pack("<HH", count + 2, count + 2)
    end[12:16] = struct.pack("<I", len(directory))
    path.write_bytes(data[: data.index(b"PK\x01\x02")] + directory + end)
    with little():
        assert "they overlap" in refusal(path)


def test_a_member_that_is_there_twice_is_refused(path):
    for name in ("a/data.pkl", "a/data/0"):
        write_zip(path, entries(w=tensor()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(name, SUM.tobytes())
        assert f"it holds two members '{name}'" in refusal(path)


@pytest.mark.parametrize("root", ["..", "/etc", "../../x", "C:"])
def test_names_in_an_archive_are_no_paths(path, tmp_path, root, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{root}/data.pkl", entries(w=tensor()))
        archive.writestr(f"{root}/data/0", SUM.tobytes())
        archive.writestr("../outside", b"out")
        archive.writestr(str(tmp_path / "absolute"), b"out")
    try:
        assert list(read_torch(path)) == ["w"]
    except ValueError as error:
        assert "members data.pkl instead of one" in str(error)
    assert sorted(item.name for item in tmp_path.rglob("*")) == ["model.pth", "work"]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"weights.npy": b"x"}, "with 0 members data.pkl instead of one; it holds 'weights.npy'"),
        ({"a/data.pkl": b"", "b/data.pkl": b""}, "with 2 members data.pkl"),
        ({"a/data.pkl": entries(w=tensor())}, "its member 'a/data/0' is missing"),
    ],
)
def test_other_archives_are_named(path, members, words):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert words in refusal(path)


def test_unusual_packing_is_refused(path):
    write_zip(path, entries(w=tensor()), compression=zipfile.ZIP_LZMA)
    assert "packed in an unusual way" in refusal(path)


@pytest.mark.parametrize(
    ("keys", "rows", "words"),
    [
        (["1"], SUM.tobytes(), "storage '1' twice or for nothing"),
        (["0", "0"], struct.pack("<q", 6) + SUM.tobytes(), "storage '0' twice"),
        ([], b"", "storage '0' is missing"),
        ([0], b"", "no list of its storages"),
        ("0", b"", "no list of its storages"),
        (["0"], struct.pack("<q", 7) + bytes(28), "another count"),
        (["0"], struct.pack("<q", -6) + bytes(28), "another count"),
        (["0"], struct.pack("<q", 6) + bytes(23), "storage '0' is cut"),
        (["0"], b"\x06", "another count"),
    ],
)
def test_rows_that_do_not_fit_are_refused(path, keys, rows, words):
    write_legacy(path, entries(w=tensor(storage(legacy=True))), {})
    tail = pickle.dumps([], 2)
    assert path.read_bytes().endswith(tail)
    path.write_bytes(path.read_bytes()[: -len(tail)] + pickle.dumps(keys, 2) + rows)
    assert words in refusal(path)


def test_views_of_storages_of_old_files_are_refused(path):
    parts = [text("storage"), named("torch.FloatStorage"), text("0"), text("cpu"), number(6)]
    view = row(*parts, row(text("1"), number(2), number(4))) + b"Q"
    write_legacy(path, entries(w=tensor(view)))
    assert "views of storages" in refusal(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_anywhere_is_refused(path, kind):
    data = whole(path, kind)
    for length in [*range(0, len(data), 7), *range(len(data) - 40, len(data))]:
        path.write_bytes(data[:length])
        refusal(path)


def damaged(data, draw):
    """``data`` with a few bits turned over, bytes put in, taken out or doubled."""
    data = bytearray(data)
    for _ in range(draw.choice([1, 1, 1, 2, 8])):
        place = draw.randrange(len(data))
        way = draw.random()
        if way < 0.6:
            data[place] ^= 1 << draw.randrange(8)
        elif way < 0.8:
            data[place] = draw.choice([0, 1, 0x7F, 0x80, 0xFF])
        elif way < 0.9:
            del data[place : place + draw.randrange(1, 20)]
        else:
            data[place:place] = bytes(data[place : place + draw.randrange(1, 20)])
    return bytes(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused_or_right(path, kind):
    draw, content = random.Random(7), whole(path, kind)
    for _ in range(300):
        path.write_bytes(damaged(content, draw))
        try:
            read = read_torch(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            assert kind == "legacy" or np.array_equal(read["w"], SUM.reshape(2, 3))  # checksums


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_pickle_in_a_whole_file_is_refused_or_read(path, kind):
    draw = random.Random(11)
    legacy = kind == "legacy"
    content = entries(
        w=tensor(storage(legacy=legacy)),
        log=pickle.dumps({"a": np.arange(3.0), "b": [np.float32(2)]}, protocol=2)[2:-1],
    )
    for _ in range(300):
        write_kind(path, kind, damaged(content, draw))
        with suppress(ValueError):
            read_torch(path)
