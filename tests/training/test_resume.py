"""A run that is killed and resumed ends as the run that never was."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from paddleseg_u2net.training import checkpoint
from tests.training.runs import EVERY_SECOND, outcome, train

ROOT = Path(__file__).resolve().parents[2]
# A run that its own third step kills, while workers read ahead.
_KILLED = """
import json, os, signal, sys
import paddleseg_u2net
from paddleseg_u2net.training.step import EMA
from tests.training.runs import EVERY_SECOND, train
update = EMA.update
def killed(average, model, step):
    if step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    update(average, model, step)
EMA.update = killed
train(json.loads(sys.argv[1]), sys.argv[2], num_workers=2, **EVERY_SECOND)
"""


def test_killed_and_resumed_is_bit_identical(tmp_path, six, whole):
    words = [sys.executable, "-c", _KILLED, json.dumps(six), str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert checkpoint.latest(tmp_path).name == "iter_2"
    train(six, tmp_path, num_workers=2, resume_model=str(tmp_path), **EVERY_SECOND)
    # with the SHA-256 of all files
    assert outcome(tmp_path) == outcome(whole)
