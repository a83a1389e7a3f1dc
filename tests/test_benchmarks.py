"""Benchmarks are run by hand; that they still find what they import is seen here."""

import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.py")))
def test_a_benchmark_can_be_loaded(name, monkeypatch):
    if name == "pytorch_network.py":
        pytest.importorskip("torch")
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    assert runpy.run_path(str(FOLDER / name), run_name="loaded")["__doc__"]
