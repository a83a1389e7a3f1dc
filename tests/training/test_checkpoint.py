"""Checkpoints appear whole or not at all, and say when they are not what was saved."""

import os
import signal

import numpy as np
import pytest

from paddleseg_u2net.training import checkpoint
from paddleseg_u2net.training.checkpoint import CheckpointError
from paddleseg_u2net.weights import read_pickle


def _weights(value: float) -> dict:
    return {"a.conv_s1.weight": np.full([2, 1, 3, 3], value, np.float32)}


def _save(folder, value: float) -> None:
    checkpoint.save(
        folder, _weights(value), "iters: 1\n", {"iteration": int(value)}, {"m": np.ones(2)}
    )


def _value(folder) -> float:
    return float(read_pickle(folder / "model.pdparams")["a.conv_s1.weight"].flat[0])


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_file_is_named(tmp_path, damage):
    folder = tmp_path / "iter_3"
    _save(folder, 3)
    path = folder / "model.pdparams"
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[:-1])
    elif damage == "changed":
        path.write_bytes(content[:-5] + b"\0" + content[-4:])
    else:
        path.unlink()
    with pytest.raises(CheckpointError, match="model.pdparams: this file is missing, cut"):
        checkpoint.load_state(folder)


def test_the_latest_is_the_highest_iteration(tmp_path):
    for number in (9, 10, 100):
        _save(tmp_path / f"iter_{number}", number)
    (tmp_path / "iter_best").mkdir()
    (tmp_path / ".iter_200.tmp-1-x").mkdir()
    assert checkpoint.latest(tmp_path).name == "iter_100"
    assert checkpoint.latest(tmp_path / "iter_9").name == "iter_9"


def test_without_a_checkpoint_the_error_says_what_to_give(tmp_path):
    with pytest.raises(CheckpointError, match="expected a checkpoint or a folder of them"):
        checkpoint.latest(tmp_path)


# The calls by which files come into being or vanish; a process is killed at each in turn.
_CALLS = ("fsync", "rename", "replace", "unlink", "rmdir")


def _die_at(call_number: int) -> None:
    count = 0

    def dying(original):
        def call(*args, **kwargs):
            nonlocal count
            count += 1
            if count == call_number:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return call

    for name in _CALLS:
        setattr(os, name, dying(getattr(os, name)))


def _in_a_child(action, call_number: int) -> bool:
    """Whether ``action`` was killed at that call."""
    pid = os.fork()
    if pid == 0:
        _die_at(call_number)
        action()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def test_killed_at_any_call_a_whole_checkpoint_is_there(tmp_path):
    for call_number in range(1, 60):
        run = tmp_path / str(call_number)
        best = run / "best_model"
        _save(best, 1)
        died = _in_a_child(lambda best=best: _save(best, 2), call_number)
        checkpoint.recover(run)
        assert checkpoint.load_state(best)["iteration"] == _value(best)
        assert _value(best) in ((1, 2) if died else (2,))
        assert [path.name for path in run.iterdir()] == ["best_model"]
        if not died:
            break
    assert call_number > 5
