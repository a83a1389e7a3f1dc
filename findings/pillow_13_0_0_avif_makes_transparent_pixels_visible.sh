#!/usr/bin/env bash
# Pillow 13.0.0: transparent pixels of a picture that is saved as AVIF come back visible.
#
# Versions: Pillow 13.0.0 (libavif 1.4.2), numpy 2.
# Behaviour: AVIF's opacity is packed with the colours' quality, so pixels with opacity 0 near a soft
# edge get one of up to 9, and pixels with 255 less, at the qualities that people use. WebP, at any quality of
# the colours, keeps the opacity as it is. `advanced={"alpha:lossless": "1"}` does so for AVIF.
# Seen on 2026-11-30:
#   WebP, quality 80: 0 of 0, 255 of 255
#   AVIF, quality 60: 9 of 0, 246 of 255
#   AVIF, quality 80: 6 of 0, 249 of 255
#   AVIF, quality 95: 3 of 0, 252 of 255
#   AVIF, quality 80, opacity lossless: 0 of 0, 255 of 255
set -euo pipefail
python=${PYTHON312:-python3.12}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "pillow==13.0.0" "numpy>=2,<3" 2>/dev/null
cat > "$folder/look.py" <<'PY'
import io

import numpy as np
from PIL import Image

y, x = np.mgrid[:256, :256] / 255
opacity = np.clip((0.3 - np.hypot(y - 0.5, x - 0.5)) * 30 + 0.5, 0, 1)
picture = np.dstack([x, y, (x + y) / 2, opacity])
picture[opacity == 0] = 0
picture = np.rint(picture * 255).astype(np.uint8)
alpha = picture[..., 3]


def look(name, format_name, **options):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format_name, **options)
    found = np.asarray(Image.open(buffer).convert("RGBA"))[..., 3]
    print(f"{name}: {found[alpha == 0].max()} of 0, {found[alpha == 255].min()} of 255")


look("WebP, quality 80", "WEBP", quality=80)
for quality in (60, 80, 95):
    look(f"AVIF, quality {quality}", "AVIF", quality=quality)
look("AVIF, quality 80, opacity lossless", "AVIF", quality=80, advanced={"alpha:lossless": "1"})
PY
"$folder/env/bin/python" "$folder/look.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
WebP, quality 80: 0 of 0, 255 of 255
AVIF, quality 60: 9 of 0, 246 of 255
AVIF, quality 80: 6 of 0, 249 of 255
AVIF, quality 95: 3 of 0, 252 of 255
AVIF, quality 80, opacity lossless: 0 of 0, 255 of 255
SEEN
