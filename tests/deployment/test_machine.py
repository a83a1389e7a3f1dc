"""What the benchmarks measure with: calls in turn, a process's time and memory."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

_PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "machine.py"


@pytest.fixture(scope="module")
def machine():
    spec = importlib.util.spec_from_file_location("benchmarks_machine", _PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_machine_has_a_name_and_a_load(machine):
    text = machine.describe()
    assert "cores" in text and "load average" in text


def test_calls_go_in_turn_and_the_first_round_is_not_counted(machine):
    called = []
    calls = {name: lambda name=name: called.append(name) for name in "ab"}
    times = machine.in_turn(calls, rounds=2)
    assert called == ["a", "b"] * 3
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 2, "b": 2}


def python(machine, program, **env):
    return machine.run([sys.executable, "-c", program], {**os.environ, **env})


def test_a_process_is_timed_with_its_memory(machine):
    found = python(
        machine,
        "import os, time; x = bytearray(200 << 20); time.sleep(float(os.environ['NAP']))",
        NAP="0.4",
    )
    assert 0.4 <= found.seconds < 20
    assert 200 << 20 < found.peak < 400 << 20
    assert found.peak_of_all == found.peak


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it needs Linux's /proc")
def test_the_memory_of_children_is_added(machine):
    child = "import time; x = bytearray(100 << 20); time.sleep(1)"
    program = "import subprocess, sys; x = bytearray(60 << 20); "
    program += f"subprocess.run([sys.executable, '-c', {child!r}])"
    found = python(machine, program)
    assert 100 << 20 < found.peak < 160 << 20 < found.peak_of_all < 220 << 20


def test_a_process_that_fails_shows_what_it_said(machine):
    with pytest.raises(SystemExit, match=r"(?s)ended with 3.*no such picture"):
        python(machine, "print('no such picture'); raise SystemExit(3)")
