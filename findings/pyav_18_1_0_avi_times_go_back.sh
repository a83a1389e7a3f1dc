#!/usr/bin/env bash
# PyAV 18.1.0: frames of H.264 in AVI come in the right order with times that go back and forth.
#
# Versions: av 18.1.0, imageio-ffmpeg 0.8.1 (whose program makes the file, and reads it rightly).
# Behaviour: AVI has no times of presentation. Where frames are coded out of order (B-frames, the default of
# x264), `frame.pts` is that of another frame; `frame.dts` grows one by one. FFmpeg's program uses its
# `best_effort_timestamp`, which PyAV does not offer. Whoever sorts or drops frames by `pts`, or writes them
# again with it, loses about a third of them. MPEG-4 in AVI is right.
# Seen on 2026-11-30:
#   H.264 pts go back 15 times in 50 frames, dts 0 times
#   MPEG-4 pts go back 0 times in 50 frames, dts 0 times
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3}" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "av==18.1.0" "imageio-ffmpeg==0.8.1" 2>/dev/null
cat > "$folder/look.py" <<'PY'
import subprocess
import sys

import av
import imageio_ffmpeg

program = imageio_ffmpeg.get_ffmpeg_exe()
for name, codec in (("H.264", ["libx264", "-threads", "1"]), ("MPEG-4", ["mpeg4"])):
    path = f"{sys.argv[1]}/{codec[0]}.avi"
    drawn = ["-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=2"]
    subprocess.run([program, "-v", "error", *drawn, "-c:v", *codec, "-bf", "2", path], check=True)
    with av.open(path) as container:
        frames = [(f.pts, f.dts) for f in container.decode(video=0) if f.dts is not None]
        pts, dts = zip(*frames)
    with av.open(path) as container:
        count = sum(1 for _ in container.decode(video=0))
    back = [sum(a >= b for a, b in zip(times, times[1:])) for times in (pts, dts)]
    print(f"{name} pts go back {back[0]} times in {count} frames, dts {back[1]} times")
PY
"$folder/env/bin/python" "$folder/look.py" "$folder" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
H.264 pts go back 15 times in 50 frames, dts 0 times
MPEG-4 pts go back 0 times in 50 frames, dts 0 times
SEEN
