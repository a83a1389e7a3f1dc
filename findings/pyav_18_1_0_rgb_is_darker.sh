#!/usr/bin/env bash
# PyAV 18.1.0: `to_ndarray(format="rgb24")` of 4:2:0 is darker than its standard, by 1 of 255 on average.
#
# Versions: av 18.1.0 (its wheel's FFmpeg 8.1.2), numpy 1.26.4, on x86 (the fast paths of libswscale).
# Behaviour: twelve flat patches, BT.601, limited range, against ITU-R's formula in float64. The usual
# conversion, which ffmpeg's own program takes too, errs by up to nearly 3 of 255, never above 1 to the bright
# side. The flag `accurate_rnd` by itself makes it worse (1.5 darker on average); only together with
# `full_chroma_int` is it right to half a step. 4:4:4 is right without any flag. Who reads, works on the
# picture and writes it again darkens a whole video each time.
# Seen on 2026-11-30:
#   yuv444p PyAV's own: mean error +0.0
#   yuv420p PyAV's own: mean error -1.0
#   yuv420p bicubic+accurate_rnd: mean error -1.5
#   yuv420p bicubic+accurate_rnd+full_chroma_int: mean error +0.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3}" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "av==18.1.0" "numpy==1.26.4" 2>/dev/null
cat > "$folder/look.py" <<'PY'
from fractions import Fraction

import av
import av.filter
import numpy as np

random = np.random.default_rng(0)
y, u, v = random.integers(60, 180, 12), *random.integers(108, 149, (2, 12))
luma, blue, red = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
r, b = luma + 1.402 * red, luma + 1.772 * blue
expected = 255 * np.stack([r, (luma - 0.299 * r - 0.114 * b) / 0.587, b], -1)
assert expected.min() > 1 and expected.max() < 254  # nothing is cut off


def frame(name):
    made = av.VideoFrame(12 * 16, 16, name)
    for values, plane in zip((y, u, v), made.planes):
        lines = np.zeros((plane.height, plane.line_size), np.uint8)
        lines[:, : plane.width] = np.repeat(values, plane.width // 12)
        plane.update(lines.tobytes())
    return made


def filtered(made, flags):
    graph = av.filter.Graph()
    nodes = [graph.add_buffer(width=192, height=16, format=made.format, time_base=Fraction(1, 25))]
    nodes.append(graph.add("scale", f"in_color_matrix=bt601:in_range=tv:flags={flags}"))
    nodes += [graph.add("format", "pix_fmts=rgb24"), graph.add("buffersink")]
    for one, other in zip(nodes, nodes[1:]):
        one.link_to(other)
    graph.configure()
    graph.push(made)
    return graph.pull().to_ndarray()


def say(name, what, rgb):
    error = (rgb[8, 8::16] - expected).mean()
    print(f"{name} {what}: mean error {np.trunc(10 * error) / 10 + 0:+.1f}")


say("yuv444p", "PyAV's own", frame("yuv444p").to_ndarray(format="rgb24"))
say("yuv420p", "PyAV's own", frame("yuv420p").to_ndarray(format="rgb24"))
for flags in ("bicubic+accurate_rnd", "bicubic+accurate_rnd+full_chroma_int"):
    say("yuv420p", flags, filtered(frame("yuv420p"), flags))
PY
"$folder/env/bin/python" "$folder/look.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
yuv444p PyAV's own: mean error +0.0
yuv420p PyAV's own: mean error -1.0
yuv420p bicubic+accurate_rnd: mean error -1.5
yuv420p bicubic+accurate_rnd+full_chroma_int: mean error +0.0
SEEN
