"""What an exported folder says of itself, and what is refused of a damaged one."""

from __future__ import annotations

import hashlib
import json
import logging
import random
from dataclasses import replace

import pytest

from paddleseg_u2net import __version__
from paddleseg_u2net.inference import Preprocess
from paddleseg_u2net.inference.description import (
    NAME,
    VERSION,
    Description,
    ExportError,
    checksum,
    described_preprocess,
    exported_folder,
    is_export,
    read_description,
    sealed,
    write_description,
)

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
# head -c 3000000 /dev/zero | tr '\0' a | sha256sum
SUM_OF_MANY = "2a152c894398719c0570f83fac34ac03a0f6e8e474b995c2403aa5434f7b9dd4"


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
    for path in (folder, str(folder), folder / NAME):
        assert read_description(path) == described
        assert is_export(path)
    assert described.in_channels == 4
    assert described_preprocess(described.make_preprocess()) == described.preprocess
    assert "café" in (folder / NAME).read_text(encoding="utf-8")  # for people, too


def test_the_checksum_is_of_all_text_before_it(folder):
    text = (folder / NAME).read_text(encoding="utf-8")
    before, key, after = text.partition('"description_sha256"')
    assert key and after == f': "{hashlib.sha256(before.encode()).hexdigest()}"\n}}\n'


def test_no_flipped_bit_gives_other_settings(folder, described):
    whole = (folder / NAME).read_bytes()
    taken, bits = [], range(8 * len(whole))
    version_and_seal = [*bits[: 8 * 40], *bits[-8 * 100 :]]
    for bit in {*random.Random(0).sample(bits, 3000), *version_and_seal}:
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        (folder / NAME).write_bytes(flipped)
        try:
            assert read_description(folder) == described
            taken.append(bit)
        except ExportError as error:
            assert str(folder) in str(error)
    assert len(taken) <= 2  # white space behind the checksum's key


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


@pytest.mark.parametrize("key", ["description_sha256", "description_sha25"])
def test_without_its_checksum(folder, key):
    content = json.loads((folder / NAME).read_bytes())
    content[key] = content.pop("description_sha256") if key[-1] == "5" else None
    (folder / NAME).write_text(json.dumps(content))
    assert "description_sha25" in refusal(folder)


def test_older_descriptions_have_none_and_the_log_says_so(folder, described, caplog):
    content = {**json.loads((folder / NAME).read_bytes()), "description_version": 1}
    (folder / NAME).write_text(json.dumps(content))
    assert "description_sha256: not known" in refusal(folder)
    del content["description_sha256"]
    (folder / NAME).write_text(json.dumps(content))
    with caplog.at_level(logging.WARNING, "paddleseg_u2net"):
        assert read_description(folder) == described
    assert "without a checksum of its own" in caplog.text


def test_a_picture_keeps_its_size_where_no_size_is_named(folder, described):
    preprocess = described_preprocess(Preprocess(channels=4))
    write_description(folder, replace(described, preprocess=preprocess))
    assert read_description(folder).make_preprocess().size is None


def test_an_export_is_found_by_any_of_its_files(folder, tmp_path):
    for name in ("", NAME, "model.onnx"):
        assert exported_folder(folder / name) == folder
    for other in (tmp_path / "nowhere", tmp_path / "nowhere/model.onnx", folder / "u2netp.onnx"):
        assert exported_folder(other) is None


def test_other_folders_are_no_exports(tmp_path):
    assert not is_export(tmp_path) and not is_export(tmp_path / "nowhere")
    (tmp_path / "other.json").write_text("{}")
    assert not is_export(tmp_path / "other.json")
    says = refusal(tmp_path)
    assert NAME in says and "tools/export.py" in says


def test_checksum_is_that_of_the_bytes(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert checksum(tmp_path / "empty") == EMPTY
    (tmp_path / "large").write_bytes(b"a" * 3_000_000)
    assert checksum(tmp_path / "large") == SUM_OF_MANY


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1", b"nothing", b"[" * 100_000])
def test_damaged_text(folder, content):
    (folder / NAME).write_bytes(content)
    assert "damaged" in refusal(folder)


@pytest.mark.parametrize("content", ["[]", "{}", '"text"', "null", '{"format": "onnx"}'])
def test_other_json(folder, content):
    (folder / NAME).write_text(content)
    assert "other JSON" in refusal(folder)


def test_a_cut_description(folder):
    text = (folder / NAME).read_bytes()
    for length in range(0, len(text) - 2, 37):
        (folder / NAME).write_bytes(text[:length])
        assert "damaged" in refusal(folder)


@pytest.mark.parametrize("versions", [{"paddleseg_u2net": "9.9"}, {}, None, ["x"]])
def test_another_version(folder, versions):
    changed(folder, description_version=VERSION + 1, versions=versions)
    says = refusal(folder)
    assert f"version {VERSION + 1}" in says and f"reads {VERSION}" in says
    assert ("9.9" in says) == (versions == {"paddleseg_u2net": "9.9"})


@pytest.mark.parametrize("length", [0, 1])
def test_a_file_that_is_not_the_described_one(folder, length):
    (folder / "model.onnx").write_bytes(b"x" * (length + 1))
    says = refusal(folder)
    assert f"{folder / 'model.onnx'}: it is not the file" in says and EMPTY[:12] in says


def test_a_missing_file(folder):
    (folder / "model.onnx").unlink()
    assert "the model's file is missing" in refusal(folder)


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", "sub/model.onnx", "", ".", ".."])
def test_files_outside_of_the_folder(folder, name):
    changed(folder, files={name: EMPTY})
    assert "files: expected names in this folder" in refusal(folder)


KEYS = list(Description.__dataclass_fields__)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_there(folder, key):
    changed(folder, **{key: ...})
    assert f"{key}: missing" in refusal(folder)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [None, "text", 0, -1, [], [None], 1.5, True])
def test_values_of_a_wrong_kind(folder, key, value):
    if value == "text" and key in ("format", "precision"):
        return
    changed(folder, **{key: value})
    assert f"{key}: " in refusal(folder)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"more": 1}, "more: not known"),
        ({"format": ""}, "format: expected its name"),
        ({"output": "logits"}, "output: expected one of probability"),
        ({"shape": [1, 4, 320]}, "shape: expected"),
        ({"shape": [1, None, 320, 320]}, "shape: expected"),
        ({"shape": [1, 4, 0, 320]}, "shape: expected"),
        ({"shape": [1, 4, "320", 320]}, "shape: expected"),
        ({"shape": [1, 3, 320, 320]}, "preprocess: expected 3 channels as in shape, got 4"),
        ({"num_classes": 2}, "classes: expected 2 names"),
        ({"num_classes": 1}, "classes: expected 2 names"),
        ({"classes": ["a", "b", 3]}, "classes: expected 3 names"),
        ({"preprocess": {}}, "preprocess: expected 4 channels"),
        ({"preprocess": {"type": "other"}}, "there is no 'other'"),
        ({"preprocess": {"colour": 1}}, "colour"),
        ({"preprocess": {"channels": 4, "size": [1]}}, "preprocess.size: "),
        ({"preprocess": {"channels": 4, "size": ["a", "b"]}}, "preprocess.size: "),
        ({"preprocess": {"channels": 4, "mean": [0.5]}}, "expected 4 numbers"),
        ({"preprocess": {"channels": 4, "std": 3}}, "preprocess: "),
        ({"preprocess": {"channels": 4, "std": [0, 1, 1, 1]}}, "preprocess.std: "),
        ({"preprocess": {"channels": 4, "std": [float("nan")] * 4}}, "preprocess.std: "),
        ({"preprocess": {"channels": 4, "mean": [float("inf")] * 4}}, "preprocess.mean: "),
        ({"preprocess": {"channels": 4, "size": [0, 5]}}, "preprocess.size: "),
        ({"preprocess": {"channels": 4, "size": [-5, 5]}}, "preprocess.size: "),
        ({"preprocess": {"channels": 4, "size": [5, 5.5]}}, "preprocess.size: "),
        ({"preprocess": {"channels": 4, "size": [5, 5, 5]}}, "preprocess.size: "),
        ({"preprocess": {"channels": 4, "size": [10**6, 5]}}, "preprocess.size: "),
    ],
)
def test_values_that_cannot_be(folder, changes, says):
    changed(folder, **changes)
    assert says in refusal(folder)


def test_a_number_too_long_to_be_read(folder):
    (folder / NAME).write_text('{"description_version": ' + "1" * 5000 + "}")
    assert NAME in refusal(folder)
