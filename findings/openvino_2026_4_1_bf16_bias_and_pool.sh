#!/usr/bin/env bash
# OpenVINO 2026.4.1, CPU, INFERENCE_PRECISION_HINT bf16: two roundings that are easily missed.
#
# Versions: openvino 2026.4.1, numpy 2, on an x86-64 processor with AVX512-BF16 (else it says so and
# exits with 77).
# Behaviour:
# 1. The bias that is fused into a bf16 convolution is rounded to bf16 too, although oneDNN adds in
#    float32: 16 ones times -1/16 plus a bias of 1 + 2^-12 give 0, where rounding the result alone,
#    which 2^-12 survives, would give 2^-12.
# 2. The run-time attribute `precise` in model.xml, which keeps a layer in float32, is obeyed by a
#    MaxPool of opset 1 and lost by the same one of opset 8.
# Seen on 2026-11-29:
#   sum with a fused bias: f32 0.000244140625, bf16 0.0
#   MaxPool of opset1 marked precise runs in: f32
#   MaxPool of opset8 marked precise runs in: bf16
set -euo pipefail
grep -qm1 avx512_bf16 /proc/cpuinfo || { echo "this processor has no AVX512-BF16"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "openvino==2026.4.1" "numpy>=2,<3" 2>/dev/null
cat > "$folder/look.py" <<'PY'
import sys
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset1, opset8

core = ov.Core()


def compiled(model, precision):
    return core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision})


def convolution(x, outputs, weight):
    kernel = np.full((outputs, x.shape[1], 1, 1), weight, np.float32)
    return opset1.convolution(x, kernel, [1, 1], [0, 0], [0, 0], [1, 1])


x = opset1.parameter([1, 16, 4, 4], np.float32)
summed = opset1.add(convolution(x, 16, -1 / 16), np.full((1, 16, 1, 1), 1 + 2**-12, np.float32))
model = ov.Model([opset1.result(summed)], [x])
ones = np.ones((1, 16, 4, 4), np.float32)
found = [float(compiled(model, p)(ones)[0].max()) for p in ("f32", "bf16")]
print(f"sum with a fused bias: f32 {found[0]}, bf16 {found[1]}")

MARK = '<rt_info><attribute name="precise" version="0" /></rt_info>'
for name in ("opset1", "opset8"):
    x = opset1.parameter([1, 16, 16, 16], np.float32)
    before = convolution(x, 16, 0.1)
    if name == "opset1":
        pool = opset1.max_pool(before, [2, 2], [0, 0], [0, 0], [2, 2])
    else:
        pool = opset8.max_pool(before, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
    (pool.get_node() if name == "opset8" else pool).set_friendly_name("pool")
    model = ov.Model([opset1.result(convolution(pool, 16, 0.1))], [x])
    path = Path(sys.argv[1]) / f"{name}.xml"
    ov.save_model(model, path, compress_to_fp16=False)
    text = path.read_text()
    at = text.index("/>", text.index("<data", text.index('name="pool"'))) + 2
    path.write_text(text[:at] + MARK + text[at:])
    graph = compiled(core.read_model(path), "bf16").get_runtime_model()
    info = next(op.get_rt_info() for op in graph.get_ops() if op.get_friendly_name() == "pool")
    print(f"MaxPool of {name} marked precise runs in: {info['runtimePrecision'].astype(str)}")
PY
"$folder/env/bin/python" "$folder/look.py" "$folder" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
sum with a fused bias: f32 0.000244140625, bf16 0.0
MaxPool of opset1 marked precise runs in: f32
MaxPool of opset8 marked precise runs in: bf16
SEEN
