"""A variant of one's own: its stages in YAML are all that it takes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from PIL import Image

from paddleseg_u2net.commands import main

STAGES = {
    "encoder": [[4, 2, 6], [3, 3, 8], ["2F", 4, 8]],
    "decoder": [["2F", 3, 8], [3, 2, 6]],
}


def run(command, *words):
    assert main(command, [str(word) for word in words]) == 0


@pytest.fixture
def best_model(tmp_path, tiny):
    """Trained from a file that names the variant, over a base that does not know of it."""
    del tiny["loss"]["coef"]
    tiny["model"] = {"type": "U2NetP"}
    (tmp_path / "base.yml").write_text(yaml.safe_dump({**tiny, "iters": 2}))
    variant = {"_base_": "base.yml", "model": {"type": "U2Net", "stages": STAGES}}
    (tmp_path / "mine.yml").write_text(yaml.safe_dump(variant))
    run("train", "--config", tmp_path / "mine.yml", "--save_dir", tmp_path / "run", "--do_eval")
    return tmp_path / "run/best_model"


def test_a_variant_trains_validates_predicts_and_exports(best_model, drawn, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    run("val", "--model_path", best_model, "--json", tmp_path / "scores.json")
    assert json.loads((tmp_path / "scores.json").read_text())["images"] == 4
    run("model_info", "--model_path", best_model)
    run("export", "--model_path", best_model, "--save_dir", tmp_path / "onnx", "--format", "onnx")
    run("convert_weights", "--input", best_model, "--output", tmp_path / "mine.safetensors")
    image = drawn / "images/00000.png"
    maps = []
    for name, model, backend in (
        ("paddle", best_model, "paddle"),
        ("runtime", tmp_path / "onnx", "onnxruntime"),
        ("converted", tmp_path / "mine.safetensors", "onnxruntime"),
    ):
        words = ["--image_path", image, "--model_path", model, "--backend", backend]
        run("predict", *words, "--save_dir", tmp_path / name, "--pictures", "saliency")
        with Image.open(tmp_path / name / "saliency/00000.png") as picture:
            maps.append(np.asarray(picture, int))
    assert np.abs(maps[0] - maps[1]).max() <= 1 and np.abs(maps[0] - maps[2]).max() <= 1
