"""What is no file is named, and never waited for, as a pipe would be that nobody writes to."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest

from paddleseg_u2net import Predictor
from paddleseg_u2net.commands import main
from paddleseg_u2net.config.reading import read_yaml
from paddleseg_u2net.data_tools.annotations.sample import read_json, read_lines
from paddleseg_u2net.evaluation import fixation_files, loaders
from paddleseg_u2net.evaluation.plan import from_yaml
from paddleseg_u2net.inference.description import checksum
from paddleseg_u2net.io import files, images
from paddleseg_u2net.io.archives import unpack
from paddleseg_u2net.prediction import SALIENCY, collect, predict_files
from paddleseg_u2net.weights import read_weights
from tests.prediction.making import picture, predictor

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes"),
    pytest.mark.timeout(60),
]


def pipe(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    return path


def no_files(folder: Path):
    """What may stand where a picture is expected, by how errors call it."""
    pipe(folder / "pipe.png")
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / "nothing.png").symlink_to(folder / "missing.png")
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(folder)  # the paths of sockets are short
    server.bind("socket.png")
    os.chdir(here)
    server.close()
    return {
        "pipe.png": "a named pipe",
        "device.png": "a device",
        "nothing.png": "a link to nothing",
        "socket.png": "a socket",
    }


READERS = {
    "a.png": [
        images.read_image,
        images.read_mask,
        images.image_size,
        images.read_tags,
        loaders.read_map,
        loaders.read_truth,
        fixation_files.read_density,
        fixation_files.read_fixation_map,
        collect,
        checksum,
    ],
    "a.npy": [loaders.read_map, loaders.read_truth],
    "a.csv": [fixation_files.read_fixation_map],
    "a.mat": [fixation_files.read_fixation_map],
    "a.txt": [files.read_lines, read_lines, collect],
    "a.json": [read_json],
    "a.yaml": [from_yaml, read_yaml],
    "a.zip": [lambda path: unpack(path, path.parent / "unpacked")],
    **{name: [read_weights, Predictor] for name in ("a.pth", "a.onnx", "a.pdparams")},
    "a.safetensors": [read_weights, Predictor],
}


@pytest.mark.parametrize(
    ("name", "read"), [(name, read) for name, readers in READERS.items() for read in readers]
)
def test_a_pipe_is_named_whatever_is_expected(tmp_path, name, read):
    path = pipe(tmp_path / name)
    with pytest.raises((ValueError, OSError), match=name):
        read(path)


def test_what_stands_there_is_said(tmp_path):
    for name, words in no_files(tmp_path).items():
        with pytest.raises(images.ImageError, match=f"{name}: .*found {words}"):
            images.read_image(tmp_path / name)
    assert files.what_is(tmp_path) == "a folder"
    assert files.what_is(picture(tmp_path / "a.png")) == "a file"
    assert files.what_is(tmp_path / "a.png" / "b") == "nothing"


def test_predicting_a_folder_goes_on_and_names_them(tmp_path, caplog):
    caplog.set_level("INFO", "paddleseg_u2net")
    folder, out = tmp_path / "in", tmp_path / "out"
    picture(folder / "a.png")
    picture(folder / "folder.png" / "b.png")
    expected = no_files(folder)
    jobs = collect(folder, out)
    failures = predict_files(predictor(), jobs, out, pictures=[SALIENCY])
    reasons = {failure.image.name: failure.reason for failure in failures}
    assert set(reasons) == set(expected)
    assert all(words in reasons[name] for name, words in expected.items())
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*.png") if path.is_file())
    assert written == ["saliency/a.png", "saliency/folder.png/b.png"]
    told = f"{folder / 'folder.png'} is a folder and no picture; what is in it counts"
    assert caplog.messages[0] == told


def masks(folder: Path) -> Path:
    array = np.zeros((6, 8), np.uint8)
    array[2:4, 2:6] = 255
    for name in ("a.png", "b.png"):
        picture(folder / name, array)
    return folder


@pytest.mark.parametrize("which", ["images", "masks"])
def test_commands_that_read_folders_name_the_pipe(tmp_path, capsys, which):
    masks(tmp_path / "images"), masks(tmp_path / "masks")
    (tmp_path / which / "b.png").unlink()
    place = pipe(tmp_path / which / "b.png")
    folders = ["--images", str(tmp_path / "images"), "--masks", str(tmp_path / "masks")]
    output = ["--output", str(tmp_path / "out")]
    for argv in (
        ["dataset", "check", *folders],
        ["dataset", "import", "folders", *folders, *output],
        ["eval_maps", "--pred_dir", folders[1], "--gt_dir", folders[3]],
    ):
        assert main(argv[0], argv[1:]) == 1, argv
        said = "".join(capsys.readouterr())
        assert str(place) in said and "a named pipe" in said, argv
    assert main("dataset", ["stats", *folders]) == 0
    assert "1 with unreadable files" in capsys.readouterr().out
    skipping = ["--pred_dir", folders[1], "--gt_dir", folders[3], "--skip_bad"]
    assert main("eval_maps", skipping) == 0
    assert "a named pipe" in "".join(capsys.readouterr())


def test_a_pipe_in_an_exported_folder(tmp_path):
    pipe(tmp_path / "model.onnx")
    (tmp_path / "description.json").write_text("{}")
    with pytest.raises(ValueError, match="description.json"):
        Predictor(tmp_path)
