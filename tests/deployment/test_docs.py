"""What docs/deployment.md tells people to type is understood by the programs that it names."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from paddleseg_u2net.inference import Preprocess
from paddleseg_u2net.io.images import write_image
from tests.deployment.folders import export

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.M | re.S)


def _lines():
    for language, block in BLOCKS:
        if language == "":
            yield from block.replace("\\\n", " ").splitlines()


COMMANDS = [line for line in _lines() if line.startswith("python ")]


def test_there_are_commands():
    assert len([line for line in COMMANDS if "tools/" in line]) > 8


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_understood(line):
    _, script, *arguments = shlex.split(line, comments=True)
    assert (ROOT / script).is_file()
    if script.startswith("tools/"):
        command = importlib.import_module(f"paddleseg_u2net.commands.{Path(script).stem}")
        command._arguments(arguments)
        return
    source = "".join(path.read_text() for path in (ROOT / "benchmarks").glob("*.py"))
    for flag in (word for word in arguments if word.startswith("--")):
        assert f'"{flag}"' in source


def test_configurations_and_pages_that_are_named_exist():
    named = re.findall(r"configs/[\w/.]+\.yaml", TEXT)
    named += [f"docs/{link}" for link in re.findall(r"\]\((\w+\.md)", TEXT)]
    assert named
    for path in named:
        assert (ROOT / path).is_file(), path


def test_python_runs(tmp_path, monkeypatch):
    """In a folder with the pictures and the model that the lines name."""
    pytest.importorskip("onnxruntime")
    pictures = {"photo.jpg": (30, 40), "one.jpg": (20, 50), "another.png": (64, 33)}
    for name, shape in pictures.items():
        write_image(tmp_path / name, np.full((*shape, 3), 90, np.uint8))
    export(tmp_path / "exported" / "int8", Preprocess((64, 48)))
    monkeypatch.chdir(tmp_path)
    for block in [block for language, block in BLOCKS if language == "python"]:
        found = {}
        exec(compile(block, "docs/deployment.md", "exec"), found)
        assert found["predict"]("photo.jpg").shape == (30, 40)
        assert [mask.shape for mask in found["masks"]] == [(20, 50), (64, 33)]


def test_keys_of_the_description_are_all_explained():
    from dataclasses import fields

    from paddleseg_u2net.inference.description import Description

    table = TEXT.split("### description.json")[1].split("\n## ")[0]
    for item in fields(Description):
        assert f"`{item.name}`" in table


def test_the_tables_of_formats_and_backends_are_true():
    from paddleseg_u2net.export.formats import FORMATS
    from paddleseg_u2net.inference.backends import BACKENDS

    rows = [line.split("|") for line in TEXT.splitlines() if line.startswith("| `")]
    formats = [row for row in rows if len(row) > 4 and "model." in row[-2]]
    assert len(formats) == 4
    for row in formats:
        name = row[1].split("`")[1]
        assert row[2].strip() == ", ".join(FORMATS[name].precisions)
    named = {row[1].split("`")[1] for row in rows}
    assert {"paddle", "paddle-inference", "onnxruntime", "openvino", "ncnn"} <= named & {*BACKENDS}
