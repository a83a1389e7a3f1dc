#!/usr/bin/env bash
# OpenVINO 2026.4.1, CPU, Linux: models that are compiled for one thread each (INFERENCE_NUM_THREADS 1, hint
# LATENCY) are all kept on the same core while they compute. Two of them, run in two threads of a program, take
# turns, and the other cores idle, so the second thread gains nothing; nothing is said. With ENABLE_CPU_PINNING
# false they compute at the same time. Needs a machine on which the process may use two cores.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "openvino==2026.4.1" "numpy<2"
cat > "$folder/run.py" <<'PYTHON'
import os
import sys
import threading

import numpy as np
import openvino as ov
from openvino import opset1 as ops

x = ops.parameter([1, 64, 96, 96], np.float32)
kernel = np.full((64, 64, 3, 3), 1e-3, np.float32)
layer = x
for _ in range(8):
    layer = ops.convolution(layer, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
model, core = ov.Model([layer], [x]), ov.Core()
batch = np.ones((1, 64, 96, 96), np.float32)
allowed = os.sched_getaffinity(0)
assert len(allowed) > 1, "needs two cores"


def cores_while_it_runs(pinned):
    """Where the threads of two models that run at once are kept, if not on all cores."""
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1}
    if pinned is not None:
        settings["ENABLE_CPU_PINNING"] = pinned
    requests = [core.compile_model(model, "CPU", settings).create_infer_request() for _ in "ab"]
    seen = set()

    def run(request):
        for _ in range(20):
            request.infer([batch])

    threads = [threading.Thread(target=run, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for task in os.listdir("/proc/self/task"):
            try:
                cores = frozenset(os.sched_getaffinity(int(task)))
            except ProcessLookupError:
                continue
            if cores != allowed:
                seen.add(cores)
    return [sorted(cores) for cores in seen]


pinned = {"usual": None, "not pinned": False}[sys.argv[1]]
print(f"{sys.argv[1]}: the process may use cores {sorted(allowed)}, ", end="")
kept = cores_while_it_runs(pinned)
print(f"threads of two models of one thread are kept on {kept or 'none'}")
if pinned is None:
    assert len(kept) == 1 and len(kept[0]) == 1, "out of date"
else:
    assert not kept, "out of date"
PYTHON
"$folder/venv/bin/python" "$folder/run.py" usual
"$folder/venv/bin/python" "$folder/run.py" "not pinned"
