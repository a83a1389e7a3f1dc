#!/usr/bin/env bash
# RandomAffine of paddleseg 2.8.0 does not move the image by its translation_offset.
#
# Versions: paddleseg 2.8.0, paddlepaddle 2.6.2 (it is imported only), Python 3.12.
# Behaviour: `translation_offset` is documented as the maximum translation. The offset is added to
# the centre of the rotation and the scaling instead, so that without these nothing moves, however
# large it is, and with them the image moves by a part of it. A white square in the middle of
# 101x101 pixels, offset 40, 200 draws: how far its centre is from the middle at most. (The one pixel
# is of a scale of 101/100, the canvas over the image's last index.)
# Seen on 2026-11-30:
#   neither rotated nor scaled: 1 pixels
#   scaled by 0.9: 4 pixels
set -euo pipefail
python=${PYTHON312:-python3.12}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "paddleseg==2.8.0" "paddlepaddle==2.6.2" "numpy<2" setuptools 2>/dev/null
cat > "$folder/affine.py" <<'PYTHON'
import random
import numpy as np
from paddleseg.transforms import RandomAffine

def farthest(scale):
    affine = RandomAffine(
        size=(101, 101), translation_offset=40, max_rotation=0,
        min_scale_factor=scale, max_scale_factor=scale, im_padding_value=0,
    )
    found = 0.0
    for seed in range(200):
        random.seed(seed)
        image = np.zeros((101, 101, 3), np.uint8)
        image[46:55, 46:55] = 255
        moved = affine({"img": image})["img"][..., 0] > 127
        y, x = (axis.mean() for axis in np.nonzero(moved))
        found = max(found, abs(x - 50), abs(y - 50))
    return round(found)

print(f"neither rotated nor scaled: {farthest(1.0)} pixels")
print(f"scaled by 0.9: {farthest(0.9)} pixels")
PYTHON
seen=$("$folder/env/bin/python" -W ignore "$folder/affine.py" 2>/dev/null | tail -2)
echo "$seen"
[ "$seen" = "neither rotated nor scaled: 1 pixels
scaled by 0.9: 4 pixels" ]
