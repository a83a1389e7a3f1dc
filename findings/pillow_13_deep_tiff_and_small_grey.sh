#!/usr/bin/env bash
# Pillow 13.0.0: masks and pictures whose pixels it changes without a word.
#
# Versions: pillow 13.0.0, tifffile 2026.3.3 (writes the TIFF and reads it back), pypng 0.20220715.0 (the second opinion
# on the PNG).
# Behaviour:
# 1. An uncompressed 16-bit RGB TIFF stored plane by plane opens, and its pixels are not those of the
#    file: reading is not refused, as it is for other layouts that Pillow does not know.
# 2. In a grey PNG of 2 bits a pixel the transparent value (tRNS) is not scaled as the pixels are:
#    they are widened to 0..255, the key stays 0..3, so convert("RGBA") leaves opaque what the file
#    says is transparent.
# Seen on 2026-11-29:
#   TIFF: high bytes of one pixel in the file [35, 97, 160], from Pillow [15, 78, 140]
#   PNG: alpha of the four grey values, tRNS 2: Pillow [255, 255, 255, 255], pypng [255, 255, 0, 255]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "pillow==13.0.0" "tifffile==2026.3.3" "pypng==0.20220715.0" 2>/dev/null
cat > "$folder/look.py" <<'PY'
import struct
import zlib

import numpy as np
import png as pngs
import tifffile
from PIL import Image

planes = (np.arange(3 * 16, dtype=np.uint16) * 1000).reshape(3, 4, 4)
tifffile.imwrite("planar.tif", planes, photometric="rgb", planarconfig="separate")
stored = (tifffile.imread("planar.tif")[:, 2, 1] >> 8).tolist()
seen = np.asarray(Image.open("planar.tif").convert("RGB"))[2, 1].tolist()
print(f"TIFF: high bytes of one pixel in the file {stored}, from Pillow {seen}")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


row = bytes([0, 0b00011011])  # no filter; the values 0, 1, 2, 3
png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, 2, 0, 0, 0, 0))
png += chunk(b"tRNS", struct.pack(">H", 2)) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
open("small.png", "wb").write(png)
pillow = np.asarray(Image.open("small.png").convert("RGBA"))[0, :, 3]
other = list(next(iter(pngs.Reader(bytes=png).asRGBA8()[2])))[3::4]
print(f"PNG: alpha of the four grey values, tRNS 2: Pillow {pillow.tolist()}, pypng {other}")
PY
(cd "$folder" && env/bin/python look.py) | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
TIFF: high bytes of one pixel in the file [35, 97, 160], from Pillow [15, 78, 140]
PNG: alpha of the four grey values, tRNS 2: Pillow [255, 255, 255, 255], pypng [255, 255, 0, 255]
SEEN
