#!/usr/bin/env bash
# paddlepaddle 2.6.2: pos_weight of binary_cross_entropy_with_logits leaves out what is most wrong.
#
# Versions: paddlepaddle 2.6.2, numpy 1.26.4, on a CPU.
# Behaviour: of a positive element with the logit x the loss is log(1 + exp(-x)), which is computed as
# max(-x, 0) + log(1 + exp(-|x|)). pos_weight multiplies the second term only: right where x >= 0, and where
# x is negative, a positive that is missed, the greater part has no weight. Its documentation says that the
# weight multiplies the loss of positives; PyTorch does so, and paddlepaddle 3.3.1 does.
# Seen on 2026-11-30, pos_weight 2.5:
#   x = -3: 3.0486 becomes 3.1215, 7.6215 would be 2.5 times as much
#   x = 3: 0.0486 becomes 0.1215, 0.1215 would be 2.5 times as much
set -euo pipefail
python=${PYTHON312:-python3.12}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "paddlepaddle==2.6.2" "numpy==1.26.4" setuptools 2>/dev/null
cat > "$folder/look.py" <<'PY'
import paddle
from paddle.nn.functional import binary_cross_entropy_with_logits as loss

one, weight = paddle.ones([1]), paddle.to_tensor([2.5])
for x in (-3.0, 3.0):
    logit = paddle.to_tensor([x])
    plain, weighted = loss(logit, one), loss(logit, one, pos_weight=weight)
    wanted = 2.5 * float(plain)
    print(f"x = {x:g}: {float(plain):.4f} becomes {float(weighted):.4f}, {wanted:.4f} would be 2.5 times as much")
PY
"$folder/env/bin/python" "$folder/look.py" 2>/dev/null | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
x = -3: 3.0486 becomes 3.1215, 7.6215 would be 2.5 times as much
x = 3: 0.0486 becomes 0.1215, 0.1215 would be 2.5 times as much
SEEN
