"""What an exported folder says of itself, and what is refused of a damaged one."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace

import pytest

from paddleseg_u2net import __version__
from paddleseg_u2net.inference import Preprocess
from paddleseg_u2net.inference.description import (
    NAME,
    Description,
    ExportError,
    described_preprocess,
    exported_folder,
    read_description,
    sealed,
    write_description,
)

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def described():
    return Description(
        format="onnx",
        precision="int8",
        output="argmax",
        shape=(None, 4, 320, 256),
        num_classes=3,
        classes=("nothing", "café", "猫"),
        preprocess=described_preprocess(Preprocess([256, 320], channels=4, type="zoo")),
        files={"model.onnx": EMPTY},
        source={"file": "u2netp.pth", "sha256": "12" * 32},
        versions={"paddleseg_u2net": __version__},
        compared={"images": 4, "largest": 0.001},
        guard={"tolerance": 0.001, "kept": ["side1"]},
    )


@pytest.fixture
def folder(tmp_path, described):
    (tmp_path / "model.onnx").write_bytes(b"")
    write_description(tmp_path, described)
    return tmp_path


def changed(folder, **changes):
    """Write the description with other values by key; `...` takes a key away."""
    content = json.loads((folder / NAME).read_text(encoding="utf-8"))
    content.update(changes)
    del content["description_sha256"]
    content = {key: value for key, value in content.items() if value is not ...}
    (folder / NAME).write_bytes(sealed(content))


def refusal(folder):
    with pytest.raises(ExportError) as error:
        read_description(folder)
    assert str(folder) in str(error.value)
    return str(error.value)


def test_what_is_written_is_read(folder, described):
    for path in (folder, str(folder)):
        assert read_description(path) == described
    assert described_preprocess(described.make_preprocess()) == described.preprocess
    assert "café" in (folder / NAME).read_text(encoding="utf-8")  # for people, too


def test_no_flipped_bit_gives_other_settings(folder, described):
    whole = (folder / NAME).read_bytes()
    for bit in random.Random(0).sample(range(8 * len(whole)), 1000):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        (folder / NAME).write_bytes(flipped)
        try:
            assert read_description(folder) == described  # white space
        except ExportError as error:
            assert str(folder) in str(error)


def test_a_change_on_purpose_is_told_its_checksum(folder, described):
    path = folder / NAME
    path.write_bytes(path.read_bytes().replace(b"nothing", b"beach"))
    says = refusal(folder)
    assert "description_sha256" in says and "if you changed it on purpose, write " in says
    old = json.loads(path.read_bytes())["description_sha256"]
    path.write_bytes(path.read_bytes().replace(old.encode(), says[-64:].encode()))
    assert read_description(folder) == replace(described, classes=("beach", "café", "猫"))


def test_line_ends_of_windows_change_nothing(folder, described):
    path = folder / NAME
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_description(folder) == described


def test_an_export_is_found_by_any_of_its_files(folder, tmp_path):
    for name in ("", NAME, "model.onnx"):
        assert exported_folder(folder / name) == folder
    for other in (tmp_path / "nowhere", tmp_path / "nowhere/model.onnx", folder / "u2netp.onnx"):
        assert exported_folder(other) is None


def test_other_folders_are_no_exports(tmp_path):
    says = refusal(tmp_path)
    assert NAME in says and "tools/export.py" in says


def test_the_models_file_is_the_described_one(folder):
    (folder / "model.onnx").write_bytes(b"x")
    says = refusal(folder)
    assert f"{folder / 'model.onnx'}: expected the file" in says and EMPTY[:12] in says
    (folder / "model.onnx").unlink()
    assert "found nothing" in refusal(folder)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        *((damaged, "damaged") for damaged in (b"", b"{", b"\xff\xfe", b"[" * 100_000)),
        (b'{"description_version": ' + b"1" * 5000 + b"}", NAME),
        *((other, "other JSON") for other in (b"[]", b"{}", b"null", b'{"format": "onnx"}')),
        (b'{"description_version": 3, "versions": {"own": "9.9"}}', "version 3 .*reads 2.*9.9"),
    ],
)
def test_other_texts_are_refused(folder, content, says):
    (folder / NAME).write_bytes(content)
    assert re.search(says, refusal(folder))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        *(({"files": {name: EMPTY}}, "files: ") for name in ("../a", "/etc/passwd", "b/a", "..")),
        ({"files": 3}, "not iterable"),
        ({"more": 1}, "unexpected keyword argument 'more'"),
        ({"output": ...}, "'output'"),
        ({"shape": None}, "not iterable"),
        ({"preprocess": {"type": "other"}}, "there is no 'other'"),
        ({"preprocess": {"channels": 4, "mean": [0.5]}}, "4 numbers"),
    ],
)
def test_values_that_cannot_be(folder, changes, says):
    changed(folder, **changes)
    assert says in refusal(folder)
