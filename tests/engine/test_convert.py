"""Weights between formats, compared by running both sides."""

import importlib.util
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from paddleseg_u2net.architecture import TABLES
from paddleseg_u2net.commands import main
from paddleseg_u2net.engine import convert as conversion
from paddleseg_u2net.engine.convert import TOLERANCE, convert
from paddleseg_u2net.weights import SUFFIXES, WeightsError, read_weights, write_weights
from tests.weights import narrow

HAVE = {name: importlib.util.find_spec(name) is not None for name in ("torch", "onnxruntime")}
NEEDS = {".onnx": "onnx", ".safetensors": "safetensors"}


def need(*suffixes):
    for suffix in suffixes:
        if suffix in NEEDS:
            pytest.importorskip(NEEDS[suffix])


@pytest.fixture(scope="module")
def state():
    return narrow.state()


@pytest.mark.parametrize(
    "source, target",
    [
        *((source, ".pdparams") for source in SUFFIXES),
        *((".pdparams", target) for target in SUFFIXES if target != ".pdparams"),
        (".pth", ".onnx"),
        (".onnx", ".pth"),
    ],
)
def test_formats_convert_both_ways(tmp_path, state, source, target):
    need(source, target)
    path = tmp_path / f"in{source}"
    write_weights(path, state)
    done = convert(path, tmp_path / "out" / f"w{target}")
    assert done.model.stages == narrow.table() and done.tensors == len(state)
    for item in done.comparisons:
        assert item.difference <= TOLERANCE
    again = read_weights(tmp_path / "out" / f"w{target}")
    assert set(again) == set(state)
    if ".onnx" not in (source, target):  # where BatchNorm is folded
        for name, value in state.items():
            np.testing.assert_array_equal(again[name], value, err_msg=name)


@pytest.mark.parametrize(
    "suffix, name, installed",
    [
        (".pth", "PyTorch", HAVE["torch"]),
        (".safetensors", "PyTorch", HAVE["torch"]),
        (".onnx", "ONNX Runtime", HAVE["onnxruntime"]),
    ],
)
def test_the_formats_own_runtime_is_the_other_side(tmp_path, state, suffix, name, installed):
    need(suffix)
    if not installed:
        pytest.skip(f"{name} is not installed")
    write_weights(tmp_path / "in.pdparams", state)
    done = convert(tmp_path / "in.pdparams", tmp_path / f"out{suffix}")
    assert name in [item.second for item in done.comparisons]
    done = convert(tmp_path / f"out{suffix}", tmp_path / "again.pdparams")
    assert name in [item.second for item in done.comparisons]


@pytest.mark.slow
@pytest.mark.parametrize("kind", TABLES)
def test_a_published_model_is_compared_with_paddlesegs(tmp_path, kind):
    write_weights(tmp_path / "in.pth", narrow.state(stages=TABLES[kind]))
    done = convert(tmp_path / "in.pth", tmp_path / "out.pdparams")
    assert done.model.type == kind
    assert "PaddleSeg's model" in [item.second for item in done.comparisons]


def test_half_and_double_precision_become_float32(tmp_path, state):
    for dtype in (np.float16, np.float64):
        write_weights(tmp_path / "in.pth", {k: v.astype(dtype) for k, v in state.items()})
        convert(tmp_path / "in.pth", tmp_path / "out.pdparams")
        again = read_weights(tmp_path / "out.pdparams")
        for name, value in state.items():
            assert again[name].dtype == np.float32
            np.testing.assert_array_equal(again[name], value.astype(dtype).astype(np.float32))


def test_a_side_that_disagrees_stops_the_file(tmp_path, state, monkeypatch):
    write_weights(tmp_path / "in.pdparams", state)
    (tmp_path / "out.pdparams").write_bytes(b"older")

    def stranger(*arguments):
        side = conversion.ours(*arguments)
        return side._replace(name="stranger", run=lambda images: side.run(images) * 0.99)

    monkeypatch.setattr(conversion, "runtime_of", lambda name, *rest: stranger(*rest))
    with pytest.raises(WeightsError, match="not written; .* and stranger give probabilities"):
        convert(tmp_path / "in.pdparams", tmp_path / "out.pdparams")
    assert (tmp_path / "out.pdparams").read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 2


def broken(state, name):
    changed = dict(state)
    key = "stage3.rebnconv2.conv_s1.weight"
    if name == "missing":
        del changed[key]
    elif name == "extra":
        changed["stage3.rebnconv9d.conv_s1.weights"] = np.zeros(3, np.float32)
    elif name == "NaN":
        changed[key] = np.full_like(changed[key], np.nan)
    elif name == "shape":
        changed[key] = changed[key][:1]
    return changed


@pytest.mark.parametrize(
    "name, message",
    [
        ("missing", r"stage3\.rebnconv2\.conv_s1\.weight: not in the file"),
        ("extra", r"stage3\.rebnconv9d\.conv_s1\.weights: the model has no such weight"),
        ("NaN", r"stage3\.rebnconv2\.conv_s1\.weight: holds NaN"),
        ("shape", r"stage3\.rebnconv2\.conv_s1\.weight: expected shape"),
    ],
)
def test_weights_that_do_not_fit_are_listed_and_nothing_is_written(
    tmp_path, state, name, message, capsys
):
    write_weights(tmp_path / "in.pth", broken(state, name))
    words = ["--input", str(tmp_path / "in.pth"), "--output", str(tmp_path / "out.pdparams")]
    assert main("convert_weights", words) == 1
    error = capsys.readouterr().err
    assert str(tmp_path / "in.pth") in error
    assert re.search(message, error)
    assert not (tmp_path / "out.pdparams").exists()


def test_another_network_is_named(tmp_path, capsys):
    write_weights(tmp_path / "in.pth", {"layer1.0.conv1.weight": np.zeros((4, 4, 3, 3), "float32")})
    words = ["--input", str(tmp_path / "in.pth"), "--output", str(tmp_path / "out.pdparams")]
    assert main("convert_weights", words) == 1
    assert "look like a ResNet" in capsys.readouterr().err


def test_the_command_says_what_it_found_and_how_equal_it_is(tmp_path, state, capsys):
    write_weights(tmp_path / "in.pth", state)
    words = ["--input", str(tmp_path / "in.pth"), "--output", str(tmp_path / "out.pdparams")]
    assert main("convert_weights", words) == 0
    out = capsys.readouterr().out
    assert "in.pth: PyTorch, U2Net with stages of its own, 3 channels in, 1 class out, " in out
    assert f"{len(state)} tensors" in out
    assert ("this project and PyTorch: probabilities differ by" in out) == HAVE["torch"]
    assert "out.pdparams: Paddle, written" in out


@pytest.mark.parametrize("target", ["out.txt", "out"])
def test_an_unknown_suffix_is_refused_before_anything_is_read(tmp_path, state, target, capsys):
    write_weights(tmp_path / "in.pth", state)
    words = ["--input", str(tmp_path / "in.pth"), "--output", str(tmp_path / target)]
    assert main("convert_weights", words) == 1
    assert "expected a name that ends in .pth" in capsys.readouterr().err


def test_converting_a_pth_needs_neither_torch_nor_onnxruntime(tmp_path, state):
    write_weights(tmp_path / "in.pth", state)
    code = (
        "import sys, importlib.abc\n"
        "class Missing(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'onnxruntime', 'onnx'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: (\n"
        "    None if name in ('torch', 'onnxruntime') else find(name, *rest))\n"
        "from paddleseg_u2net.commands import main\n"
        f"words = ['--input', {str(tmp_path / 'in.pth')!r}, "
        f"'--output', {str(tmp_path / 'out.pdparams')!r}]\n"
        "code = main('convert_weights', words)\n"
        "import json; print(json.dumps([code, 'torch' in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [0, False]
    assert set(read_weights(tmp_path / "out.pdparams")) == set(state)
