#!/usr/bin/env bash
# tqdm 4.70.1 draws nothing on a terminal that does not know its size, even with ncols given.
#
# Versions: tqdm 4.70.1.
# Behaviour: pseudo-terminals of job runners, `script` and editors often say 0 rows and 0 columns.
# tqdm takes both for the room that there is: with 0 rows every bar is hidden, so that ncols=80 alone
# changes nothing; nrows must be given too.
# Seen on 2026-11-29, letters written to a terminal of 0x0 in three steps:
#   tqdm(range(3)): no bar
#   tqdm(range(3), ncols=80): no bar
#   tqdm(range(3), ncols=80, nrows=24): a bar
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "tqdm==4.70.1" 2>/dev/null
cat > "$folder/look.py" <<'PY'
import os
import pty
import sys

for options in ("", ", ncols=80", ", ncols=80, nrows=24"):
    code = (
        "import time; from tqdm import tqdm\n"
        f"for i in tqdm(range(3){options}, mininterval=0): time.sleep(.05)"
    )
    pid, terminal = pty.fork()  # of 0x0, as long as nobody sets a size
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])
    text = b""
    while True:
        try:
            more = os.read(terminal, 4096)
        except OSError:  # the other side has ended
            break
        if not more:
            break
        text += more
    os.waitpid(pid, 0)
    print(f"tqdm(range(3){options}): {'a bar' if b'3/3' in text else 'no bar'}")
PY
"$folder/env/bin/python" "$folder/look.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
tqdm(range(3)): no bar
tqdm(range(3), ncols=80): no bar
tqdm(range(3), ncols=80, nrows=24): a bar
SEEN
