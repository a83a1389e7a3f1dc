#!/usr/bin/env bash
# wandb 0.31.0, offline: run.finish() returns before the run's file is whole.
#
# Versions: wandb 0.31.0.
# Behaviour: records go to a second process, which writes run-ID.wandb. finish() says that the run is
# over, and prints the command that uploads it, while the end of the file is still in that process;
# what reads the file then (`wandb sync` of a script, a copy to another disk) misses the last steps
# and the exit code. Only wandb.teardown() waits until all is written.
# Seen on 2026-11-30, in 12 runs of 20 steps: the file grew after finish() in some of them, after
# teardown() in none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "wandb==0.31.0" 2>/dev/null
cat > "$folder/look.py" <<'PY'
import glob
import os
import time

import wandb

grown = {"finish": 0, "teardown": 0}
for number in range(12):
    folder = f"run_{number}"
    os.mkdir(folder)
    run = wandb.init(project="p", dir=folder)
    for step in range(20):
        run.log({"loss": 1 / (step + 1)})
    run.finish()
    (path,) = glob.glob(f"{folder}/wandb/offline-run-*/run-*.wandb")
    finished = os.path.getsize(path)
    wandb.teardown()
    torn_down = os.path.getsize(path)
    time.sleep(1)
    grown["finish"] += torn_down > finished
    grown["teardown"] += os.path.getsize(path) > torn_down
for name, count in grown.items():
    print(f"grew after {name}(): {'in some runs' if count else 'in none'}")
PY
cd "$folder"
WANDB_MODE=offline WANDB_SILENT=true "$folder/env/bin/python" look.py | tee seen
diff seen - <<'SEEN'
grew after finish(): in some runs
grew after teardown(): in none
SEEN
