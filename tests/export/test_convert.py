"""Weights between formats, compared by running both sides."""

import importlib.util
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml

from paddleseg_u2net.architecture import TABLES, StageTable
from paddleseg_u2net.commands import main
from paddleseg_u2net.datasets.synthetic import draw_pair
from paddleseg_u2net.export import convert as conversion
from paddleseg_u2net.export.convert import convert
from paddleseg_u2net.export.runtimes import HALF, ROUNDING
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.weights import SUFFIXES, WeightsError, formats, read_weights, write_weights
from paddleseg_u2net.weights.layout import to_torch
from paddleseg_u2net.weights.onnx_write import write_onnx
from tests.weights import narrow
from tests.weights.old_opset import with_scales

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
        *((source, ".pdparams") for source in SUFFIXES if source != ".pt"),
        (".pdparams", ".pt"),
        (".pdparams", ".safetensors"),
        (".pth", ".onnx"),
        (".onnx", ".pth"),
    ],
)
def test_formats_convert_both_ways(tmp_path, state, source, target):
    need(source, target)
    path = tmp_path / f"in{source}"
    write_weights(path, state)
    done = convert(path, tmp_path / "out" / f"w{target}")
    assert done.source.model.stages == narrow.table() and len(done.source.state) == len(state)
    assert [item.file for item in done.comparisons] == [path, *[tmp_path / f"out/w{target}"] * 2]
    for item in done.comparisons:
        assert item.difference is None or item.difference <= ROUNDING / 10
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
    assert name == done.comparisons[2].runtime
    done = convert(tmp_path / f"out{suffix}", tmp_path / "again.pdparams")
    assert name == done.comparisons[0].runtime


@pytest.mark.slow
@pytest.mark.parametrize("kind", TABLES)
def test_a_published_model_is_compared_with_paddlesegs(tmp_path, kind):
    write_weights(tmp_path / "in.pth", narrow.state(stages=TABLES[kind]))
    done = convert(tmp_path / "in.pth", tmp_path / "out.pdparams")
    assert done.source.model.type == kind and not done.source.guessed
    assert done.comparisons[2].runtime == "PaddleSeg's model"


def test_a_side_that_disagrees_stops_the_file(tmp_path, state, monkeypatch):
    write_weights(tmp_path / "in.pdparams", state)
    (tmp_path / "out.pdparams").write_bytes(b"older")

    def stranger(name, path, model):
        side = conversion.ours(state, model, "stranger")
        return side._replace(run=lambda images: side.run(images) * 0.999)

    monkeypatch.setattr(conversion, "runtime_of", stranger)
    with pytest.raises(WeightsError, match="in.pdparams: not converted; .* stranger makes logits"):
        convert(tmp_path / "in.pdparams", tmp_path / "out.pdparams")
    assert (tmp_path / "out.pdparams").read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 2


def test_weights_that_do_not_fit_are_listed(tmp_path, state, capsys):
    missing = "stage3.rebnconv2.conv_s1.weight"
    found = {name: value for name, value in state.items() if name != missing}
    write_weights(tmp_path / "in.pth", found)
    words = ["--input", str(tmp_path / "in.pth"), "--output", str(tmp_path / "out.pdparams")]
    assert main("convert_weights", words) == 1
    error = capsys.readouterr().err
    assert str(tmp_path / "in.pth") in error and f"{missing}: not in the file" in error
    assert not (tmp_path / "out.pdparams").exists()


def test_the_command_says_what_it_found_and_how_equal_it_is(tmp_path, state, capsys):
    write_weights(tmp_path / "in.pth", state)
    words = ["--input", str(tmp_path / "in.pth"), "--output", str(tmp_path / "out.pdparams")]
    assert main("convert_weights", words) == 0
    out = capsys.readouterr().out
    assert "in.pth: PyTorch, U2Net with stages of its own, 3 channels in, 1 class out, " in out
    assert f"{len(state)} tensors" in out
    assert ("in.pth: PyTorch: logits differ from this project's by" in out) == HAVE["torch"]
    reason = "in.pth: not compared with PyTorch, because PyTorch is not installed"
    assert (reason in out) != HAVE["torch"]
    assert "out.pdparams: read back: logits differ from this project's by 0 of the" in out
    assert "out.pdparams: paddle.load (PaddleSeg has no model with these stages): logits" in out
    assert "in.pth: weights do not show which stages are dilated" in out
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
        "import sys; from paddleseg_u2net.env import load_paddle; load_paddle()\n"
        "sys.modules.update(torch=None, onnxruntime=None, onnx=None)\n"  # SciPy asks for torch
        "from paddleseg_u2net.commands import main; sys.exit(main('convert_weights', sys.argv[1:]))"
    )
    words = ["--input", tmp_path / "in.pth", "--output", tmp_path / "out.pdparams"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(read_weights(tmp_path / "out.pdparams")) == set(state)


def plain_stages():
    """The published heights without any dilation."""
    return {
        part: [[int(str(height).rstrip("F")), mid, out] for height, mid, out in rows]
        for part, rows in narrow.table().as_dict().items()
    }


OWN = {
    "encoder": [[5, 4, 8], [4, 4, 8], ["4F", 4, 8], ["4F", 4, 8]],
    "decoder": [["4F", 4, 8], [4, 4, 8], [5, 4, 8]],
}


def checkpoint(folder, stages):
    table = StageTable.parse(stages)
    write_weights(folder / "model.pdparams", narrow.state(stages=table))
    model = {"type": "U2Net", "num_classes": 1, "stages": stages}
    preprocess = {"size": [64, 64], "mean": [0.5] * 3, "std": [0.5] * 3}
    (folder / "config.yaml").write_text(yaml.safe_dump({"model": model, "preprocess": preprocess}))
    return folder


@pytest.mark.parametrize("stages", [plain_stages(), OWN], ids=["undilated", "own heights"])
def test_a_checkpoint_is_converted_with_its_own_stages(tmp_path, stages):
    onnxruntime = pytest.importorskip("onnxruntime")
    folder = checkpoint(tmp_path / "best", stages)
    done = convert(folder, tmp_path / "out.onnx")
    assert done.source.model.stages == StageTable.parse(stages) and not done.source.guessed
    predictor = load_model(str(folder), backend="paddle").pipeline
    # Large enough for what is deepest to differ by dilation.
    images = predictor.preprocess(draw_pair(1, size=(288, 288))[0], resize=False)[None]
    found = onnxruntime.InferenceSession(tmp_path / "out.onnx").run(None, {"input": images})
    np.testing.assert_allclose(found[0], predictor.probabilities(images), atol=1e-5)
    again = convert(tmp_path / "out.onnx", tmp_path / "again.pth")
    assert again.source.model.stages == StageTable.parse(stages)


def test_a_configuration_gives_the_stages_of_bare_weights(tmp_path, capsys):
    folder = checkpoint(tmp_path / "best", OWN)
    (folder / "model.pdparams").rename(tmp_path / "bare.pdparams")
    words = ["--input", str(tmp_path / "bare.pdparams"), "--output", str(tmp_path / "out.pth")]
    assert main("convert_weights", words) == 1
    assert "--config" in capsys.readouterr().err
    assert main("convert_weights", [*words, "--config", str(folder / "config.yaml")]) == 0
    out = capsys.readouterr().out
    assert f"the model is that of {folder / 'config.yaml'}" in out and "dilated" not in out
    write_weights(tmp_path / "other.pth", narrow.state())
    words[1] = str(tmp_path / "other.pth")
    assert main("convert_weights", [*words, "--config", str(folder / "config.yaml")]) == 1
    assert f"for the model of {folder / 'config.yaml'}" in capsys.readouterr().err


def test_a_configuration_of_another_network(tmp_path, state):
    need(".onnx")
    write_weights(tmp_path / "in.onnx", state)
    folder = checkpoint(tmp_path / "best", plain_stages())
    with pytest.raises(WeightsError, match="in.onnx: it holds .*config.yaml names"):
        convert(tmp_path / "in.onnx", tmp_path / "out.pth", folder / "config.yaml")


READERS = {".pth": "read_torch", ".safetensors": "read_safetensors", ".pdparams": "read_pickle"}


@pytest.mark.parametrize("suffix", READERS)
def test_a_reader_that_errs_is_found(tmp_path, state, suffix, monkeypatch):
    need(suffix)
    if suffix != ".pdparams":
        pytest.importorskip("torch")
    write_weights(tmp_path / f"in{suffix}", state)
    read = getattr(formats, READERS[suffix])

    def turned(path):
        content = read(path)
        key = "stage6.rebnconv4.conv_s1.weight"
        return {**content, key: content[key][..., ::-1].copy()}

    monkeypatch.setattr(formats, READERS[suffix], turned)
    target = ".pth" if suffix == ".pdparams" else ".pdparams"
    with pytest.raises(WeightsError, match=f"in{suffix}: not converted"):
        convert(tmp_path / f"in{suffix}", tmp_path / f"out{target}")


@pytest.mark.parametrize("name", ["Paddle", "PyTorch", "safetensors"])
def test_a_writer_that_errs_is_found_by_reading_back(tmp_path, state, name, monkeypatch):
    known = formats.FORMATS[name]
    need(known.suffixes[0])
    write_weights(tmp_path / "in.pdparams", state)

    def rounded(path, content):
        key = "stage6.rebnconv4.conv_s1.weight"
        known.write(path, {**content, key: np.nextafter(content[key], np.float32(1))})

    monkeypatch.setitem(formats.FORMATS, name, known._replace(write=rounded))
    with pytest.raises(WeightsError, match=r"not written; read back, stage6\.rebnconv4"):
        convert(tmp_path / "in.pdparams", tmp_path / f"out{known.suffixes[0]}")


def test_a_graph_that_errs_is_found(tmp_path, state, monkeypatch):
    need(".onnx")
    write = conversion.write_onnx
    # What is not folded in: a reader that finds the weights again sees nothing of it.
    changed = {k: v * np.float32(1.01) if k == "side6.weight" else v for k, v in state.items()}
    monkeypatch.setattr(
        conversion, "write_onnx", lambda path, given, *rest: write(path, changed, *rest)
    )
    write_weights(tmp_path / "in.pth", state)
    with pytest.raises(WeightsError, match="out.onnx: not written; .* read back makes logits"):
        convert(tmp_path / "in.pth", tmp_path / "out.onnx")


@pytest.fixture(scope="module")
def graph(tmp_path_factory, state):
    """An ONNX file, for those who make other ones of it."""
    need(".onnx")
    pytest.importorskip("onnxruntime")
    path = tmp_path_factory.mktemp("graph") / "in.onnx"
    write_weights(path, state)
    return path


@pytest.mark.parametrize("keep", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_half_precision_in_onnx(tmp_path, graph, keep):
    onnx = pytest.importorskip("onnx")
    float16 = pytest.importorskip("onnxruntime.transformers.float16")
    half = float16.convert_float_to_float16(onnx.load(graph), keep_io_types=keep)
    onnx.save(half, tmp_path / "half.onnx")
    found = convert(tmp_path / "half.onnx", tmp_path / "out.pth").comparisons[0]
    assert found.runtime == "ONNX Runtime" and found.difference <= HALF / 10
    assert "half precision" in str(found)


def test_quantized_activations_are_reported_and_not_refused(tmp_path, graph):
    quantization = pytest.importorskip("onnxruntime.quantization")
    quantization.quantize_dynamic(graph, tmp_path / "int8.onnx")
    found = convert(tmp_path / "int8.onnx", tmp_path / "out.pth").comparisons[0]
    assert found.difference is None
    text = (
        r"int8\.onnx: ONNX Runtime: probabilities differ .* by (\S+) on average, (\S+) at most; .*8"
    )
    average, largest = map(float, re.search(text, str(found)).groups())
    assert 0 < average < largest < 0.1


def test_an_old_opset_without_half_pixels_is_reported(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    stages = StageTable.parse({"encoder": [[4, 4, 6], ["3F", 4, 6]], "decoder": [[3, 4, 6]]})
    state = narrow.state(stages=stages)
    write_onnx(tmp_path / "new.onnx", state, stages)
    onnx.save(with_scales(onnx.load(tmp_path / "new.onnx"), 10), tmp_path / "old.onnx")
    found = convert(tmp_path / "old.onnx", tmp_path / "out.pth").comparisons[0]
    assert found.difference is None
    text = r"old\.onnx: ONNX Runtime: .* by .*, (\S+) at most; in its opset 10 Resize"
    assert float(re.search(text, str(found)).group(1)) > 1e-3
    assert np.array_equal(
        read_weights(tmp_path / "out.pth")["outconv.weight"], state["outconv.weight"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("shape", [[1, 3, 40, 72], [2, 3, None, 64]])
def test_an_onnx_file_for_one_size(tmp_path, graph, shape):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(graph)
    for dimension, extent in zip(model.graph.input[0].type.tensor_type.shape.dim, shape):
        if extent:
            dimension.dim_value = extent
    onnx.save(model, tmp_path / "fixed.onnx")
    found = convert(tmp_path / "fixed.onnx", tmp_path / "out.pth").comparisons[0]
    assert found.runtime == "ONNX Runtime" and found.difference <= ROUNDING / 10


def test_an_onnx_file_that_does_not_run_is_said(tmp_path, graph):
    _odd(graph, tmp_path / "odd.onnx")
    found = convert(tmp_path / "odd.onnx", tmp_path / "out.pth").comparisons[0]
    assert "odd.onnx: not compared with ONNX Runtime, because it does not" in str(found)


def test_a_file_of_ours_that_does_not_run_is_not_written(tmp_path, graph, monkeypatch):
    monkeypatch.setattr(conversion, "write_onnx", lambda path, *rest: _odd(graph, path))
    with pytest.raises(WeightsError, match="out.onnx: not written; ONNX Runtime: it does not"):
        convert(graph, tmp_path / "out.onnx")
    assert not list(tmp_path.iterdir())


def _odd(graph, path):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(graph)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5
    onnx.save(model, path)


@pytest.mark.slow
@pytest.mark.parametrize("wrap", ["plain", "module.", "nested", "legacy"])
def test_wrapped_files_are_read_by_pytorch_too(tmp_path, state, wrap):
    torch = pytest.importorskip("torch")
    tensors = {k: torch.from_numpy(v) for k, v in to_torch(state).items()}
    content = {
        "module.": {f"module.{name}": value for name, value in tensors.items()},
        "nested": {"epoch": 3, "model": {"state_dict": tensors}, "optimizer": {"state": {0: 1}}},
    }.get(wrap, tensors)
    torch.save(content, tmp_path / "in.pth", _use_new_zipfile_serialization=wrap != "legacy")
    found = convert(tmp_path / "in.pth", tmp_path / "out.pdparams").comparisons[0]
    assert found.runtime == "PyTorch" and found.difference <= ROUNDING / 10


def test_a_file_that_pytorch_does_not_load_safely_is_said(tmp_path, state, monkeypatch):
    torch = pytest.importorskip("torch")
    write_weights(tmp_path / "in.pth", state)

    def refuse(*arguments, **options):
        assert options["weights_only"] is True
        raise RuntimeError("Weights only load failed.\nMore of it.")

    monkeypatch.setattr(torch, "load", refuse)
    done = convert(tmp_path / "in.pth", tmp_path / "out.pdparams")
    expected = "because torch.load does not read it safely (Weights only load failed.)"
    assert str(done.comparisons[0]).endswith(expected)


def refused(words, capsys):
    """The error line, without anything having been read or written."""
    assert main("convert_weights", words) == 1
    error = capsys.readouterr().err
    assert "tmp-" not in error and error.count("\n") == 1
    return error


def test_an_output_that_cannot_be_is_refused_before_reading(tmp_path, state, monkeypatch, capsys):
    write_weights(tmp_path / "in.pth", state)
    (tmp_path / "folder.pth").mkdir()
    (tmp_path / "link.pth").symlink_to(tmp_path / "in.pth")
    before = (tmp_path / "in.pth").read_bytes()
    monkeypatch.setattr(conversion, "read_source", lambda *arguments: pytest.fail("it was read"))
    cases = {
        "folder.pth": "found a folder; name a file in it",
        "in.pth/out.pth": "in.pth is a file; name another",
        "in.pth": "this is the input file itself",
        "link.pth": "this is the input file itself",
    }
    for name, message in cases.items():
        words = ["--input", str(tmp_path / "in.pth"), "--output", str(tmp_path / name)]
        error = refused(words, capsys)
        assert f"{tmp_path / name}: " in error and message in error, name
    assert (tmp_path / "in.pth").read_bytes() == before

    monkeypatch.setattr(os, "access", lambda *_: False)
    words = ["--input", str(tmp_path / "in.pth"), "--output", str(tmp_path / "new/out.pth")]
    error = refused(words, capsys)
    assert f"{tmp_path} takes no files; choose another" in error
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_errors_of_writing_name_the_final_file(tmp_path, state, error, monkeypatch, capsys):
    need(".onnx")
    write_weights(tmp_path / "in.pth", state)

    def fail(path, *rest):
        raise error(f"{path}: no")

    monkeypatch.setattr(conversion, "write_onnx", fail)
    words = ["--input", str(tmp_path / "in.pth"), "--output", str(tmp_path / "out.onnx")]
    assert str(tmp_path / "out.onnx") in refused(words, capsys)
