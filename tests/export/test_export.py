"""Exported files give what the model gives, in their own engines, or do not appear."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import paddle
import pytest

from paddleseg_u2net.architecture import StageTable
from paddleseg_u2net.config import Config
from paddleseg_u2net.datasets.synthetic import draw_dataset
from paddleseg_u2net.export import export as exporting
from paddleseg_u2net.export.export import SEARCHED, ExportOptions, export
from paddleseg_u2net.export.formats import FORMATS, precisions
from paddleseg_u2net.export.quantization.guard import Guard
from paddleseg_u2net.export.verify import TOLERANCES, compare
from paddleseg_u2net.inference import BackendError
from paddleseg_u2net.inference.backends.backend import EngineNetwork
from paddleseg_u2net.inference.backends.open_vino import openvino_core
from paddleseg_u2net.inference.description import (
    NAME,
    ExportError,
    checksum,
    load_exported,
    read_description,
)
from paddleseg_u2net.inference.pipeline import activate
from paddleseg_u2net.models import U2Net
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.weights import fold_biases, read_weights, write_weights
from tests.weights import narrow

TINY = StageTable.parse({"encoder": [[4, 4, 6], ["3F", 4, 6]], "decoder": [[3, 4, 6]]})
ENGINES = {
    "paddle": (),
    "onnx": ("onnx", "onnxruntime"),
    "openvino": ("onnx", "openvino"),
    "ncnn": ("ncnn",),
}
ROUNDING = 2e-5


def need(format):
    for name in ENGINES[format]:
        pytest.importorskip(name)


def config_of(num_classes=1, in_channels=3, size=(48, 64), **tree):
    model = {"type": "U2Net", "num_classes": num_classes, "in_channels": in_channels}
    model["stages"] = TINY.as_dict()
    return {"model": model, "preprocess": {"size": size}, **tree}


def read(**settings):
    return Config(config_of(**settings), training=False)


def trained(path, *arguments, **settings):
    """Weights, as the export of a model takes them."""
    return load_model(path, config_of(*arguments, **settings), backend="paddle", device="cpu")


@cache
def _state_of(num_classes, in_channels):
    state = narrow.state(num_classes, in_channels, stages=TINY)
    state["outconv.weight"] *= 3
    found = logits_of(state, images(1, in_channels, 64, 64))
    state["outconv.bias"] -= np.median(found, (0, 2, 3))
    return state


def state_of(num_classes=1, in_channels=3):
    """Weights of a small network whose maps of noise have all classes."""
    return dict(_state_of(num_classes, in_channels))


def weights_of(folder, num_classes=1, in_channels=3):
    path = folder / "weights.pdparams"
    write_weights(path, state_of(num_classes, in_channels))
    return path


@pytest.fixture
def weights(tmp_path):
    return weights_of(tmp_path)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "exported"


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@paddle.no_grad()
def logits_of(state, batch):
    """Of this project's layers, in Paddle."""
    model = U2Net(len(state["outconv.bias"]), batch.shape[1], TINY)
    model.set_state_dict(fold_biases(state))
    model.eval()
    return model(paddle.to_tensor(batch))[0].numpy()


def probabilities(batch, num_classes=1):
    return activate(logits_of(state_of(num_classes, batch.shape[1]), batch))


def assert_gives(network, output, batch, num_classes=1, tolerance=ROUNDING):
    expected = probabilities(batch, num_classes)
    assert expected.std() > 0.05
    found = network(batch)
    if output != "argmax":
        assert found.dtype == np.float32 and found.shape == expected.shape
        assert np.abs(found - expected).max() < tolerance
        return
    classes = expected.argmax(1) if num_classes > 1 else expected[:, 0] >= 0.5
    assert found.dtype == np.int32 and found.shape == classes.shape
    assert len(np.unique(classes)) == max(num_classes, 2)
    assert (found != classes).mean() < 1e-3


@pytest.mark.parametrize(
    ("format", "output", "num_classes", "in_channels"),
    [
        ("onnx", "probability", 1, 3),
        ("onnx", "argmax", 1, 4),
        ("onnx", "softmax", 3, 3),
        ("onnx", "argmax", 3, 1),
        ("paddle", "argmax", 3, 1),
        ("paddle", "argmax", 1, 4),
        ("openvino", "softmax", 3, 3),
        ("ncnn", "probability", 1, 3),
    ],
)
def test_any_size_and_batch(tmp_path, target, format, output, num_classes, in_channels):
    need(format)
    path = weights_of(tmp_path, num_classes, in_channels)
    model = trained(path, num_classes, in_channels)
    made = export(model, ExportOptions(target, format, output=output))
    assert read_description(target) == made
    assert made.shape == (None, in_channels, None, None)
    assert made.source == {"file": path.name, "sha256": checksum(path)}
    assert made.compared["images"] == 4 and made.compared["largest"] < ROUNDING
    assert {path.name for path in target.iterdir()} == {NAME, *made.files}
    network = load_exported(target, device="cpu").network
    for shape in ((1, 64, 96), (2, 33, 47)):
        batch = images(shape[0], in_channels, *shape[1:])
        assert_gives(network, output, batch, num_classes)


@pytest.mark.parametrize(
    "format, shape",
    [
        ("onnx", (2, 3, 37, 45)),
        ("onnx", (1, None, None, None)),
        ("paddle", (2, 3, 37, 45)),
        ("openvino", (None, 3, 64, 48)),
        ("ncnn", (2, 3, 37, 45)),
    ],
)
def test_fixed_shapes(weights, target, format, shape):
    need(format)
    made = export(trained(weights), ExportOptions(target, format, shape=shape))
    assert made.shape == (shape[0], 3, *shape[2:])
    size = made.make_preprocess().size
    assert size == ((shape[3], shape[2]) if shape[2] else (48, 64))
    network = load_exported(target, device="cpu").network
    assert network.shape == made.shape
    height, width = shape[2] or 50, shape[3] or 30
    assert_gives(network, "probability", images(shape[0] or 3, 3, height, width))
    if shape[2]:
        with pytest.raises(BackendError, match="expected an input"):
            network(images(1, 3, height, width + 1))


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_half_the_size(weights, target, format):
    need(format)
    sizes = []
    for precision in ("fp32", "fp16"):
        made = export(trained(weights), ExportOptions(target, format, precision))
        name = "model.onnx" if format == "onnx" else "model.bin"
        sizes.append((target / name).stat().st_size)
    assert made.precision == "fp16" and sizes[1] < 0.8 * sizes[0]
    batch = images(1, 3, 64, 64)
    found = load_exported(target).network(batch)
    gap = np.abs(found - probabilities(batch))
    assert 1e-6 < gap.max() < 2e-2 and gap.mean() < 1e-3


def test_simple_runtimes_read_a_fixed_shape(weights, target):
    """OpenCV knows no sizes that are worked out while a network runs."""
    need("onnx")
    cv2 = pytest.importorskip("cv2")
    export(trained(weights), ExportOptions(target, "onnx", shape=(1, 3, 37, 45)))
    network = cv2.dnn.readNetFromONNX(str(target / "model.onnx"))
    batch = images(1, 3, 37, 45)
    network.setInput(batch)
    assert np.abs(network.forward() - probabilities(batch)).max() < ROUNDING
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(target / "model.onnx"))
    onnx.checker.check_model(model, full_check=True)
    assert not {"Shape", "BatchNormalization"} & {node.op_type for node in model.graph.node}
    assert [entry.name for entry in model.graph.output] == ["d0"]


def test_an_onnx_file_says_what_it_is_and_can_be_converted_back(weights, target):
    onnx = pytest.importorskip("onnx")
    need("onnx")
    made = export(trained(weights), ExportOptions(target, "onnx", "fp16", shape=(1, 3, 64, 48)))
    model = onnx.load(str(target / "model.onnx"))
    notes = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(notes["preprocess"]) == made.preprocess
    assert json.loads(notes["classes"]) == list(made.classes)
    state, again = state_of(), read_weights(target / "model.onnx")
    assert np.abs(again["side1.weight"] - state["side1.weight"]).max() < 1e-3


def test_a_saved_program_has_no_batchnorm(weights, target):
    made = export(trained(weights), ExportOptions(target))
    names = {"model.json", "model.pdiparams"}
    if paddle.__version__.startswith("2"):
        names = {"model.pdmodel", "model.pdiparams"}
    assert set(made.files) == names
    for name in names - {"model.pdiparams"}:
        content = (target / name).read_bytes()
        assert b"conv2d" in content and b"sigmoid" in content
        assert b"batch_norm" not in content
        assert str(Path(exporting.__file__).parent).encode() not in content
    assert paddle.in_dynamic_mode()


def test_the_same_weights_give_the_same_files(weights, tmp_path):
    first, second = (export(trained(weights), ExportOptions(tmp_path / name)) for name in "ab")
    assert first.files == second.files


@pytest.mark.parametrize("count", [1, 3])
def test_names_of_classes(drawn, count):
    data = {"type": "PairDataset", "dataset_root": str(drawn), "val_path": "val_list.txt"}
    plain = ("background", "foreground") if count < 3 else ("class 0", "class 1", "class 2")
    assert exporting.class_names(read(num_classes=count)) == plain
    assert exporting.class_names(read(num_classes=count, val_dataset=data)) == plain
    named = ["nothing", *"ab"][: max(count, 2)]
    config = read(num_classes=count, val_dataset={**data, "class_names": named})
    assert exporting.class_names(config) == tuple(named)
    config = read(num_classes=count, val_dataset={"type": "PairDataset", "name": "ecssd"})
    expected = ("background", "salient object") if count < 3 else plain
    assert exporting.class_names(config) == expected


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"precision": "int8"}, "--format paddle: expected --precision fp32, got int8"),
        ({"format": "onnx", "precision": "int8"}, "--precision int8: --calibration, a folder of"),
        ({"calibration": Path("x")}, "--precision fp32: --calibration, .*goes with bf16 and int8"),
        ({"calibration_masks": Path("x")}, "--precision fp32: --calibration"),
        ({"max_mae_increase": -0.1}, "--max_mae_increase: expected 0 or more"),
        ({"max_mae_increase": float("nan")}, "--max_mae_increase: expected 0 or more"),
    ],
)
def test_orders_that_cannot_be_carried_out(target, changes, says):
    with pytest.raises(ExportError, match=says):
        ExportOptions(target, **changes)


@pytest.mark.parametrize(
    ("changes", "size", "says"),
    [
        ({"output": "softmax"}, (48, 64), "--output_op softmax: expected a model of 2 classes"),
        ({"shape": (1, 4, 64, 64)}, (48, 64), "--input_shape: the model takes 3 channels, got 4"),
        ({"shape": (1, 3, 64, None)}, None, r"got size \[0, 64\]"),
        ({"format": "ncnn", "output": "argmax"}, (48, 64), "hold no class numbers"),
    ],
)
def test_orders_that_do_not_suit_the_model(weights, target, changes, size, says):
    with pytest.raises(ValueError, match=says):
        export(trained(weights, size=size), ExportOptions(target, **changes))
    assert not target.exists()


def test_weights_too_large_for_half_precision(weights, target):
    need("onnx")
    state = state_of()
    state["outconv.weight"] = state["outconv.weight"] + np.float32(7e4)
    write_weights(weights, state)
    with pytest.raises(ExportError, match=r"outconv\.weight: .*above 65504"):
        export(trained(weights), ExportOptions(target, "onnx", "fp16"))
    assert list(target.parent.iterdir()) == [weights]


def test_an_earlier_export_is_replaced_as_a_whole(weights, target):
    target.mkdir()
    export(trained(weights), ExportOptions(target))
    names = {path.name for path in target.iterdir()}
    (target / "model.onnx").write_bytes(b"of another format")
    export(trained(weights), ExportOptions(target))
    assert {path.name for path in target.iterdir()} == names
    assert len(list(target.parent.iterdir())) == 2


@pytest.mark.parametrize("name", ["model.onnx", "notes.txt"])
def test_a_folder_with_anything_else_stays(weights, target, name):
    (target / name).parent.mkdir(parents=True)
    (target / name).write_text("mine")
    if name == "notes.txt":
        (target / NAME).write_text("{}")
    with pytest.raises(ExportError, match=f"found a folder with (no {NAME}|notes.txt)"):
        export(trained(weights), ExportOptions(target))
    assert (target / name).read_text() == "mine"


def test_the_weights_are_not_replaced(weights, target):
    target.mkdir()
    path = target / weights.name
    path.write_bytes(weights.read_bytes())
    with pytest.raises(ExportError, match="is in it; name another --save_dir"):
        export(trained(path), ExportOptions(target))
    assert path.exists()


@pytest.mark.parametrize(("largest", "there"), [(0.002, True), (float("nan"), False)])
def test_files_that_give_something_else_do_not_appear(weights, target, largest, there, monkeypatch):
    if there:
        before = export(trained(weights), ExportOptions(target))

    def changed(*given):
        return compare(*given)._replace(largest=largest)

    monkeypatch.setattr(exporting, "compare", changed)
    with pytest.raises(
        ExportError, match=r"not written: its maps differ.*0\.0001\. Either the net"
    ):
        export(trained(weights), ExportOptions(target))
    assert len(list(target.parent.iterdir())) == 1 + there
    if there:
        assert read_description(target) == before


def test_files_that_are_written_wrongly_do_not_appear(weights, target, monkeypatch):
    need("onnx")

    def wrongly(folder, job):
        (folder / "model.onnx").write_bytes(b"\x08\x07 no model")

    monkeypatch.setitem(FORMATS, "onnx", replace(FORMATS["onnx"], write=wrongly))
    with pytest.raises(ExportError, match=f"not written, because .*{target.name}"):
        export(trained(weights), ExportOptions(target, "onnx"))
    assert list(target.parent.iterdir()) == [weights]


@pytest.mark.parametrize("format", ["paddle", "openvino"])
def test_files_that_may_not_grow_leave_nothing(weights, target, format):
    """As on a full disk, also where an engine writes the files by itself."""
    need(format)
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        with pytest.raises((ExportError, OSError)):
            export(trained(weights), ExportOptions(target, format))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(target.parent.iterdir()) == [weights]


def test_a_precision_has_its_tolerance_or_its_search():
    for precision in precisions():
        assert (precision in TOLERANCES) != (precision in SEARCHED)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Sixteen drawings and their masks."""
    folder = tmp_path_factory.mktemp("calibration")
    draw_dataset(folder, train=16, val=0, size=(64, 64))
    return folder


def searched(format, precision, target, pictures, **changes):
    need(format)
    pytest.importorskip("onnxruntime")
    given = {"calibration": pictures / "images", "max_mae_increase": 0.02, **changes}
    return ExportOptions(target, format, precision, **given)


@pytest.mark.parametrize(("format", "shape"), [("onnx", None), ("openvino", (1, 3, 64, 64))])
def test_int8_is_inside_the_tolerance(weights, target, pictures, format, shape):
    order = searched(format, "int8", target, pictures, shape=shape)
    made = export(trained(weights, size=(64, 64)), order)
    assert read_description(target) == made
    guard = made.guard
    assert guard["tolerance"] == 0.02 and guard["against"] == "fp32" and guard["images"] == 8
    assert 0 < guard["increase"] <= 0.02 and 0 < guard["written"] <= 0.02
    batch = images(1, 3, 64, 64)
    gap = np.abs(load_exported(target).network(batch) - probabilities(batch))
    assert 1e-4 < gap.mean() < 0.05
    if format == "openvino":  # and computes in 8 bits what is not kept
        compiled = openvino_core().compile_model(str(target / "model.xml"), "CPU")
        notes = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
        kinds = [
            note["runtimePrecision"].astype(str)
            for note in notes
            if note["layerType"].astype(str) == "Convolution"
        ]
        low = sum(kind in ("u8", "i8") for kind in kinds)
        assert len(kinds) - low == len(guard["kept"]) and low > len(kinds) / 2


def test_int8_class_numbers_and_masks(weights, target, pictures):
    order = searched(
        "onnx", "int8", target, pictures, output="argmax", calibration_masks=pictures / "masks"
    )
    made = export(trained(weights, size=(64, 64)), order)
    assert made.guard["against"] == "masks" and "written" not in made.guard
    batch = images(1, 3, 64, 64)
    found = load_exported(target).network(batch)
    assert found.dtype == np.int32
    assert (found != (probabilities(batch)[:, 0] >= 0.5)).mean() < 0.2


def test_bf16_is_inside_the_tolerance(weights, target, pictures):
    order = searched("openvino", "bf16", target, pictures)
    made = export(trained(weights, size=(64, 64)), order)
    assert made.precision == "bf16" and made.guard["kept"] == []
    assert made.guard["increase"] <= 0.02 and 0 < made.guard["difference"] < 0.01


def test_layers_that_stay_in_float_are_seen_to_do_so(weights, target, monkeypatch):
    class Unseen(EngineNetwork):
        note = property(lambda self: "in float32", lambda self, value: None)

    need("openvino")
    monkeypatch.setattr("paddleseg_u2net.inference.backends.open_vino.EngineNetwork", Unseen)
    model, order = trained(weights), ExportOptions(target, "openvino")
    made = export(model, order)
    folder = target
    bf16 = replace(made, precision="bf16", guard={"kept": []})
    exporting._checked(folder, model, bf16, None, order)
    with pytest.raises(ExportError, match="not written: 1 layers have to stay in float32"):
        exporting._checked(folder, model, replace(bf16, guard={"kept": ["a"]}), None, order)


def test_files_that_are_outside_of_the_tolerance_do_not_appear(
    weights, target, pictures, monkeypatch
):
    order = searched("onnx", "int8", target, pictures)
    measured = Guard.measured

    def worse(self, network):
        found = measured(self, network)
        return found._replace(increase=0.0201) if isinstance(network, EngineNetwork) else found

    monkeypatch.setattr(Guard, "measured", worse)
    with pytest.raises(ExportError, match="not written: run by .*MAE is"):
        export(trained(weights, size=(64, 64)), order)
    assert list(target.parent.iterdir()) == [weights]
