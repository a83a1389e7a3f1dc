"""A run that is ended by a signal: what it saves, and that it goes on as if nobody had."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from paddleseg_u2net import env, signals
from paddleseg_u2net.signals import Terminated
from paddleseg_u2net.training import checkpoint, step, trainer
from paddleseg_u2net.training.step import EMA
from tests.training.runs import EVERY_SECOND, outcome, train

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals")


def signal_at(monkeypatch, owner, name, number, sent=signal.SIGTERM):
    """Send a signal within the ``number``-th call of a function."""
    function, calls = getattr(owner, name), []

    def called(*args, **kwargs):
        calls.append(name)
        if len(calls) == number:
            signal.raise_signal(sent)
        return function(*args, **kwargs)

    monkeypatch.setattr(owner, name, called)


# Each validation calls `evaluate` and, for a better model, `checkpoint.save` twice: itself, EMA.
@pytest.mark.parametrize(
    "owner, name, number, saved",
    [
        (EMA, "update", 1, 1),
        (trainer, "evaluate", 1, 2),
        (trainer, "evaluate", 4, 4),  # of the average, whose weights are in the model
        (step, "_set_weights", 4, 4),  # back from the average
        (trainer.Trainer, "_has_waited_enough", 1, 2),
        (checkpoint, "save", 3, 2),  # iter_2
        (checkpoint, "tidy", 3, 4),  # the first is before the first step
        (trainer.TrainingLogger, "data_read", 4, 3),  # no step has begun
    ],
)
def test_saved_and_resumed_is_bit_identical(
    monkeypatch, tmp_path, six, whole, owner, name, number, saved
):
    with monkeypatch.context() as patch, pytest.raises(Terminated) as error:
        signal_at(patch, owner, name, number)
        train(six, tmp_path, save_on_term=True, **EVERY_SECOND)
    assert error.value.code == 143
    assert checkpoint.latest(tmp_path).name == f"iter_{saved}"
    assert not list(tmp_path.glob(".*"))
    train(six, tmp_path, resume_model=str(tmp_path), **EVERY_SECOND)
    assert outcome(tmp_path) == outcome(whole)


@pytest.mark.parametrize(
    "saves, number, words",
    [
        (True, 3, "Saved {run}/iter_3; go on with --resume_model {run}"),
        (False, 3, "Ended at iter 3; {run}/iter_2 is saved: go on"),
        (False, 1, "Ended at iter 1; nothing is saved"),
    ],
)
def test_ctrl_c_says_what_is_kept(monkeypatch, tmp_path, tiny, log, saves, number, words):
    signal_at(monkeypatch, EMA, "update", number, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), signals.heard():
        train(tiny, tmp_path, use_ema=True, save_interval=2, save_on_term=saves)
    assert words.format(run=tmp_path) in log.text


def test_a_validation_that_fails_is_made_up_for(monkeypatch, tmp_path, six, whole):
    def fails(*_):
        raise ValueError("a broken picture")

    with monkeypatch.context() as patch, pytest.raises(ValueError, match="a broken picture"):
        patch.setattr(trainer, "evaluate", fails)
        train(six, tmp_path, **EVERY_SECOND)
    train(six, tmp_path, resume_model=str(tmp_path), **EVERY_SECOND)
    assert outcome(tmp_path) == outcome(whole)


def test_asked_for_nothing_a_run_sets_no_handler(monkeypatch, tmp_path, tiny):
    got = []
    before = signal.signal(signal.SIGTERM, lambda *_: got.append("mine"))
    try:
        signal_at(monkeypatch, EMA, "update", 3)
        train(tiny, tmp_path, use_ema=True)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert got == ["mine"] and checkpoint.latest(tmp_path).name == "iter_4"


def test_trains_in_any_thread(tmp_path, tiny):
    thread = threading.Thread(target=train, args=(tiny, tmp_path), kwargs={"save_on_term": True})
    thread.start()
    thread.join()
    assert checkpoint.latest(tmp_path).name == "iter_4"


def test_the_command_and_its_workers_end(tmp_path, tiny):
    tiny["iters"] = 100000
    (tmp_path / "config.yml").write_text(yaml.safe_dump(tiny))
    command = [sys.executable, "tools/train.py", "--config", str(tmp_path / "config.yml")]
    command += ["--save_dir", str(tmp_path / "run"), "--num_workers", "2", "--log_iters", "1"]
    command += ["--device", "cpu", "--save_on_term"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    child = subprocess.Popen(command, cwd=ROOT, **pipes, start_new_session=True)
    try:
        line = next(line for line in child.stdout if "iter: 5/" in line)
        os.killpg(child.pid, signal.SIGTERM)
        # Workers hold the pipes, too: their end comes when all have ended.
        said, error = child.stdout.read(), child.stderr.read()
        child.wait(60)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
    assert child.returncode == 143, error
    assert error.splitlines()[-1] == "Terminated by SIGTERM."
    assert "Traceback" not in error
    steps = [line, *(other for other in said.splitlines() if "[TRAIN]" in other)]
    last = steps[-1].partition("iter: ")[2].partition("/")[0]
    assert checkpoint.latest(tmp_path / "run").name == f"iter_{last}"


@pytest.mark.parametrize(
    "vendor, flags, given, expected",
    [
        ("AuthenticAMD", "sse avx2 fma", None, "5"),
        ("AuthenticAMD", "sse avx2 fma", "", ""),
        ("GenuineIntel", "sse avx2 fma", None, None),
    ],
)
def test_mkl_is_told_about_amd(monkeypatch, log, vendor, flags, given, expected):
    said = f"vendor_id\t: {vendor}\nflags\t\t: {flags}\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: said)
    monkeypatch.setenv("MKL_DEBUG_CPU_TYPE", given or "")  # restored afterwards, whatever it is
    if given is None:
        del os.environ["MKL_DEBUG_CPU_TYPE"]
    env.load_paddle()  # too late, it is loaded: nothing is claimed
    assert os.environ.get("MKL_DEBUG_CPU_TYPE") == given and not log.text
    monkeypatch.delitem(sys.modules, "paddle")
    said = env._set_environment()
    assert os.environ.get("MKL_DEBUG_CPU_TYPE") == expected
    assert said == (given is None and expected == "5")
