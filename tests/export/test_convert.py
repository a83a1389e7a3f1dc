"""Weights between formats, read back and compared."""

import re

import numpy as np
import pytest
import yaml

from paddleseg_u2net.architecture import StageTable
from paddleseg_u2net.commands import main
from paddleseg_u2net.datasets.synthetic import draw_pair
from paddleseg_u2net.export import convert as conversion
from paddleseg_u2net.export.convert import convert
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.predictor.source import read_source
from paddleseg_u2net.weights import WeightsError, formats, read_weights, write_weights
from paddleseg_u2net.weights.onnx_write import onnx_bytes
from tests.weights import narrow
from tests.weights.old_opset import with_scales

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
        (".pth", ".pdparams"),
        (".safetensors", ".pdparams"),
        (".pdparams", ".pt"),
        (".pdparams", ".safetensors"),
        (".pth", ".onnx"),
        (".onnx", ".pth"),
    ],
)
def test_formats_convert_both_ways(tmp_path, state, source, target):
    need(source, target)
    if ".onnx" in (source, target):
        pytest.importorskip("onnxruntime")
    path = tmp_path / f"in{source}"
    write_weights(path, state)
    done = convert(path, tmp_path / "out" / f"w{target}")
    assert done.source.model.stages == narrow.table() and len(done.source.state) == len(state)
    assert len(done.compared) == (source == ".onnx") + (target == ".onnx")
    for line in done.compared:
        assert float(re.search(r"probabilities differ by (\S+) at most", line)[1]) < 1e-4
    again = read_weights(tmp_path / "out" / f"w{target}")
    assert set(again) == set(state)
    if ".onnx" not in (source, target):  # where BatchNorm is folded
        for name, value in state.items():
            np.testing.assert_array_equal(again[name], value, err_msg=name)


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
    assert done.source.model.stages == StageTable.parse(stages)
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


@pytest.mark.parametrize("name", ["Paddle", "safetensors"])
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


def test_a_reader_or_writer_of_onnx_that_errs_is_found(tmp_path, state, monkeypatch):
    need(".onnx")
    pytest.importorskip("onnxruntime")
    write_weights(tmp_path / "in.onnx", state)
    changed = {k: v * np.float32(1.1) if k == "outconv.weight" else v for k, v in state.items()}
    write_weights(tmp_path / "in.pth", changed)
    other = read_source(tmp_path / "in.pth")
    written = conversion.onnx_bytes

    def errs(given, *rest, **options):
        return written(changed, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(
            conversion, "read_source", lambda path, _: other._replace(path=path, format_name="ONNX")
        )
        with pytest.raises(WeightsError, match="in.onnx: not converted; run by ONNX Runtime"):
            convert(tmp_path / "in.onnx", tmp_path / "out.pth")
    monkeypatch.setattr(conversion, "onnx_bytes", errs)
    with pytest.raises(WeightsError, match="out.onnx: not written; read back, outconv"):
        convert(tmp_path / "in.onnx", tmp_path / "out.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.onnx", "in.pth"]


def test_onnx_files_that_are_not_comparable_are_named(tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    stages = StageTable.parse({"encoder": [[4, 4, 6], ["3F", 4, 6]], "decoder": [[3, 4, 6]]})
    state = narrow.state(stages=stages)
    (tmp_path / "new.onnx").write_bytes(onnx_bytes(state, stages))
    onnx.save(with_scales(onnx.load(tmp_path / "new.onnx"), 10), tmp_path / "old.onnx")
    model = onnx.load(tmp_path / "new.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5
    onnx.save(model, tmp_path / "odd.onnx")
    for name, why in (
        ("old", "in its opset 10 Resize"),
        ("odd", "backend onnxruntime"),
    ):
        (line,) = convert(tmp_path / f"{name}.onnx", tmp_path / f"{name}.pth").compared
        assert f"{name}.onnx: not run beside its weights, because {why}" in line
    found = read_weights(tmp_path / "old.pth")["outconv.weight"]
    assert np.array_equal(found, state["outconv.weight"])


def test_half_precision_in_onnx(tmp_path, state):
    onnx = pytest.importorskip("onnx")
    float16 = pytest.importorskip("onnxruntime.transformers.float16")
    write_weights(tmp_path / "in.onnx", state)
    half = float16.convert_float_to_float16(onnx.load(tmp_path / "in.onnx"), keep_io_types=True)
    onnx.save(half, tmp_path / "half.onnx")
    (line,) = convert(tmp_path / "half.onnx", tmp_path / "out.pth").compared
    assert "half.onnx: run by ONNX Runtime beside its weights" in line


def test_quantized_files_are_reported_and_not_refused(tmp_path, state):
    quantization = pytest.importorskip("onnxruntime.quantization")
    write_weights(tmp_path / "in.onnx", state)
    quantization.quantize_dynamic(tmp_path / "in.onnx", tmp_path / "int8.onnx")
    (line,) = convert(tmp_path / "int8.onnx", tmp_path / "out.pth").compared
    assert "int8.onnx: quantized, run by ONNX Runtime beside its weights, " in line


def test_an_output_that_cannot_be_is_refused_before_reading(tmp_path, state, monkeypatch, capsys):
    write_weights(tmp_path / "in.pth", state)
    (tmp_path / "folder.pth").mkdir()
    (tmp_path / "link.pth").symlink_to(tmp_path / "in.pth")
    before = (tmp_path / "in.pth").read_bytes()
    monkeypatch.setattr(conversion, "read_source", lambda *arguments: pytest.fail("it was read"))
    cases = {
        "out.txt": "expected a name that ends in .pth",
        "folder.pth": "found a folder; name a file in it",
        "in.pth/out.pth": "in.pth is a file; name another",
        "in.pth": "this is the input file itself",
        "link.pth": "this is the input file itself",
    }
    for name, message in cases.items():
        words = ["--input", str(tmp_path / "in.pth"), "--output", str(tmp_path / name)]
        assert main("convert_weights", words) == 1
        error = capsys.readouterr().err
        assert f"{tmp_path / name}: " in error and message in error, name
    assert (tmp_path / "in.pth").read_bytes() == before

    monkeypatch.setattr("os.access", lambda *_: False)
    words = ["--input", str(tmp_path / "in.pth"), "--output", str(tmp_path / "new/out.pth")]
    assert main("convert_weights", words) == 1
    error = capsys.readouterr().err
    assert f"{tmp_path} takes no files; choose another" in error
    assert not (tmp_path / "new").exists()
