"""What is no file is named, and never waited for, as a pipe would be that nobody writes to."""

import os

import pytest

from paddleseg_u2net.config.reading import read_yaml
from paddleseg_u2net.evaluation import loaders
from paddleseg_u2net.io import files, images
from paddleseg_u2net.io.archives import unpack
from paddleseg_u2net.prediction.jobs import SALIENCY, collect
from paddleseg_u2net.prediction.run import predict_files
from paddleseg_u2net.weights import read_weights
from tests.prediction.making import picture, predictor

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes"),
    pytest.mark.timeout(60),
]

READERS = {
    "a.png": images.read_image,
    "a.npy": loaders.read_map,
    "a.mat": loaders.read_fixation_map,
    "a.txt": files.read_lines,
    "a.yaml": read_yaml,
    "a.zip": lambda path: unpack(path, path.parent / "unpacked"),
    "a.pth": read_weights,
}


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_named_whatever_is_expected(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises((ValueError, OSError), match=rf"{name}: .*(no regular|no such)"):
        READERS[name](tmp_path / name)


def test_predicting_a_folder_goes_on_and_names_it(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    picture(folder / "a.png")
    os.mkfifo(folder / "b.png")
    (folder / "c.png").symlink_to(folder / "missing.png")
    failures = predict_files(predictor(), collect(folder, out), out, pictures=[SALIENCY])
    reasons = {failure.image.name: failure.reason for failure in failures}
    assert list(reasons) == ["b.png", "c.png"]
    assert "found no regular file" in reasons["b.png"] and "found nothing" in reasons["c.png"]
    assert (out / "saliency/a.png").is_file()
