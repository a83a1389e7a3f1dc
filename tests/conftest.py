"""What many tests need: paddle loaded safely, the reference data, a small data set and model."""

import logging
import os
import sys

# Two test processes of many threads each would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
from pathlib import Path

import pytest

from paddleseg_u2net import plugins
from paddleseg_u2net.datasets.synthetic import draw_dataset
from paddleseg_u2net.env import load_paddle
from paddleseg_u2net.weights import write_weights
from tests.weights import narrow

load_paddle()

# Tests import engines themselves, too; these tell their makers of it otherwise, OpenVINO in forks
# of this process, which keep the pipes of pytest's workers open.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules["openvino_telemetry"] = None

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items):
    """Long tests first: one that began last would leave the other cores idle."""
    items.sort(key=lambda item: ("slow" not in item.keywords, "training" not in item.path.parts))


@pytest.fixture(autouse=True)
def _no_plugins_of_other_tests(monkeypatch):
    """Worker processes import them, too, and their files may be gone by then."""
    monkeypatch.setattr(plugins, "_loaded", [])


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    """A command sets logging up for its process; the next test starts without."""
    yield
    logger = logging.getLogger("paddleseg_u2net")
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def narrow_weights(tmp_path_factory) -> Path:
    """A file of a small U²-Net's random weights, to be read."""
    path = tmp_path_factory.mktemp("weights") / "model.pth"
    write_weights(path, narrow.state())
    return path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference data, which stands beside the project where it is built."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"the reference data is not at {folder}")
    return folder


@pytest.fixture(scope="session")
def drawn(tmp_path_factory) -> Path:
    """Eight drawings to train on and four to validate on, 64x64."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_dataset(folder, train=8, val=4, size=(64, 64))
    return folder


@pytest.fixture
def tiny(drawn) -> dict:
    """A configuration that trains a very small U²-Net on ``drawn``."""
    return tiny_config(drawn)


def tiny_config(drawn: Path) -> dict:
    """What ``tiny`` is, for fixtures that live longer."""
    data = {"type": "PairDataset", "dataset_root": str(drawn)}
    return {
        "batch_size": 2,
        "iters": 4,
        "model": {
            "type": "U2Net",
            "num_classes": 1,
            "stages": {"encoder": [[3, 2, 4], ["2F", 2, 4]], "decoder": [[3, 2, 4]]},
        },
        "preprocess": {"size": [32, 32]},
        "train_dataset": {
            **data,
            "train_path": "train_list.txt",
            "transforms": [
                {"type": "Resize", "target_size": [40, 40]},
                {"type": "RandomCrop", "crop_size": [32, 32]},
                {"type": "RandomHorizontalFlip"},
            ],
        },
        "val_dataset": {**data, "val_path": "val_list.txt"},
        "optimizer": {"type": "Adam"},
        "lr_scheduler": {
            "type": "PolynomialDecay",
            "learning_rate": 0.01,
            "power": 0.9,
            "end_lr": 0,
        },
        "loss": {"types": [{"type": "DeepSupervisionLoss"}], "coef": [1, 1, 1]},
    }
