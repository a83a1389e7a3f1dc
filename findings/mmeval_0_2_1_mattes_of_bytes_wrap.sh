#!/usr/bin/env bash
# mmeval 0.2.1: its scores of alpha mattes document values of 0 to 255, with uint8 in their examples, and are
# right about floats of 0 to 1 only. Bytes are subtracted as bytes, so that what is one level too dark is 255
# off; the connectivity error compares them with thresholds of 0.1 to 1. A matte that is one level off
# everywhere is worse than an inverted one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "mmeval==0.2.1" "numpy<2" "opencv-python<4.12"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from mmeval import GradientError, MattingMeanSquaredError, SumAbsoluteDifferences

alpha = np.tile(np.linspace(1, 254, 64).astype(np.uint8), (64, 1))
near, far = alpha - np.uint8(1), 255 - alpha
unknown = np.full(alpha.shape, 128, np.uint8)
scores = {"SAD": (SumAbsoluteDifferences, ()), "MSE": (MattingMeanSquaredError, ([unknown],)),
          "Grad": (GradientError, ([unknown],))}
found = {}
for name, (score, more) in scores.items():
    for kind, matte in (("one level off", near), ("inverted", far)):
        for values, scale in (("bytes", lambda a: a), ("floats", lambda a: a / 255)):
            (value,) = score()([scale(matte)], [scale(alpha)], *more).values()
            found[name, kind, values] = float(value)
            print(f"{name:5}{kind:15}{values:8}{float(value):.4f}")
assert found["SAD", "one level off", "floats"] < 0.05 * found["SAD", "inverted", "floats"]
assert found["SAD", "one level off", "bytes"] > found["SAD", "inverted", "bytes"], "out of date"
PYTHON
