"""Networks that are no U²-Nets as files of engines: what the files give is what the layers give."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from PIL import Image

from paddleseg_u2net import Predictor, registry
from paddleseg_u2net.commands import main
from paddleseg_u2net.config import Config
from paddleseg_u2net.export import layers
from paddleseg_u2net.export.export import ExportOptions, export
from paddleseg_u2net.export.pooling import CellMeans
from paddleseg_u2net.inference import BackendError
from paddleseg_u2net.inference.description import ExportError, load_exported, read_description
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.weights import write_pickle

ROOT = Path(__file__).resolve().parents[2]
ENGINES = {
    "paddle": (),
    "onnx": ("paddle2onnx", "onnx", "onnxruntime"),
    "openvino": ("paddle2onnx", "onnx", "openvino"),
}
ROUNDING = 2e-5

PLUGIN = '''
import paddle.nn.functional as F
from paddle import nn
from paddleseg.cvlibs import manager


@manager.MODELS.add_component
class SmallNet(nn.Layer):
    """Halves the image, resizes its features by a number and by a size, and has two heads."""

    def __init__(
        self, num_classes=2, in_channels=3, bins=0, cells=0, unpools=False, divisor=1, doubles=False
    ):
        super().__init__()
        self.first = nn.Conv2D(in_channels, 6, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2D(6)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear")
        self.heads = nn.LayerList([nn.Conv2D(6, num_classes, 1) for _ in range(2)])
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2D(cells or 1), nn.Conv2D(6, 6, 1))
        self.bins, self.cells, self.unpools, self.divisor = bins, cells, unpools, divisor
        self.doubles = doubles

    def forward(self, images):
        if self.divisor > 1 and images.shape[2] > 0 and images.shape[2] % self.divisor:
            raise RuntimeError("this size does not go")
        x = F.relu(self.norm(self.first(images)))
        if self.bins:
            pooled = F.adaptive_avg_pool2d(x, self.bins)
            x = x + F.interpolate(pooled, size=x.shape[2:], mode="nearest")
        if self.cells:
            x = x + F.interpolate(self.pool(x), size=x.shape[2:], mode="bilinear")
        if self.unpools:
            pooled, where = F.max_pool2d(x, 2, return_mask=True)
            x = x + F.max_unpool2d(pooled, where, 2)
        x = self.up(x)
        if self.doubles:  # an odd side becomes another one
            return [head(x) for head in self.heads]
        return [F.interpolate(head(x), images.shape[2:], mode="bilinear") for head in self.heads]
'''


@pytest.fixture
def plugin(tmp_path):
    """The file of a network's class; the class is taken away afterwards."""
    before = registry.components()
    path = tmp_path / "small_net.py"
    path.write_text(PLUGIN)
    yield path
    registry.reset(before)


@pytest.fixture
def trained(plugin):
    """A function from the network's arguments to a loaded model of random weights."""

    def load(num_classes=2, size=(48, 64), **arguments):
        model = {"type": "SmallNet", "num_classes": num_classes, **arguments}
        tree = {"plugins": [str(plugin)], "model": model, "preprocess": {"size": size}}
        paddle.seed(0)
        layer = Config(tree, training=False).model()
        rng = np.random.default_rng(0)
        state = {name: value.numpy() for name, value in layer.state_dict().items()}
        state["norm._mean"] = rng.normal(size=6).astype(np.float32)
        state["norm._variance"] = rng.uniform(0.5, 2, 6).astype(np.float32)
        state["first.weight"] *= 2
        layer.set_state_dict(state)
        layer.eval()
        with paddle.no_grad():  # for maps of noise that have all classes
            logits = layer(paddle.to_tensor(images(1, state["first.weight"].shape[1], 64, 64)))[0]
        state["heads.0.bias"] = state["heads.0.bias"] - np.median(logits.numpy(), (0, 2, 3))
        path = plugin.with_name("weights.pdparams")
        write_pickle(path, state)
        return load_model(path, tree, backend="paddle", device="cpu")

    return load


@pytest.fixture
def target(tmp_path):
    return tmp_path / "exported"


def need(format):
    for name in ENGINES[format]:
        pytest.importorskip(name)


def images(*shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@paddle.no_grad()
def probabilities(model, batch):
    """Of the layer's first output, by Paddle's own functions."""
    model.layer.eval()
    first, second = model.layer(paddle.to_tensor(batch))
    assert (first - second).abs().max() > 0.1
    return (F.sigmoid(first) if first.shape[1] == 1 else F.softmax(first, 1)).numpy()


def assert_gives(folder, model, output, batch):
    network, expected = load_exported(folder, device="cpu").network, probabilities(model, batch)
    found = network(batch)
    assert expected.std() > 0.05
    if output != "argmax":
        assert found.dtype == np.float32 and np.abs(found - expected).max() < ROUNDING
        return
    single = expected.shape[1] == 1
    classes = expected[:, 0] >= 0.5 if single else expected.argmax(1)
    assert len(np.unique(classes)) > 1 and found.dtype == np.int32
    assert found.shape == classes.shape and (found != classes).mean() < 1e-3


@pytest.mark.parametrize("format", ["onnx", "paddle"])
def test_adaptive_pooling_of_any_size(trained, target, format):
    """As in pyramids of PSPNet and its like; 24 and 17 are no multiples of 5, 3 is below it."""
    need(format)
    model = trained(cells=5)
    made = export(model, ExportOptions(target, format))
    assert made.shape == (None, 3, None, None)
    for shape in ((1, 3, 48, 48), (2, 3, 34, 6)):
        assert_gives(target, model, "probability", images(*shape))
    assert type(model.layer.pool[0]) is paddle.nn.AdaptiveAvgPool2D


def test_maps_that_are_sure_of_themselves_hide_nothing(trained, target, monkeypatch, caplog):
    """With its poolings left as they are, paddle2onnx writes another network of the same maps."""
    need("onnx")
    model, order = trained(cells=5), ExportOptions(target, "onnx", shape=(1, 3, 64, 64))
    for head in model.layer.heads:
        head.bias.set_value(head.bias + paddle.to_tensor([300.0, 0.0]))
    export(model, order)
    assert read_description(target).compared["largest"] == 0
    assert "0 or 1 nearly everywhere; logits differ by" in caplog.text
    monkeypatch.setattr(layers, "convertible", lambda layer: contextlib.nullcontext())
    with pytest.raises(ExportError, match="its logits differ by .* of their standard deviation; "):
        export(model, order)


@pytest.mark.parametrize("size", [(3, 10), (7, 7), (16, 6)])
@pytest.mark.parametrize("cells", [2, 6, (3, 4)])
def test_cell_means_are_adaptive_pooling(cells, size):
    x = paddle.to_tensor(images(2, 3, *size))
    pair = (cells, cells) if isinstance(cells, int) else cells
    gap = CellMeans(pair)(x) - F.adaptive_avg_pool2d(x, cells)
    assert float(gap.abs().max()) < 1e-6


@pytest.mark.parametrize(
    ("format", "output", "num_classes"),
    [
        ("paddle", "probability", 1),
        ("paddle", "argmax", 3),
        ("onnx", "softmax", 3),
        ("onnx", "argmax", 1),
        ("openvino", "argmax", 2),
    ],
)
def test_any_size_and_batch(trained, target, format, output, num_classes):
    need(format)
    model = trained(num_classes)
    made = export(model, ExportOptions(target, format, output=output))
    assert read_description(target) == made
    assert made.shape == (None, 3, None, None) and made.num_classes == num_classes
    assert made.network == "SmallNet"
    assert made.compared["images"] == 4 and made.compared["largest"] < ROUNDING
    assert ("paddle2onnx" in made.versions) == (format != "paddle")
    assert {path.name for path in target.iterdir()} == {"description.json", *made.files}
    for shape in ((1, 3, 64, 96), (2, 3, 34, 46)):
        assert_gives(target, model, output, images(*shape))
    assert not model.layer.training and paddle.in_dynamic_mode()
    own = [layer.forward.__func__ for layer in model.layer.sublayers(include_self=True)]
    assert own == [type(layer).forward for layer in model.layer.sublayers(include_self=True)]


def test_fixed_shapes_and_other_channels(trained, target):
    need("onnx")
    model = trained(in_channels=4)
    made = export(model, ExportOptions(target, "onnx", shape=(2, 4, 40, 32)))
    assert made.shape == (2, 4, 40, 32) and made.make_preprocess().size == (32, 40)
    assert_gives(target, model, "probability", images(2, 4, 40, 32))


def test_half_the_size(trained, target):
    need("onnx")
    export(trained(), ExportOptions(target, "onnx"))
    full = (target / "model.onnx").stat().st_size
    made = export(trained(), ExportOptions(target, "onnx", "fp16"))
    assert made.precision == "fp16" and (target / "model.onnx").stat().st_size < full
    assert 1e-7 < made.compared["largest"] < 5e-3


def test_a_network_whose_file_takes_one_size_only(trained, target, caplog):
    need("onnx")
    model = trained(bins=2)
    made = export(model, ExportOptions(target, "onnx"))
    assert made.shape == (None, 3, 64, 48)
    assert "Trying --input_shape -1 3 64 48" in caplog.text
    assert_gives(target, model, "probability", images(3, 3, 64, 48))
    with pytest.raises(ExportError, match="; one size may go, such as --input_shape 1 3 512 512"):
        export(trained(bins=2, size=None), ExportOptions(target, "onnx"))


def test_sizes_that_the_network_itself_does_not_take(trained, target):
    made = export(trained(divisor=32, size=(64, 64)), ExportOptions(target))
    assert made.compared["sizes"] == [[1, 64, 64], [3, 64, 64]]


@pytest.mark.parametrize("format", ["onnx", "paddle"])
def test_maps_of_another_size_come_to_the_image_s(trained, target, format):
    need(format)
    model = trained(doubles=True)
    export(model, ExportOptions(target, format))
    assert read_description(target).compared["sizes"] == [[1, 64, 48], [3, 49, 25]]
    batch = images(2, 3, 33, 47)
    with paddle.no_grad():
        logits = model.layer(paddle.to_tensor(batch))[0]
        assert logits.shape[2:] == [34, 48]
        expected = F.softmax(F.interpolate(logits, size=[33, 47], mode="bilinear"), 1).numpy()
    assert np.abs(load_exported(target).network(batch) - expected).max() < ROUNDING


def test_what_paddle2onnx_does_not_know(trained, target):
    need("onnx")
    model = trained(unpools=True)
    with pytest.raises(ExportError, match="cannot convert this network: .*--format paddle"):
        export(model, ExportOptions(target, "onnx", shape=(1, 3, 64, 64)))
    assert not target.exists()
    export(model, ExportOptions(target, shape=(1, 3, 64, 64)))
    assert_gives(target, model, "probability", images(1, 3, 64, 64))


def test_paddle2onnx_that_is_missing(trained, target, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(layers, "is_installed", lambda name: False)
    version = layers.PADDLE2ONNX["oldest" if paddle.__version__ < "3" else "newest"]
    said = f"for Paddle .*pip install --no-deps paddle2onnx=={re.escape(version)}, or"
    with pytest.raises(BackendError, match=said):
        export(trained(), ExportOptions(target, "onnx"))
    assert not target.exists()


def test_advised_versions_are_those_that_are_tested():
    text = (ROOT / "versions.mk").read_text()
    assert f"PADDLE2ONNX = {layers.PADDLE2ONNX['newest']}\n" in text
    assert f"PADDLE2ONNX_OLDEST = {layers.PADDLE2ONNX['oldest']}\n" in text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "ncnn"}, "--format ncnn: it is for U²-Nets, this model is a SmallNet; .* onnx"),
        (
            {"format": "onnx", "precision": "int8", "calibration": Path("x")},
            "--precision int8: what may be lowered is sought in U²-Nets only",
        ),
    ],
)
def test_what_is_for_u2nets_only(trained, target, changes, says):
    with pytest.raises(ExportError, match=says):
        export(trained(), ExportOptions(target, **changes))
    assert not target.exists()


def test_commands_of_the_exported_folder(plugin, trained, target, drawn, capsys):
    """Written by the command, predicted where neither Paddle nor the plugin is, and scored."""
    need("onnx")
    model = trained(2)
    config = plugin.with_name("config.yml")
    data = f"{{type: PairDataset, dataset_root: {drawn}, val_path: val_list.txt}}"
    config.write_text(
        f"plugins: [small_net.py]\nmodel: {{type: SmallNet, num_classes: 2}}\n"
        f"preprocess: {{size: [48, 64]}}\nval_dataset: {data}\n"
    )
    words = ["--model_path", str(model.source), "--config", str(config)]
    assert main("export", [*words, "--save_dir", str(target), "--format", "onnx"]) == 0
    image = next((drawn / "images").glob("*"))
    code = (
        "import sys; sys.modules['paddle'] = sys.modules['paddleseg'] = None; "
        "from paddleseg_u2net.commands import main; sys.exit(main('predict', sys.argv[1:]))"
    )
    argv = ["--model_path", target, "--image_path", image, "--save_dir", target.parent / "maps"]
    argv += ["--aug_eval", "--flip_horizontal", "--backend", "onnxruntime"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, argv)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = list((target.parent / "maps/pseudo_color_prediction").iterdir())
    assert [Image.open(path).size for path in found] == [Image.open(image).size]
    scores = []
    for source in (["--model_path", str(target)], ["--model_path", str(model.source)]):
        capsys.readouterr()
        assert main("val", [*source, "--config", str(config)]) == 0
        scores += re.findall(r"mIoU: [\d.]+", capsys.readouterr().out)
    assert len(scores) == 2 and scores[0] == scores[1]
    expected = model.pipeline(np.asarray(Image.open(image).convert("RGB")))
    assert np.abs(Predictor(target)(image) - expected).max() < 1e-4
