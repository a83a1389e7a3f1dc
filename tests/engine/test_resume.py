"""A run that is killed and resumed ends as the run that never was."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from paddleseg_u2net.engine import checkpoint
from paddleseg_u2net.weights import read_pickle

ROOT = Path(__file__).resolve().parents[2]
ITERS = 24


def _command(config: Path, run: Path, workers: int) -> list:
    command = [sys.executable, str(ROOT / "tools/train.py"), "--config", str(config)]
    command += ["--save_dir", str(run), "--do_eval", "--use_ema", "--device", "cpu"]
    command += ["--save_interval", "2", "--num_workers", str(workers), "--seed", "7"]
    if run.is_dir() and checkpoint.iterations(run):
        command += ["--resume_model", str(run)]
    return command


def _run(config: Path, run: Path, workers: int, kill_after: float = 0.0) -> int:
    """Train, killed so many seconds after the first line about an iteration; 0: not killed."""
    process = subprocess.Popen(
        _command(config, run, workers),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    output = []
    assert process.stdout is not None
    for line in process.stdout:
        output.append(line)
        if kill_after and "masks read as" in line:
            time.sleep(kill_after)
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.stdout.read()
    code = process.wait()
    assert kill_after or code == 0, "".join(output)
    return code


def _assert_same(left: dict, right: dict) -> None:
    assert left.keys() == right.keys()
    for name, value in left.items():
        if isinstance(value, dict):
            _assert_same(value, right[name])
        else:
            np.testing.assert_array_equal(value, right[name], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_and_resumed_is_bit_identical(tmp_path, tiny, workers):
    tiny["iters"] = ITERS
    config = tmp_path / "config.yml"
    config.write_text(yaml.safe_dump(tiny))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    _run(config, whole, workers)

    moments = random.Random(workers)
    kills = 0
    while kills < 3 and _run(config, killed, workers, moments.uniform(0.3, 2.0)) != 0:
        kills += 1
    assert kills > 0
    if not (killed / f"iter_{ITERS}").is_dir():
        _run(config, killed, workers)

    for file in ("model.pdparams", "model.pdopt", "ema.pdparams"):
        _assert_same(
            *(read_pickle(run / f"iter_{ITERS}" / file) for run in (whole, killed)),
        )
    for folder in ("best_model", "ema_best_model"):
        _assert_same(*(read_pickle(run / folder / "model.pdparams") for run in (whole, killed)))
    states = [json.loads((run / f"iter_{ITERS}/state.json").read_text()) for run in (whole, killed)]
    assert states[0] == states[1]
    assert states[0]["best"][""]["iteration"] > 0
