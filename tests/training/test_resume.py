"""A run that is killed and resumed ends as the run that never was."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Optional

import pytest
import yaml

from paddleseg_u2net.training import checkpoint
from tests.training.runs import outcome

ROOT = Path(__file__).resolve().parents[2]
ITERS = 12


def _command(config: Path, run: Path, workers: int) -> list:
    command = [sys.executable, str(ROOT / "tools/train.py"), "--config", str(config)]
    command += ["--save_dir", str(run), "--do_eval", "--use_ema", "--device", "cpu"]
    command += ["--save_interval", "2", "--num_workers", str(workers), "--seed", "7"]
    if run.is_dir() and checkpoint.iterations(run):
        command += ["--resume_model", str(run)]
    return command


def _run(config: Path, run: Path, workers: int, kill_after: Optional[float] = None):
    """Train; (exit code, seconds of training). Killed ``kill_after`` seconds into the training."""
    process = subprocess.Popen(
        _command(config, run, workers),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    output, started = [], time.perf_counter()
    assert process.stdout is not None
    for line in process.stdout:
        output.append(line)
        if "val: 4 pairs" in line:  # the last words before the first step
            started = time.perf_counter()
            if kill_after is not None:
                time.sleep(kill_after)
                os.killpg(process.pid, signal.SIGKILL)
                break
    process.stdout.read()
    code = process.wait()
    assert kill_after is not None or code == 0, "".join(output)
    return code, time.perf_counter() - started


@pytest.mark.slow
def test_killed_and_resumed_is_bit_identical(tmp_path, tiny):
    workers = 2
    tiny["iters"] = ITERS
    config = tmp_path / "config.yml"
    config.write_text(yaml.safe_dump(tiny))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    _, seconds = _run(config, whole, workers)

    # Two moments somewhere in the run; each start again comes from the last checkpoint.
    codes = [_run(config, killed, workers, part * seconds)[0] for part in (0.4, 0.3)]
    assert codes[0] == -signal.SIGKILL
    if not (killed / f"iter_{ITERS}").is_dir():
        _run(config, killed, workers)
    # with the SHA-256 of all files
    assert outcome(killed, ITERS) == outcome(whole, ITERS)
    state = json.loads((whole / f"iter_{ITERS}/state.json").read_text())
    assert state["best"][""]["iteration"] > 0
