"""An export format of one's own, in a file outside the package, with the backend that runs it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from paddleseg_u2net import Predictor
from paddleseg_u2net.commands import main
from paddleseg_u2net.export.formats import FORMATS
from paddleseg_u2net.inference.backends import BACKENDS
from paddleseg_u2net.weights import write_weights
from tests.weights import narrow

PLUGIN = '''
"""An ONNX file, backwards."""

from paddleseg_u2net.export.formats import Format, register
from paddleseg_u2net.inference import backends


def write(folder, job):
    (folder / "model.bytes").write_bytes(job.onnx()[::-1])


def load(model, threads, device):
    content = model.file(".bytes").read_bytes()[::-1]
    onnx = backends.Model("onnx", {"model.onnx": content}, model.output_type)
    return backends.BACKENDS["onnxruntime"].load(onnx, threads, device)


register(
    Format(
        "backwards",
        "for nobody",
        precisions=("fp32",),
        files=(("model.bytes",),),
        write=write,
        no_argmax="it has none",
    )
)
backends.register(backends.Backend("reader", load, times={"backwards": 1}, packages=("numpy",)))
'''


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "my_format.py"
    path.write_text(PLUGIN)
    yield path
    FORMATS.pop("backwards", None)
    BACKENDS.pop("reader", None)


def export(folder, plugin, *more):
    pytest.importorskip("onnxruntime")
    write_weights(folder / "model.pth", narrow.state())
    words = ["--model_path", str(folder / "model.pth"), "--save_dir", str(folder / "out")]
    return main("export", [*words, "--plugins", str(plugin), "--format", "backwards", *more])


def test_a_format_of_ones_own(plugin, tmp_path, capsys):
    assert export(tmp_path, plugin, "--opts", "preprocess.size=[64,48]") == 0
    out = capsys.readouterr().out
    assert "Read again and run by reader, beside the model" in out
    assert "out holds fp32 for backwards, and its description" in out
    said = json.loads((tmp_path / "out/description.json").read_text())
    assert (said["format"], list(said["files"])) == ("backwards", ["model.bytes"])
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    found = Predictor(tmp_path / "out")(image)
    expected = Predictor(tmp_path / "model.pth", backend="onnxruntime")(image)
    assert found.shape == expected.shape == (40, 50)
    with pytest.raises(SystemExit):
        main("export", ["--help"])
    assert "backwards: for nobody" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--precision", "int8"], "--format backwards: expected --precision fp32, got int8"),
        (["--output_op", "argmax"], "expected --output_op probability, since it has none"),
    ],
)
def test_what_it_does_not_have_is_refused(plugin, tmp_path, capsys, more, words):
    assert export(tmp_path, plugin, *more) == 1
    assert words in capsys.readouterr().err
