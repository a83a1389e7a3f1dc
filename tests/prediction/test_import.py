"""One image is predicted in less time than some libraries take to be imported."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("paddle", "paddleseg", "matplotlib", "jinja2", "scipy", "tqdm", "onnx")
QUESTION = f"""
import sys
import paddleseg_u2net.prediction
heavy = {HEAVY} + ("paddleseg_u2net.datasets", "paddleseg_u2net.config")
print([name for name in heavy if name in sys.modules])
"""


def test_nothing_heavy_is_imported():
    answer = subprocess.run(
        [sys.executable, "-c", QUESTION], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
