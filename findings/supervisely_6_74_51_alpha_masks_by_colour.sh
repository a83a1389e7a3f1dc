#!/usr/bin/env bash
# supervisely 6.74.51: AlphaMask reads the brightness of an RGBA PNG, not its opacity.
#
# Versions: supervisely 6.74.51, pillow and opencv as it installs them.
# Behaviour: the SDK writes an alpha mask as a grey PNG with the value 0 marked as transparent, and
# reads every packed PNG as grey. A mask that is stored as opacity (RGBA) comes back as its colour:
# all 0 where the colours are black, all 255 where they are white, whatever the opacity.
# Seen on 2026-11-29, opacity [0, 64, 128, 255]:
#   written by the SDK: mode L, read back [0, 64, 128, 255]
#   RGBA with black colours: [0, 0, 0, 0]
#   RGBA with white colours: [255, 255, 255, 255]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "supervisely==6.74.51" 2>/dev/null
cat > "$folder/look.py" <<'PY'
import base64
import io
import zlib

import numpy as np
from PIL import Image
from supervisely.geometry.alpha_mask import AlphaMask

opacity = np.array([[0, 64, 128, 255]], np.uint8)
text = AlphaMask.data_2_base64(opacity)
mode = Image.open(io.BytesIO(zlib.decompress(base64.b64decode(text)))).mode
print(f"written by the SDK: mode {mode}, read back {AlphaMask.base64_2_data(text)[0].tolist()}")
for name, colour in (("black", 0), ("white", 255)):
    rgba = np.dstack([np.full((1, 4, 3), colour, np.uint8), opacity])
    stream = io.BytesIO()
    Image.fromarray(rgba).save(stream, "PNG")
    text = base64.b64encode(zlib.compress(stream.getvalue())).decode()
    print(f"RGBA with {name} colours: {AlphaMask.base64_2_data(text)[0].tolist()}")
PY
(cd "$folder" && env/bin/python look.py 2>/dev/null) | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
written by the SDK: mode L, read back [0, 64, 128, 255]
RGBA with black colours: [0, 0, 0, 0]
RGBA with white colours: [255, 255, 255, 255]
SEEN
