"""A backend of one's own, beside what test_contributing.py runs of it."""

from __future__ import annotations

import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.inference.backends import BACKENDS
from paddleseg_u2net.weights import write_weights
from tests.weights import narrow

PLUGIN = '''
"""numpy as an engine: the mean of the colours is the logit."""

from paddleseg_u2net.inference.backends import Backend, EngineNetwork, Model, register


def load(model, threads, device):
    return EngineNetwork(lambda batch: batch.mean(1, keepdims=True), "mine", model.output_type)


def from_weights(state, architecture):
    return Model("mine", {})


register(
    Backend(
        "mine",
        load,
        times={"weights": 0.1, "onnx": 0.1},
        packages=("numpy",),
        install="pip install numpy",
        from_weights=from_weights,
    )
)
'''


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "my_backend.py"
    path.write_text(PLUGIN)
    yield path
    BACKENDS.pop("mine", None)


def predict(drawn, folder, *more):
    write_weights(folder / "model.pth", narrow.state())
    words = ["--model_path", str(folder / "model.pth"), "--image_path", str(drawn / "images")]
    return main("predict", [*words, "--save_dir", str(folder / "out"), *more])


def test_a_name_that_is_taken(plugin, drawn, tmp_path, capsys):
    plugin.write_text(PLUGIN.replace('"mine"', '"ncnn"'))
    assert predict(drawn, tmp_path, "--plugins", str(plugin)) == 1
    error = capsys.readouterr().err
    assert f"{plugin}, line 15: backend ncnn: the name is taken" in error
