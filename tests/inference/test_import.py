"""Whoever only predicts needs neither paddle nor paddleseg."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "paddleseg_u2net.inference",
        "paddleseg_u2net.inference.pipeline",
        "paddleseg_u2net.inference.preprocess",
        "paddleseg_u2net.inference.backends",
        "paddleseg_u2net.inference.exported",
        "paddleseg_u2net.predictor.predictor",
        "paddleseg_u2net.predictor.load",
        "paddleseg_u2net.predictor.source",
        "paddleseg_u2net.commands.predict",
    ],
)
def test_importing_inference_imports_neither_paddle_nor_paddleseg(module):
    code = (
        f"import sys, {module}; "
        "print([m for m in sys.modules if m.split('.')[0] in ('paddle', 'paddleseg')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_predicting_imports_neither_paddle_nor_paddleseg():
    code = (
        "import sys, numpy as np; from paddleseg_u2net.inference import *; "
        "p = Pipeline(lambda x: x[:, :1], Preprocess((8, 6)), Augment((0.5, 1.0), True, True), "
        "Window((4, 4), (2, 2))); "
        "print(p(np.zeros((5, 7, 3), np.uint8)).shape, 'paddle' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 5, 7) False"


def test_predicting_an_exported_model_imports_nothing_slow():
    code = (
        "import sys, paddleseg_u2net.commands.predict, paddleseg_u2net.predictor.load, "
        "paddleseg_u2net.inference.exported; slow = {'matplotlib', 'scipy', 'jinja2', 'requests', "
        "'tqdm', 'onnx', 'onnxruntime', 'openvino', 'ncnn', 'visualdl', 'yaml'}; "
        "print(sorted(slow & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_itself_imports_nothing():
    code = (
        "import sys, paddleseg_u2net as p; heavy = {'numpy', 'cv2', 'PIL', 'paddle'}; "
        "print(heavy & set(sys.modules), 'Predictor' in dir(p), p.Predictor.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set() True Predictor"
    with pytest.raises(ImportError, match="Nothing"):
        from paddleseg_u2net import Nothing  # noqa: F401
