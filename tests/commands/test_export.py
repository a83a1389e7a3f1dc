"""``tools/export.py`` as users type it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from paddleseg_u2net.commands import main
from paddleseg_u2net.config import Config
from paddleseg_u2net.export.export import asked_preprocess
from paddleseg_u2net.inference.description import NAME, read_description
from paddleseg_u2net.weights import write_weights
from tests.weights import narrow

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--opts", "preprocess.size=[48,64]"]


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.pth"
    write_weights(path, narrow.state())
    return path


@pytest.fixture
def words(weights, tmp_path, monkeypatch):
    monkeypatch.delenv("U2NET_DEBUG", raising=False)
    return ["--model_path", str(weights), "--save_dir", str(tmp_path / "out")]


def test_weights_alone_are_enough(words, tmp_path, capsys):
    assert main("export", [*words, *SMALL]) == 0
    made = read_description(tmp_path / "out")
    assert (made.format, made.precision, made.output) == ("paddle", "fp32", "probability")
    assert made.preprocess["type"] == "official" and made.preprocess["size"] == [48, 64]
    assert made.source["file"] == "weights.pth"
    said = capsys.readouterr().out
    assert "beside the model: 4 images (1 of 48x64, 3 of 25x49): probabilities differ" in said
    assert all(name in said for name in made.files)
    assert "out holds fp32 for paddle" in said


def test_a_configuration_and_all_flags(words, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    config = {
        "model": {"type": "U2Net", "stages": narrow.table().as_dict()},
        "preprocess": {"size": [32, 32], "type": "zoo"},
    }
    (tmp_path / "config.yml").write_text(yaml.safe_dump(config))
    flags = ["--format", "onnx", "--precision", "fp16", "--output_op", "argmax"]
    flags += ["--input_shape", "-1", "3", "64", "48"]
    assert main("export", [*words, "--config", str(tmp_path / "config.yml"), *flags]) == 0
    made = read_description(tmp_path / "out")
    assert (made.format, made.precision, made.output) == ("onnx", "fp16", "argmax")
    assert made.shape == (None, 3, 64, 48) and made.make_preprocess().size == (48, 64)
    assert made.preprocess["type"] == "zoo"
    said = capsys.readouterr().out
    assert "preprocess.size: 48x64 by --input_shape, instead of 32x32" in said


def test_a_size_of_images_of_any_size_is_told(caplog):
    tree = {"model": {"type": "U2NetP"}, "preprocess": {"size": None}}
    config = Config(tree, training=False)
    caplog.set_level(logging.INFO)
    assert asked_preprocess(config, (None, 3, 64, 48)).size == (48, 64)
    assert "preprocess.size: 48x64 by --input_shape, instead of the picture's own" in caplog.text


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--precision", "int8"], "--format paddle: expected --precision fp32"),
        (["--input_shape", "1", "4", "64", "64"], "the model takes 3 channels, got 4"),
    ],
)
def test_what_cannot_be_is_one_line(words, tmp_path, flags, says, capsys):
    assert main("export", [*words, *SMALL, *flags]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ") and says in error and "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("shape", ["1 3 0 64", "1 3 64"])
def test_shapes_that_are_none(words, shape, capsys):
    with pytest.raises(SystemExit):
        main("export", [*words, "--input_shape", *shape.split()])
    assert "--input_shape: expected" in capsys.readouterr().err


def test_an_exported_folder_is_not_exported(words, tmp_path, capsys):
    assert main("export", [*words, *SMALL]) == 0
    for path in (tmp_path / "out", tmp_path / "out" / NAME):
        again = ["--model_path", str(path), "--save_dir", str(tmp_path / "again")]
        assert main("export", again) == 1
        error = capsys.readouterr().err
        assert "expected weights, found an exported model" in error
        assert not (tmp_path / "again").exists()


def test_nothing_is_written_of_a_model_of_nan(words, tmp_path, capsys):
    state = narrow.state()
    state["outconv.bias"] = np.full_like(state["outconv.bias"], np.nan)
    write_weights(words[1], state)
    assert main("export", [*words, *SMALL]) == 1
    assert "NaN" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_script(words, tmp_path):
    script = [sys.executable, str(ROOT / "tools/export.py")]
    done = subprocess.run(
        [*script, *words, *SMALL], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr and "!!" not in done.stderr
    assert json.loads((tmp_path / "out" / NAME).read_text())["format"] == "paddle"
