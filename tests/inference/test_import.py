"""Whoever only predicts needs neither paddle nor paddleseg."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "paddleseg_u2net.inference",
        "paddleseg_u2net.inference.predictor",
        "paddleseg_u2net.inference.preprocess",
        "paddleseg_u2net.inference.backends",
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
        "p = Predictor(lambda x: x[:, :1], Preprocess((8, 6)), Augment((0.5, 1.0), True, True), "
        "Window((4, 4), (2, 2))); "
        "print(p(np.zeros((5, 7, 3), np.uint8)).shape, 'paddle' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 5, 7) False"
