#!/usr/bin/env bash
# paddle2onnx 2.1.0: adaptive average pooling becomes another pooling, without a word.
#
# Versions: paddlepaddle 3.3.1, paddle2onnx 2.1.0, onnx 1.17.0, onnxruntime 1.31.1, numpy 1.26.
# Behaviour:
# 1. AdaptiveAvgPool2D of a fixed size becomes an AveragePool whose windows all have one size and one
#    distance. Cells of adaptive pooling often have not: 16 pixels to 6 cells differ by .17 of random
#    values from 0 to 1; 16 to 4 and 16 to 3 (windows of 6 every 5) are right.
# 2. Where there are more cells than pixels, 4 to 6, it writes strides of 0, which ONNX Runtime refuses.
# A network with a pyramid of 1, 2, 3 and 6 cells, such as PSPNet, is another network in ONNX.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=${PYTHON311:-python3.11}
"$python" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "paddlepaddle==3.3.1" "paddle2onnx==2.1.0" "onnx==1.17.0" \
    "onnxruntime==1.31.1" "numpy==1.26.4" setuptools 2>/dev/null
cat > "$folder/look.py" <<'PY'
import sys

import numpy as np
import onnxruntime
import paddle
import paddle2onnx

folder = sys.argv[1]
found = {}
for side, cells in ((16, 4), (16, 3), (16, 6), (4, 6)):
    layer = paddle.nn.AdaptiveAvgPool2D(cells)
    images = np.random.default_rng(0).random((1, 2, side, side), np.float32)
    expected = layer(paddle.to_tensor(images)).numpy()
    shape = paddle.static.InputSpec([1, 2, side, side], "float32")
    paddle.jit.save(paddle.jit.to_static(layer, input_spec=[shape]), f"{folder}/model")
    content = paddle2onnx.export(
        f"{folder}/model.json", f"{folder}/model.pdiparams", None, 13, optimize_tool="None"
    )
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        gap = np.abs(session.run(None, {session.get_inputs()[0].name: images})[0] - expected).max()
        found[side, cells] = f"differs by {gap:.2f}"
    except Exception as error:
        found[side, cells] = "refused: strides" if "strides" in str(error) else f"refused: {error}"
    print(f"{side} pixels to {cells} cells: {found[side, cells]}", flush=True)
*same, other, refused = found.values()
changed = set(same) != {"differs by 0.00"} or other == "differs by 0.00"
sys.exit(changed or refused != "refused: strides")
PY
"$folder/env/bin/python" "$folder/look.py" "$folder" 2>"$folder/log" | grep "cells: "
