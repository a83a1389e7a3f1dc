#!/usr/bin/env bash
# rembg 2.0.86: `decontaminate_cutout`, of `-dc`, gives a picture that is opaque everywhere back with
# other colours: most values are one level darker, none is brighter. Nothing is mixed with a
# background there. Floats become 8 bits by cutting them off, and the colours that pymatting
# estimates lie just below the picture's own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "rembg[cpu]==2.0.86" "pymatting==1.1.16"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from PIL import Image
from rembg.bg import decontaminate_cutout

rows, columns = np.mgrid[:64, :256]
picture = np.dstack([columns, (columns + 85) % 256, (columns + 170) % 256]).astype(np.uint8)
opaque = Image.fromarray(np.full((64, 256), 255, np.uint8))
found = np.asarray(decontaminate_cutout(Image.fromarray(picture), opaque))
assert (found[..., 3] == 255).all()
difference = found[..., :3].astype(int) - picture
changed = (difference != 0).mean()
print(f"{changed:.0%} of the values changed, by {difference.min()} to {difference.max()}")
assert changed > 0.1 and difference.max() <= 0, "the finding is out of date"
PYTHON
