#!/usr/bin/env bash
# Pillow 13.0.0: an 8-bit BMP whose palette is black and white is read as one of 1 bit.
#
# Versions: Pillow 13.0.0, opencv-python-headless 4.6.0.66 for comparison.
# Behaviour: where all palette entries are greys, BmpImagePlugin takes the mode (and with it the width
# of a pixel) from their number, 1 bit for two, instead of from the header's bits per pixel. Pillow
# writes such a file itself, of a palette picture with two entries. The other pixels are wrong
# without an error; the picture of a mask becomes nearly black. OpenCV reads it.
# Seen on 2026-11-29:
#   saved [0, 0, 1, 1, 1, 0]
#   Pillow [0, 0, 0, 0, 0, 0]
#   OpenCV [0, 0, 1, 1, 1, 0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3}" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "pillow==13.0.0" "opencv-python-headless==4.6.0.66" "numpy<2" 2>/dev/null
cat > "$folder/look.py" <<'PY'
import sys

import cv2
import numpy as np
from PIL import Image

mask = np.array([[0, 0, 1, 1, 1, 0]], np.uint8)
picture = Image.fromarray(mask)
picture.putpalette([0, 0, 0, 255, 255, 255])
picture.save(sys.argv[1])
print("saved", mask[0].tolist())
print("Pillow", np.array(Image.open(sys.argv[1])).astype(int)[0].tolist())
print("OpenCV", (cv2.imread(sys.argv[1], 0)[0] // 255).tolist())
PY
"$folder/env/bin/python" "$folder/look.py" "$folder/a.bmp" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
saved [0, 0, 1, 1, 1, 0]
Pillow [0, 0, 0, 0, 0, 0]
OpenCV [0, 0, 1, 1, 1, 0]
SEEN
