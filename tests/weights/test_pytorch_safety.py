"""Files of PyTorch that are hostile, of another form or broken."""

from __future__ import annotations

import io
import os
import pickle
import random
import struct
import time
import warnings
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from paddleseg_u2net.weights.pickles.unpickler import load_pickle
from paddleseg_u2net.weights.pytorch.reading import read_torch
from tests.weights.torch_files import (
    KINDS,
    SUM,
    assert_same,
    entries,
    little,
    named,
    number,
    refusal,
    row,
    storage,
    tensor,
    text,
    whole,
    write_kind,
    write_legacy,
    write_zip,
)


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
