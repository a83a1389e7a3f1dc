#!/usr/bin/env bash
# OpenCV 5.0.0: colours of an 8-bit TIFF file are multiplied by its opacity as they are read; of a 16-bit
# one they are not.
#
# Versions: opencv-python-headless 5.0.0.93, tifffile 2025.10.4, numpy 2.
# Behaviour: a TIFF file says of its opacity whether the colours are multiplied by it already
# (ExtraSamples 1) or not (2). cv2.imread with IMREAD_UNCHANGED gives 8-bit colours of the second kind
# multiplied, as if they were of the first, without a word; 16-bit ones as they are. Whoever cuts
# something out and composes it again gets dark edges from one of the two. Pillow and tifffile give the
# stored values of both.
# Seen on 2026-11-30, of red 200, green 100, blue 50 and opacity 128:
#   8 bits: 100, 50, 25, 128
#   16 bits, divided by 257: 200, 100, 50, 128
set -euo pipefail
python=${PYTHON312:-python3.12}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "opencv-python-headless==5.0.0.93" "tifffile==2025.10.4" \
    "numpy>=2,<3" 2>/dev/null
cat > "$folder/look.py" <<'PY'
import cv2
import numpy as np
import tifffile

picture = np.full((4, 4, 4), (200, 100, 50, 128), np.uint8)


def look(name, values, factor):
    tifffile.imwrite("a.tif", values, photometric="rgb", extrasamples=["unassalpha"])
    assert (tifffile.imread("a.tif") == values).all()
    blue, green, red, opacity = (cv2.imread("a.tif", cv2.IMREAD_UNCHANGED)[0, 0] // factor).tolist()
    print(f"{name}: {red}, {green}, {blue}, {opacity}")


look("8 bits", picture, 1)
look("16 bits, divided by 257", picture.astype(np.uint16) * 257, 257)
PY
(cd "$folder" && "$folder/env/bin/python" look.py) | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
8 bits: 100, 50, 25, 128
16 bits, divided by 257: 200, 100, 50, 128
SEEN
