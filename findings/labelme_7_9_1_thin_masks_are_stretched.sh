#!/usr/bin/env bash
# labelme 7.9.1: a mask shape one pixel wide or high is stretched to bounds larger than its PNG.
#
# Versions: labelme 7.9.1 (needs Python 3.12), numpy 2.
# Behaviour: a shape of the type `mask` holds a PNG and the corners of its bounds. Where whole-number
# bounds are larger than the PNG, shapes_to_label raises ValueError, unless the PNG has one column (or
# row): then numpy broadcasts it over all columns of the bounds, and pixels are labelled that the mask
# does not have. Other readers of such files place the PNG's own pixels.
# Seen on 2026-11-29:
#   3x2 PNG in bounds of 3x3: ValueError
#   3x1 PNG in bounds of 3x2: 6 pixels of a mask of 3
set -euo pipefail
python=${PYTHON312:-python3.12}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --no-deps "labelme==7.9.1" 2>/dev/null
"$folder/env/bin/pip" install --quiet loguru "numpy>=2,<3" pillow PySide6-Essentials \
    scikit-image imgviz natsort pyyaml 2>/dev/null
cat > "$folder/look.py" <<'PY'
import numpy as np
from labelme._utils import shapes_to_label


def pixels(mask, corners):
    shape = {"label": "a", "points": corners, "shape_type": "mask", "mask": mask}
    label, _ = shapes_to_label(img_shape=(6, 6), shapes=[shape], label_name_to_value={"a": 1})
    return int((label == 1).sum())


try:
    print("3x2 PNG in bounds of 3x3:", pixels(np.ones((3, 2), bool), [[1, 1], [3, 3]]))
except ValueError:
    print("3x2 PNG in bounds of 3x3: ValueError")
print("3x1 PNG in bounds of 3x2:", pixels(np.ones((3, 1), bool), [[2, 1], [3, 3]]), "pixels of a mask of 3")
PY
QT_QPA_PLATFORM=offscreen "$folder/env/bin/python" "$folder/look.py" 2>/dev/null | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
3x2 PNG in bounds of 3x3: ValueError
3x1 PNG in bounds of 3x2: 6 pixels of a mask of 3
SEEN
