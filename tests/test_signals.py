"""A signal ends a process soon and in order, whatever it is doing, with a scheduler's exit code."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paddleseg_u2net import signals

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals")

# A program that is a command; WORK is what it does when the signal comes.
COMMAND = """
import contextlib, hashlib, signal, sys, time
from paddleseg_u2net import commands, signals

class Module:
    def run(argv):
        print("runs", flush=True)
        WORK
        print("done", flush=True)
        return 0

commands.importlib.import_module = lambda name: Module
commands.end_by("train", [])
"""


def started(work, **more):
    """The program, when it works."""
    code = COMMAND.replace("WORK", work.replace("\n", "\n        "))
    command = [sys.executable, "-c", code]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
    child = subprocess.Popen(command, cwd=ROOT, **pipes)
    assert child.stdout.readline() == "runs\n"
    time.sleep(0.1)
    return child


def ended(child, seconds=30):
    """(exit code, what it said, on standard error)"""
    try:
        out, error = child.communicate(timeout=seconds)
    finally:
        child.kill()
    return child.returncode, out, error


@pytest.mark.parametrize(
    "name, code, word, work",
    [
        ("SIGTERM", 143, "Terminated by SIGTERM.\n", "time.sleep(60)"),
        ("SIGINT", 130, "Interrupted.\n", "time.sleep(60)"),
        ("SIGHUP", 129, "Terminated by SIGHUP.\n", "time.sleep(60)"),
        # whatever exception it becomes
        ("SIGTERM", 143, "Terminated by SIGTERM.\n",
         "try: time.sleep(60)\nexcept BaseException: raise ValueError('a worker died')"),
    ],
)  # fmt: skip
def test_code_and_one_line(name, code, word, work):
    child = started(work)
    child.send_signal(getattr(signal, name))
    assert ended(child) == (code, "", word)


def test_a_long_call_of_c_ends_first():
    child = started("hashlib.pbkdf2_hmac('sha256', b'x', b'x', 10**6)\nprint('goes on')")
    child.send_signal(signal.SIGTERM)
    assert ended(child) == (143, "", "Terminated by SIGTERM.\n")


def test_output_that_nobody_reads():
    child = started("while True: print('x' * 7)", stderr=subprocess.STDOUT)
    time.sleep(0.5)  # the pipe is full
    child.send_signal(signal.SIGTERM)
    try:
        assert child.wait(30) == 143
    finally:
        child.kill()


def test_held_until_the_work_is_done():
    child = started("with signals.held():\n    time.sleep(1)\n    print('saved')")
    child.send_signal(signal.SIGTERM)
    assert ended(child) == (143, "saved\n", "Terminated by SIGTERM.\n")


def test_a_second_signal_ends_at_once():
    child = started("with signals.held():\n    time.sleep(60)")
    child.send_signal(signal.SIGTERM)
    child.send_signal(signal.SIGTERM)  # a launcher's, of the same kill
    time.sleep(2.5)
    assert child.poll() is None
    child.send_signal(signal.SIGINT)
    assert ended(child) == (143, "", "Terminated by SIGTERM.\n")


def test_ignored_signals_stay_ignored():
    child = started(
        "time.sleep(1)", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    child.send_signal(signal.SIGHUP)
    assert ended(child) == (0, "done\n", "")


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in signals.ENDING]
    with signals.heard():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in signals.ENDING] == before


PROGRAM = """
import signal, sys, threading, time
def mine(number, frame):
    print("mine", flush=True)
    sys.exit(7)
def caught():  # as bits, of the signals that have names
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt")) % 2**31
signal.signal(signal.SIGTERM, mine)
before = caught()
from paddleseg_u2net.env import load_paddle
thread = threading.Thread(target=load_paddle)
thread.start()
thread.join()
print(before == caught(), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="handlers are read in /proc")
def test_a_programs_own_handlers_outlive_paddle():
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "True\n"
    child.send_signal(signal.SIGTERM)
    assert child.communicate(timeout=30)[0] == "mine\n" and child.returncode == 7
