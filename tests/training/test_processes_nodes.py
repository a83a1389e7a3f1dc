"""Two machines, by the script for Slurm; both are this one, and Slurm's commands are pretended."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from paddleseg_u2net.training import checkpoint
from tests.conftest import tiny_config
from tests.training.launching import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="runs bash")]
_COMMANDS = {
    "scontrol": "echo here; echo there",
    # on one node, or on both at once
    "srun": """
single= node=0 pids=
while [[ $1 == --* ]]; do
    case $1 in --nodelist) single=$2; shift 2;; --*=*) shift;; *) shift 2;; esac
done
if [[ $single ]]; then exec "$@"; fi
for node in 0 1; do SLURM_NODEID=$node "$@" > "$SAID.$node" 2>&1 & pids+=" $!"; done
for pid in $pids; do wait $pid || exit 1; done
""",
}


def test_slurm_trains_on_two_nodes(tmp_path, drawn):
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, script in _COMMANDS.items():
        path = commands / name
        path.write_text(f"#!/usr/bin/env bash\n{script}")
        path.chmod(0o755)
    (tmp_path / "config.yml").write_text(yaml.safe_dump({**tiny_config(drawn), "iters": 2}))
    # Slurm starts jobs where they were submitted
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    environment = {
        **os.environ,
        "PATH": f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SAID": str(tmp_path / "said"),
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_NNODES": "2",
    }
    words = ["bash", ROOT / "examples/slurm.sh", "--config", tmp_path / "config.yml"]
    words += ["--save_dir", tmp_path / "run", "--device", "cpu", "--log_iters", "1"]
    done = subprocess.run(words, env=environment, cwd=tmp_path, timeout=300, capture_output=True)
    said = [path.read_text() for path in sorted(tmp_path.glob("said.*"))]
    assert done.returncode == 0, "".join([done.stderr.decode(), *said])
    state = checkpoint.load_state(checkpoint.latest(tmp_path / "run"))
    assert state["iteration"] == 2 and state["must_agree"]["processes"] == 2
    assert re.search(r"iter: 2/2, loss: \d", said[0]) and "iter: 2/2" not in said[1]
