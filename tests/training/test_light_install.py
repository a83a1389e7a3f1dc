"""What a full install trained or converted is used by a light one, which has no Paddle."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import yaml
from PIL import Image

from paddleseg_u2net import Predictor
from paddleseg_u2net.architecture import StageTable
from paddleseg_u2net.commands import main
from paddleseg_u2net.weights import read_weights, write_weights
from tests.inference.exporting import picture
from tests.weights import narrow

PREPROCESS = {"type": "zoo", "size": [64, 48]}
UNDILATED = {
    part: [[str(row.height).removesuffix("F"), row.mid, row.out] for row in rows]
    for part, rows in narrow.table()._asdict().items()
}

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def light(command, *words):
    """A command of a Python that has neither paddle nor paddleseg nor torch."""
    code = (
        "import sys; sys.modules.update(paddle=None, paddleseg=None, torch=None); "
        "from paddleseg_u2net.commands import main; "
        f"sys.exit(main({command!r}, sys.argv[1:]))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True
    )


def predict(tmp_path, model, *words):
    Image.fromarray(picture()).save(tmp_path / "a.png")
    arguments = ["--model_path", model, "--image_path", tmp_path / "a.png", "--save_dir"]
    done = light("predict", *arguments, tmp_path / "out", "--pictures", "saliency", *words)
    assert done.returncode == 0, done.stderr
    return np.asarray(Image.open(tmp_path / "out/saliency/a.png")), done.stdout


@pytest.fixture
def checkpoint(tmp_path):
    """As training leaves it: all of its configuration beside the weights."""
    folder = tmp_path / "best_model"
    folder.mkdir()
    write_weights(folder / "model.pdparams", narrow.state(stages=StageTable.parse(UNDILATED)))
    tree = {
        "batch_size": 2,
        "iters": 5,
        "model": {"type": "U2Net", "stages": UNDILATED, "pretrained": "gone.pth"},
        "preprocess": PREPROCESS,
        "train_dataset": {"type": "PairDataset", "dataset_root": "gone"},
        "optimizer": {"type": "Adam"},
        "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.001},
        "loss": {"types": [{"type": "DeepSupervisionLoss"}]},
        "test_config": {"aug_eval": True, "flip_horizontal": True},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(tree))
    return folder


def test_a_checkpoint_is_predicted_as_with_paddle(tmp_path, checkpoint):
    found, log = predict(tmp_path, checkpoint)
    assert "zoo" in log
    # The same layers in Paddle, with the averaging that the configuration asks for.
    expected = Predictor(checkpoint, backend="paddle")(tmp_path / "a.png")
    np.testing.assert_allclose(found / 255, expected, atol=0.6 / 255)


def test_settings_are_overridden_without_paddle(tmp_path, checkpoint):
    _, log = predict(tmp_path, checkpoint, "--opts", "preprocess.type=paddleseg")
    assert "paddleseg" in log and "zoo" not in log
    wrong = ["--image_path", tmp_path / "a.png", "--opts", "model.depth=3"]
    done = light("predict", "--model_path", checkpoint, *wrong)
    assert done.returncode == 1 and "model.depth: there is no such key" in done.stderr


def converted(source, target):
    assert main("convert_weights", ["--input", str(source), "--output", str(target)]) == 0
    return target


@pytest.mark.parametrize("suffix", [".onnx", ".pdparams"])
def test_a_converted_file_keeps_its_settings(tmp_path, checkpoint, suffix):
    target = converted(checkpoint, tmp_path / f"u2net{suffix}")
    found, log = predict(tmp_path, target)
    assert "zoo" in log and "no configuration" not in log
    expected, _ = predict(tmp_path, checkpoint, "--opts", "test_config.aug_eval=False")
    np.testing.assert_array_equal(found, expected)


def test_the_configuration_that_does_not_fit_is_named(tmp_path, checkpoint):
    target = converted(checkpoint, tmp_path / "a.onnx")
    Image.fromarray(picture()).save(tmp_path / "a.png")
    (tmp_path / "other.yml").write_text("model: {type: U2NetP}\n")
    wrong = ["--image_path", tmp_path / "a.png", "--config", tmp_path / "other.yml"]
    done = light("predict", "--model_path", target, *wrong)
    assert done.returncode == 1 and "other.yml names U2NetP" in done.stderr
    assert "a.yaml" not in done.stderr


def test_settings_stand_for_their_own_files_only(tmp_path, checkpoint):
    for suffix in (".onnx", ".safetensors"):
        converted(checkpoint, tmp_path / f"u2netp{suffix}")
    write_weights(tmp_path / "u2netp.pth", narrow.state())
    first = (tmp_path / "u2netp.yaml").read_text().splitlines()[0]
    assert first.endswith(": u2netp.onnx, u2netp.safetensors")
    for suffix, kind in ((".safetensors", "zoo"), (".pth", "official")):
        _, log = predict(tmp_path, tmp_path / f"u2netp{suffix}")
        assert f"{kind} " in log, (suffix, log)


@pytest.mark.parametrize("suffix", [".onnx", ".pdparams"])
def test_weights_are_converted_without_paddle(tmp_path, suffix):
    write_weights(tmp_path / "w.pth", narrow.state())
    target = tmp_path / f"o{suffix}"
    done = light("convert_weights", "--input", tmp_path / "w.pth", "--output", target)
    assert done.returncode == 0, done.stderr
    found, original = read_weights(target), read_weights(tmp_path / "w.pth")
    if suffix != ".onnx":  # where BatchNorm is folded
        assert all((found[name] == value).all() for name, value in original.items())
    settings = (tmp_path / "o.yaml").read_text()
    assert settings.startswith(f"# Settings of converted weights: o{suffix}")
