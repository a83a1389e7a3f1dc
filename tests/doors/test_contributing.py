"""What CONTRIBUTING.md shows of adding something is run as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import paddleseg_u2net.components  # noqa: F401 - so that they are there when the test is over
from paddleseg_u2net import registry
from paddleseg_u2net.commands import main
from paddleseg_u2net.export.formats import FORMATS
from paddleseg_u2net.inference.backends import BACKENDS
from paddleseg_u2net.metrics import SCORES
from paddleseg_u2net.training.loggers import LOGGERS
from paddleseg_u2net.weights import write_weights
from tests.data_tools import published
from tests.weights import narrow

GUIDE = (Path(__file__).resolve().parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", GUIDE, re.S))
COMMANDS = re.findall(r"^python \w+/(\w+)\.py (.*)$", GUIDE.partition("## Adding")[2], re.M)


@pytest.fixture
def folder(tmp_path, monkeypatch, tiny):
    """A folder with the guide's files and what its commands read; registries as they were after."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    del tiny["loss"]["coef"]
    (tmp_path / "base.yml").write_text(yaml.safe_dump(tiny))
    write_weights(tmp_path / "model.pth", narrow.state())
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 8:20] = 255
    for name, picture in (("maps", np.roll(mask, 3, 1)), ("masks", mask), ("images", mask)):
        (tmp_path / name).mkdir()
        Image.fromarray(picture).save(tmp_path / name / "0.png")
    files = published.pairs("train/photos", "train/cats", list("abcdef"))
    files.update(published.pairs("val/photos", "val/cats", list("uvw")))
    published.zipped(tmp_path / "cats.zip", files)
    tables = [(table, dict(table)) for table in (SCORES, BACKENDS, FORMATS, LOGGERS)]
    components = registry.components()
    yield tmp_path
    registry.reset(components)
    for table, before in tables:
        table.clear()
        table.update(before)


@pytest.mark.parametrize(("command", "words"), COMMANDS, ids=[words[:40] for _, words in COMMANDS])
def test_the_guide_does_what_it_says(folder, capsys, command, words):
    if "my_format" in words:
        pytest.importorskip("onnxruntime")
    assert main(command, shlex.split(words)) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    if command == "eval_maps":
        assert "RMSE" in said and "0.100   0.316" in said  # 60 of 600 pixels are wrong
    if "my_logger" in words:
        rows = (folder / "logged/scalars.csv").read_text().split("\n")
        assert {"2", "Train/loss"} <= set(rows[0].split(","))
        assert any(row.startswith("2,Evaluate/mIoU,0.") for row in rows)


def test_the_guide_has_all_of_them():
    assert len(COMMANDS) == 7 and len(FILES) == 9
