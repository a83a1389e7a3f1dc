"""A network, a loss, a transform and a data set class of one's own: ``plugins`` in the YAML."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from paddleseg_u2net import registry
from paddleseg_u2net.commands import main
from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.plugins import PluginError, load_plugins

ROOT = Path(__file__).resolve().parents[2]

PLUGIN = '''
import numpy as np
import paddle
from paddle import nn
from paddleseg.cvlibs import manager

from helper_of_mine import BRIGHTER
from paddleseg_u2net.datasets import PairDataset


@manager.MODELS.add_component
class TinyNet(nn.Layer):
    """Two heads of two convolutions."""

    def __init__(self, num_classes=2, channels=4):
        super().__init__()
        self.first = nn.Conv2D(3, channels, 3, padding=1)
        self.heads = nn.LayerList([nn.Conv2D(channels, num_classes, 1) for _ in range(2)])

    def forward(self, x):
        x = nn.functional.relu(self.first(x))
        return [head(x) for head in self.heads]


@manager.LOSSES.add_component
class SquaredLoss(nn.Layer):
    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def forward(self, logits, label):
        label = label.astype("float32")
        return self.factor * (nn.functional.sigmoid(logits[:, 0]) - label).square().mean()


@manager.TRANSFORMS.add_component
class Brighten:
    def __call__(self, data):
        data["img"] = np.clip(data["img"].astype(np.float32) + BRIGHTER, 0, 255).astype(np.uint8)
        return data


@manager.DATASETS.add_component
class UpsideDown(PairDataset):
    """Every image with its mask, turned by half a turn."""

    def read(self, index):
        image, label = super().read(index)
        return image[::-1, ::-1].copy(), label[::-1, ::-1].copy()
'''


@pytest.fixture
def project(tmp_path, tiny):
    """A folder of a configuration and its plugin; what that registers is taken away afterwards."""
    before = registry.components()
    (tmp_path / "my_parts.py").write_text(PLUGIN)
    (tmp_path / "helper_of_mine.py").write_text("BRIGHTER = 10\n")
    for part in ("train", "val"):
        tiny[f"{part}_dataset"]["type"] = "UpsideDown"
    tiny["train_dataset"]["transforms"] += [{"type": "Brighten"}]
    tiny.update(
        plugins=["my_parts.py"],
        model={"type": "TinyNet", "channels": 3},
        loss={"types": [{"type": "SquaredLoss", "factor": 2.0}], "coef": [1, 0.5]},
    )
    (tmp_path / "mine.yml").write_text(yaml.safe_dump(tiny))
    yield tmp_path
    registry.reset(before)


def test_own_components_train_validate_and_predict(project, drawn, capsys):
    best = project / "output/best_model"
    argv = ["--config", project / "mine.yml", "--save_dir", project / "output", "--do_eval"]
    assert main("train", [str(word) for word in argv]) == 0
    saved = yaml.safe_load((best / "config.yaml").read_text())
    assert saved["plugins"] == [str(project / "my_parts.py")]
    assert main("val", ["--model_path", str(best)]) == 0
    assert "mIoU: " in capsys.readouterr().out
    # a process that knows of the plugin from the weights' folder only
    argv = ["--model_path", best, "--image_path", next((drawn / "images").glob("*"))]
    argv = [sys.executable, "tools/predict.py", *argv, "--save_dir", project / "maps"]
    done = subprocess.run([str(word) for word in argv], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = list((project / "maps/pseudo_color_prediction").iterdir())
    assert [Image.open(path).size for path in found] == [(64, 64)]


def test_own_components_are_what_the_configuration_builds(project):
    config = Config(project / "mine.yml")
    assert type(config.model()).__name__ == "TinyNet"
    assert config.model().heads[0].weight.shape == [1, 3, 1, 1]  # num_classes as everywhere: 1
    assert (config.criterion().loss.factor, config.criterion().weights) == (2.0, [1, 0.5])
    dataset = config.dataset("train")
    assert [type(item).__name__ for item in dataset.transforms][-1] == "Brighten"
    upright = Config(project / "mine.yml", ["train_dataset.type=PairDataset"]).dataset("train")
    assert (dataset.read(0)[0] == upright.read(0)[0][::-1, ::-1]).all()
    assert isinstance(np.asarray(dataset.read(0)[1]), np.ndarray)


def test_plugins_come_from_bases_and_opts(project):
    (project / "below").mkdir()
    (project / "below/mine.yml").write_text("_base_: ../mine.yml\niters: 3\n")
    with pytest.raises(ConfigError, match="there is no 'TinyNet'"):
        Config(project / "below/mine.yml", ["plugins=[]"])
    expected = [str(project / "my_parts.py")]
    assert Config(project / "below/mine.yml").plugins == expected
    assert Config(project / "mine.yml", [f"plugins={expected[0]}"]).plugins == expected


def test_wrong_arguments_of_own_components_are_named(project):
    keys = ("model", "loss.types.0", "train_dataset")
    said = r"\.colour: there is no such key.*\n.*".join(keys)
    with pytest.raises(ConfigError, match=said):
        Config(project / "mine.yml", [f"{key}.colour=red" for key in keys])


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\n\nnumber = 1 / 0", 3, "ZeroDivisionError: division by zero"),
        ("x = 1\nx = = 2", 2, "SyntaxError"),
        ("import sys\nsys.exit(3)", 2, "SystemExit: 3"),
        (
            "from paddleseg.cvlibs import manager\n\n\n@manager.MODELS.add_component\n"
            "class U2Net:\n    pass\n",
            4,
            "the name U2Net is taken in PaddleSeg's models by paddleseg_u2net.models.u2net; give",
        ),
        (
            "from paddleseg.cvlibs import manager\nfrom paddleseg_u2net.registry import register\n"
            "class Resize:\n    pass\nregister(manager.TRANSFORMS, Resize)",
            5,
            "Resize: expected a free name in PaddleSeg's transforms, but paddleseg",
        ),
    ],
)
def test_a_broken_plugin_is_named_with_its_line(project, text, line, words):
    before = registry.components()
    path = project / "my_parts.py"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        Config(project / "mine.yml")
    assert f"mine.yml: plugins: {path}, line {line}: " in str(error.value)
    assert words in str(error.value)
    assert registry.components() == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.py", "none.py: expected a Python file (.py), found none; check the path"),
        ("no.such.module", "no.such.module: there is no such module; install it"),
    ],
)
def test_a_plugin_that_is_missing_is_named_with_the_way_out(project, name, words):
    with pytest.raises(ConfigError, match="plugins: ") as error:
        Config(project / "mine.yml", [f"plugins={name}"])
    assert words in str(error.value)


def test_nothing_stays_of_a_plugin_that_fails_in_a_new_process(tmp_path):
    (tmp_path / "half.py").write_text(
        "from paddleseg.cvlibs import manager\n"
        "from paddleseg_u2net.metrics import MeanMetric, Score, register\n"
        "manager.MODELS.add_component(type('Half', (), {}))\n"
        "register(Score('Half', 'saliency', 'half'))(type('Half', (MeanMetric,), {}))\n"
        "from paddleseg_u2net.inference import backends\n"
        "backends.register(backends.Backend('half', None, {}))\n"
        "raise RuntimeError\n"
    )
    code = f"""
from paddleseg_u2net.plugins import PluginError, load_plugins
try:
    load_plugins([{str(tmp_path / "half.py")!r}])
except PluginError as error:
    assert "half.py, line 7: RuntimeError" in str(error), error
from paddleseg.cvlibs import manager
from paddleseg_u2net.inference.backends import BACKENDS
from paddleseg_u2net.metrics import SCORES
assert "MAE" in SCORES and "Half" not in {{*SCORES, *manager.MODELS.components_dict}}
assert "openvino" in BACKENDS and "half" not in BACKENDS
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_command_line_names_a_plugin_that_fails(tmp_path, capsys):
    (tmp_path / "broken.py").write_text("raise RuntimeError('not today')")
    argv = ["--input", "x", "--output", "y", "--plugins", str(tmp_path / "broken.py")]
    assert main("convert_weights", argv) == 1
    expected = f"Error: --plugins: {tmp_path / 'broken.py'}, line 1: RuntimeError: not today"
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "weights"), [("config.yaml", "model.pdparams"), ("u2net.yaml", "u2net.pth")]
)
def test_weights_run_no_code_beside_them(project, name, weights):
    (project / weights).touch()
    for text in ((project / "mine.yml").read_text(), "_base_: mine.yml\n"):
        (project / name).write_text(text)
        with pytest.raises(ConfigError, match="beside weights names files by absolute paths only"):
            Config(project / name, training=False)


def test_plugins_are_imported_once_under_names_of_their_own(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "json.py").write_text(
            f"with open({str(tmp_path / folder)!r} + '.log', 'a') as file:\n    file.write('x')\n"
        )
    load_plugins(["one/json.py", "two/json.py", "one/json.py"], tmp_path)
    assert [(tmp_path / f"{name}.log").read_text() for name in ("one", "two")] == ["x", "x"]
    assert "paddleseg_u2net" not in str(sys.modules["json"].__file__)


def test_a_module_is_a_plugin_too(tmp_path, monkeypatch):
    (tmp_path / "a_package_of_mine").mkdir()
    (tmp_path / "a_package_of_mine/__init__.py").write_text("from . import part\n")
    (tmp_path / "a_package_of_mine/part.py").write_text("\nraise KeyError('part')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=r"package_of_mine: .*part.py, line 2: KeyError: 'part'"):
        load_plugins(["a_package_of_mine"])
