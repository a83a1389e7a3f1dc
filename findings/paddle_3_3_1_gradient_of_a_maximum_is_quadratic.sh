#!/usr/bin/env bash
# paddle 3.3.1: on a CPU the gradient of the maximum of a whole tensor takes quadratic time.
#
# Versions: paddlepaddle 3.3.1 and 2.6.2, Python 3.11, numpy 1.
# Behaviour: the backward pass of paddle.max(x) and of paddle.amax(x) over all axes takes some 16 times
# as long for 4 times the pixels: 7 s of processor time for one plane of 256x256, where the forward pass
# takes under a millisecond. A loss or a network that divides by the maximum of a map stands still at
# ordinary sizes. Of Paddle 2.6.2 only amax does so; max is linear there. paddle.min and paddle.amin of
# 3.3.1 behave the same. A maximum of the rows and then of those is fast.
# Seen on 2026-11-30:
#   3.3.1 max: 4 times the pixels, quadratic
#   3.3.1 amax: 4 times the pixels, quadratic
#   3.3.1 max of maxima of rows: linear
#   2.6.2 max: linear
#   2.6.2 amax: 4 times the pixels, quadratic
#   2.6.2 max of maxima of rows: linear
set -euo pipefail
python=${PYTHON:-python3.11}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/look.py" <<'PY'
import zlib  # noqa: F401  (before Paddle 2.6.2, which brings its own)
import sys
import time

import paddle


def seconds(side, maximum):
    x = paddle.rand([side, side])
    x.stop_gradient = False
    y = maximum(x)
    started = time.process_time()
    y.backward()
    return time.process_time() - started


ways = {
    "max": paddle.max,
    "amax": paddle.amax,
    "max of maxima of rows": lambda x: paddle.max(paddle.max(x, axis=1)),
}
for name, maximum in ways.items():
    seconds(8, maximum)
    small, large = seconds(96, maximum), seconds(192, maximum)
    quadratic = large > 0.3 and large > 10 * small
    said = "4 times the pixels, quadratic" if quadratic else "linear"
    print(f"{sys.argv[1]} {name}: {said}")
PY
for version in 3.3.1 2.6.2; do
    "$python" -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet "paddlepaddle==$version" "numpy<2" setuptools 2>/dev/null
    OMP_NUM_THREADS=1 "$folder/$version/bin/python" "$folder/look.py" "$version" 2>/dev/null
done | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
3.3.1 max: 4 times the pixels, quadratic
3.3.1 amax: 4 times the pixels, quadratic
3.3.1 max of maxima of rows: linear
2.6.2 max: linear
2.6.2 amax: 4 times the pixels, quadratic
2.6.2 max of maxima of rows: linear
SEEN
