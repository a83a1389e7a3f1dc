"""What the benchmarks measure with: calls in turn, a process's time and memory."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

_PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "machine.py"


def test_calls_go_in_turn_and_processes_are_timed():
    spec = importlib.util.spec_from_file_location("benchmarks_machine", _PATH)
    machine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(machine)
    called = []
    times = machine.in_turn({name: lambda name=name: called.append(name) for name in "ab"}, 2)
    assert called == ["a", "b"] * 3 and {*map(len, times.values())} == {2}
    program = "import time; x = bytearray(200 << 20); time.sleep(0.4)"
    found = machine.run([sys.executable, "-c", program], dict(os.environ))
    assert found.seconds >= 0.4 and 200 << 20 < found.peak == found.peak_of_all
