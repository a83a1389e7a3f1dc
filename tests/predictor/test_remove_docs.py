"""What docs/background_removal.md says of Python runs, and names what there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net import remove
from paddleseg_u2net.predictor import remove as module
from paddleseg_u2net.removal.words import WORDS
from paddleseg_u2net.weights import write_weights
from tests.inference.exporting import picture
from tests.weights import narrow

TEXT = (Path(__file__).resolve().parents[2] / "docs/background_removal.md").read_text("utf-8")
SECTIONS = {
    title: TEXT.split(f"## {title}\n")[1].split("\n## ")[0]
    for title in ("From Python", "Moving from rembg")
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Photographs, and a small network in the place of the published one."""
    home = tmp_path / "home"
    home.mkdir()
    write_weights(home / "u2netp.pth", narrow.state())
    monkeypatch.setenv("U2NET_HOME", str(home))
    monkeypatch.setenv("MODEL_CHECKSUM_DISABLED", "1")
    monkeypatch.setattr(module, "_usual", [])
    for name in ("photo.jpg", "another.jpg"):
        Image.fromarray(picture(40, 60)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_runs(folder, capsys):
    found = {}
    for text in SECTIONS.values():
        for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
            exec(compile(block, "docs/background_removal.md", "exec"), found)
    assert isinstance(found["cutout"], bytes) and Path("photo.cutout.png").is_file()
    assert Image.open("shop.jpg").size == (800, 800)
    assert found["mask"].mode == "L" and found["on_colour"].mode == "RGBA"
    assert found["rgb"].shape == (40, 60, 3) and Path("another.cutout.png").is_file()
    assert capsys.readouterr().out.startswith("(60, 80, 4) ")  # cropped, with a margin of 10


def test_the_putalpha_that_is_advised_is_rembgs(folder):
    image = Image.fromarray(picture(40, 60))
    mask = remove(image, only_mask=True)
    image.putalpha(mask)
    np.testing.assert_array_equal(np.asarray(image)[..., 3], np.asarray(mask))
    np.testing.assert_array_equal(np.asarray(image)[..., :3], picture(40, 60))


def test_every_argument_has_its_row():
    table = SECTIONS["From Python"].split("| argument |")[1]
    named = set(re.findall(r"`(\w+)`", table))
    assert {*WORDS, "format", "quality", "keep_exif"} <= named
    # rembg's are those up to the one that makes bytes
    arguments = list(inspect.signature(remove).parameters)
    table = SECTIONS["Moving from rembg"]
    for name in arguments[1 : arguments.index("force_return_bytes")]:
        short = name.replace("alpha_matting_background", "..._background")
        assert name in table or short.replace("alpha_matting_erode", "..._erode") in table, name
