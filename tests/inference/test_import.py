"""Predicting needs neither paddle nor paddleseg, and loads nothing slow that it does not use."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = [
    "paddleseg_u2net.inference.description",
    "paddleseg_u2net.prediction.run",
    "paddleseg_u2net.predictor.load",
    "paddleseg_u2net.predictor.predictor",
    "paddleseg_u2net.commands.predict",
]
SLOW = {"paddle", "paddleseg", "matplotlib", "scipy", "jinja2", "requests", "tqdm", "onnx"}
SLOW |= {"onnxruntime", "openvino", "ncnn", "visualdl", "yaml"}


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split("\n")


def test_predicting_loads_nothing_slow():
    """With flips, scales and windows; weights need YAML besides, but no Paddle either."""
    code = f"""
import sys
import {", ".join(LIGHT)}
slow = {SLOW}
print(sorted(slow & {{name.split('.')[0] for name in sys.modules}}))
print([name for name in ("datasets", "config") if f"paddleseg_u2net.{{name}}" in sys.modules])
import numpy as np
from paddleseg_u2net.inference import *
averages = Augment((0.5, 1.0), True, True), Window((4, 4), (2, 2))
pipeline = Pipeline(lambda x: x[:, :1], Preprocess((8, 6)), *averages)
print(pipeline(np.zeros((5, 7, 3), np.uint8)).shape)
import paddleseg_u2net.predictor.source
print({{"paddle", "paddleseg"}} & set(sys.modules))
"""
    assert run(code) == ["[]", "[]", "(1, 5, 7)", "set()", ""]


def test_the_package_itself_imports_nothing():
    code = (
        "import sys, paddleseg_u2net as p; heavy = {'numpy', 'cv2', 'PIL', 'paddle'}; "
        "print(heavy & set(sys.modules), set(p.__all__) <= set(dir(p)), p.Predictor.__name__, "
        "p.load_model.__name__)"
    )
    assert run(code)[0] == "set() True Predictor load_model"
    with pytest.raises(ImportError, match="Nothing"):
        from paddleseg_u2net import Nothing  # noqa: F401
