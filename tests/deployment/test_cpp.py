"""The C++ sample gives the maps of this package, and says what is wrong with what it is given."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from paddleseg_u2net.inference import Preprocess, classes_of
from paddleseg_u2net.inference.description import sealed
from paddleseg_u2net.predictor.load import load_model
from tests.deployment.folders import export

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "cpp"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """The sample, built against the OpenVINO of this Python."""
    for tool in ("cmake", "c++"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool} to build the C++ sample with")
    pytest.importorskip("onnx")
    utils = pytest.importorskip("openvino.utils", reason="the C++ sample is built against OpenVINO")
    build = tmp_path_factory.mktemp("cpp")
    commands = [
        ["cmake", "-S", SOURCE, "-B", build, f"-DOpenVINO_DIR={utils.get_cmake_path()}"],
        ["cmake", "--build", build],
    ]
    environment = {**os.environ, "CXXFLAGS": "-Wall -Wextra -Werror"}
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    return build / "predict"


def call(program, *arguments):
    """(exit code, what it says) of the sample."""
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == ""
    return done.returncode, done.stderr


def picture(height, width, channels=3, seed=0):
    """A smooth, dim picture with a sharp square, so that each recipe gives another map."""
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    image = np.random.default_rng(seed).normal(100, 3, (height, width, channels))
    for c in range(channels):
        image[..., c] += 40 * np.sin(rows / (9 + 4 * c) + c) + 40 * np.cos(columns / (7 + 3 * c))
    image[height // 3 : height // 2, width // 4 : width // 2] = 180
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def write_pnm(path, image, comment=""):
    magic = "P6" if image.shape[2] == 3 else "P5"
    header = f"{magic}\n{comment}{image.shape[1]} {image.shape[0]}\n255\n"
    path.write_bytes(header.encode() + image.tobytes())
    return path


def read_pgm(path):
    magic, size, white, pixels = path.read_bytes().split(b"\n", 3)
    assert (magic, white) == (b"P5", b"255")
    width, height = map(int, size.split())
    return np.frombuffer(pixels, np.uint8).reshape(height, width)


def expected(folder, image):
    """Probabilities (K, H, W) of the same folder in Python."""
    pytest.importorskip("onnxruntime")
    return load_model(folder, backend="onnxruntime").pipeline(image)


@pytest.mark.parametrize("recipe", ["paddleseg", "official"])
@pytest.mark.parametrize("shape", [(90, 150), (64, 48), (1, 200)])
def test_maps_are_those_of_the_package(program, tmp_path, recipe, shape):
    preprocess = Preprocess((64, 48), type=recipe)
    folder = export(tmp_path / "model", preprocess)
    image = picture(*shape)
    code, said = call(
        program, folder, write_pnm(tmp_path / "in.ppm", image, "# 1 2 3\n"), tmp_path / "out.pgm"
    )
    assert (code, said) == (0, "")
    ours = expected(folder, image)[0] * 255
    theirs = read_pgm(tmp_path / "out.pgm")
    assert theirs.shape == shape
    assert np.abs(theirs - ours).max() <= 1.05  # of 255; half a level is lost in writing
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.ppm", "model", "out.pgm"]


def test_openvino_files_and_a_number_of_threads(program, tmp_path):
    preprocess = Preprocess((64, 48))
    image = picture(70, 81)
    source = write_pnm(tmp_path / "in.ppm", image)
    found = []
    for form in ("onnx", "openvino"):
        folder = export(tmp_path / form, preprocess, form=form)
        assert call(program, folder, source, tmp_path / f"{form}.pgm", 1) == (0, "")
        found.append(read_pgm(tmp_path / f"{form}.pgm").astype(int))
    assert np.abs(found[0] - found[1]).max() <= 1


def test_classes_grey_pictures_and_their_own_size(program, tmp_path):
    preprocess = Preprocess(channels=1)
    folder = export(tmp_path / "model", preprocess, num_classes=3, in_channels=1)
    image = picture(50, 70, 1)
    source = write_pnm(tmp_path / "in.pgm", image)
    assert call(program, folder, source, tmp_path / "out.pgm") == (0, "")
    ours, theirs = classes_of(expected(folder, image)), read_pgm(tmp_path / "out.pgm")
    assert len(np.unique(ours)) > 1
    assert np.mean(ours != theirs) < 0.002


@pytest.mark.parametrize(("num_classes", "form"), [(1, "onnx"), (3, "openvino")])
def test_models_that_give_class_numbers(program, tmp_path, num_classes, form):
    image = picture(48, 64)
    source, masks = write_pnm(tmp_path / "in.ppm", image), []
    for output in ("probability", "argmax"):
        folder = export(tmp_path / output, Preprocess(), num_classes, form, output=output)
        assert call(program, folder, source, tmp_path / f"{output}.pgm") == (0, "")
        masks.append(read_pgm(tmp_path / f"{output}.pgm"))
    ours = (masks[0] >= 128) * np.uint8(255) if num_classes == 1 else masks[0]
    assert len(np.unique(masks[1])) > 1
    assert np.mean(ours != masks[1]) < 0.002


def test_arguments_that_do_not_fit(program, tmp_path):
    folder = export(tmp_path / "model", Preprocess((64, 48)))
    source = write_pnm(tmp_path / "in.ppm", picture(20, 20))
    assert call(program)[0] == 2 and "usage" in call(program, folder)[1]
    code, said = call(program, folder, source, tmp_path / "out.pgm", "none")
    assert code == 2 and "threads" in said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"", "expected a binary PPM"),
        (b"P6\n-5 4\n255\n", "header is damaged"),
        (b"P6\n5 4\n65535\n" + bytes(120), "8 bits"),
        (b"P6\n5 4\n255\n" + bytes(59), "ends early"),
        (b"P5\n5 4\n255\n" + bytes(20), "takes pictures of 3 channels, this has 1"),
    ],
)
def test_pictures_that_are_damaged(program, tmp_path, content, says):
    folder = export(tmp_path / "model", Preprocess((64, 48)))
    source = tmp_path / "in.ppm"
    if content is not None:
        source.write_bytes(content)
    code, said = call(program, folder, source, tmp_path / "out.pgm")
    assert code == 1 and says in said
    assert not (tmp_path / "out.pgm").exists()


def test_a_mask_that_cannot_be_written(program, tmp_path):
    folder = export(tmp_path / "model", Preprocess((64, 48)))
    source = write_pnm(tmp_path / "in.ppm", picture(20, 20))
    code, said = call(program, folder, source, tmp_path / "missing" / "out.pgm")
    assert code == 1 and "cannot be written" in said
    code, said = call(program, folder, source, folder)
    assert code == 1 and "cannot be written" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.ppm", "model"]


def changed(**keys):
    def change(content):
        content.update(keys)

    return change


def resealed(**keys):
    """As somebody writes it who changes it on purpose."""

    def change(content):
        content.update(keys)
        del content["description_sha256"]
        return sealed(content)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (changed(description_version=3), "another version"),
        (changed(precision="fp16"), "not that of its text"),
        (lambda content: content.pop("description_sha256"), '"description_sha256" is missing'),
        (lambda content: content["preprocess"].update(std=[0.4, 0.5, 0.5]), "not that of its text"),
        (resealed(files={"other.onnx": ""}), "other.onnx: the model's file is missing"),
        (lambda content: content["preprocess"].update(type="zoo"), "not zoo"),
        (lambda content: content["preprocess"].update(fit=[{"long": 9}]), "preprocess.fit"),
        (changed(num_classes="one"), '"num_classes" is of a wrong kind'),
        (resealed(output="argmax"), "predict: "),
    ],
)
def test_descriptions_that_do_not_fit(program, tmp_path, change, says):
    folder = export(tmp_path / "model", Preprocess((64, 48)))
    path = folder / "description.json"
    content = json.loads(path.read_text())
    changed_text = change(content)
    is_text = isinstance(changed_text, bytes)
    path.write_bytes(changed_text if is_text else json.dumps(content).encode())
    source = write_pnm(tmp_path / "in.ppm", picture(20, 20))
    code, said = call(program, folder, source, tmp_path / "out.pgm")
    assert code == 1 and says in said


@pytest.mark.parametrize("content", ["", '{"a": "\\u12', "[" * 1000])
def test_descriptions_that_are_damaged(program, tmp_path, content):
    folder = export(tmp_path / "model", Preprocess((64, 48)))
    (folder / "description.json").write_text(content)
    source = write_pnm(tmp_path / "in.ppm", picture(20, 20))
    code, said = call(program, folder, source, tmp_path / "out.pgm")
    assert code == 1 and "not JSON" in said


def test_folders_that_are_no_exports(program, tmp_path):
    source = write_pnm(tmp_path / "in.ppm", picture(20, 20))
    code, said = call(program, tmp_path, source, tmp_path / "out.pgm")
    assert code == 1 and "expected the folder of an exported model" in said


def test_models_that_are_damaged(program, tmp_path):
    folder = export(tmp_path / "model", Preprocess((64, 48)))
    model = folder / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"\1")
    source = write_pnm(tmp_path / "in.ppm", picture(20, 20))
    code, said = call(program, folder, source, tmp_path / "out.pgm")
    assert (
        code == 1 and f"{model}: it is not the file that description.json was written for" in said
    )
    model.unlink()
    code, said = call(program, folder, source, tmp_path / "out.pgm")
    assert code == 1 and f"{model}: the model's file is missing" in said
    assert not (tmp_path / "out.pgm").exists()


def test_line_ends_of_windows_and_older_descriptions(program, tmp_path):
    folder = export(tmp_path / "model", Preprocess((64, 48)))
    path, source = folder / "description.json", write_pnm(tmp_path / "in.ppm", picture(20, 20))
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
    assert call(program, folder, source, tmp_path / "out.pgm") == (0, "")
    old = {**json.loads(whole), "description_version": 1}
    del old["description_sha256"]
    path.write_text(json.dumps(old))
    assert call(program, folder, source, tmp_path / "out.pgm") == (0, "")
