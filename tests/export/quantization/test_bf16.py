import numpy as np
import pytest

from paddleseg_u2net.architecture import TABLES
from paddleseg_u2net.export.formats.openvino import write_openvino
from paddleseg_u2net.export.quantization.bf16 import in_bf16, rounded_to_bf16
from paddleseg_u2net.export.quantization.graph import Network, Plan
from paddleseg_u2net.export.quantization.observe import session
from paddleseg_u2net.inference.backends.open_vino import computes_in_bf16, openvino_core
from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.io.images import find_images, read_image
from paddleseg_u2net.weights import read_weights
from paddleseg_u2net.weights.onnx_write import onnx_bytes
from tests.export.quantization import small

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def bf16():
    """OpenVINO's core, where it computes in bfloat16."""
    openvino, core = pytest.importorskip("openvino"), openvino_core()
    if not computes_in_bf16(core):
        pytest.skip("OpenVINO does not compute in bfloat16 on this processor")
    if int(openvino.__version__.split(".")[0]) < 2026:  # seen with 2025.3
        pytest.skip("this release of OpenVINO computes sums in bfloat16 that are marked")
    return core


def all_but(network, *kept):
    return [layer.name for layer in network.layers.values() if layer.name not in kept]


def written(folder, content, in_float):
    pytest.importorskip("openvino")
    write_openvino(folder, content, in_float=in_float)
    return str(folder / "model.xml")


def test_rounding_is_that_of_the_cast():
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    values[:4] = [1 + 2**-8, 1 + 3 * 2**-8, -(1 + 2**-8), 0]  # halves go to even
    helper = onnx.helper
    nodes = [
        helper.make_node("Cast", ["input"], ["a"], to=16),
        helper.make_node("Cast", ["a"], ["b"], to=1),
    ]
    graph = helper.make_graph(
        nodes,
        "cast",
        [helper.make_tensor_value_info("input", 1, [1000])],
        [helper.make_tensor_value_info("b", 1, [1000])],
    )
    versions = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=8)
    expected = session(model.SerializeToString())(values)[0]
    np.testing.assert_array_equal(rounded_to_bf16(values), expected)
    np.testing.assert_array_equal(rounded_to_bf16(values)[:4], [1, 1 + 2**-6, -1, 0])


def test_openvino_reads_the_marks_back(tmp_path):
    network = Network(small.model())
    nodes = Plan(network, all_but(network, "stage2.rebnconv1d")).float_nodes()
    path = written(tmp_path, small.model(), nodes)
    marked = {
        node.get_friendly_name()
        for node in openvino_core().read_model(path).get_ops()
        if any("recis" in str(key) for key in node.get_rt_info())
    }
    assert "stage2.rebnconv1d.conv_s1/WithoutBiases" in marked
    assert "stage2.rebnconv1d" in marked
    assert "stage2.rebnconv2d.conv_s1/WithoutBiases" not in marked


def test_marks_change_nothing_where_all_is_float32(tmp_path):
    path = written(tmp_path, small.model(), Plan(Network(small.model()), []).float_nodes())
    batch = np.random.default_rng(0).normal(size=(2, 3, 45, 52)).astype(np.float32)
    compiled = openvino_core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = next(iter(compiled([batch]).values()))
    np.testing.assert_allclose(found, session(small.model(), ["d0"])(batch)[0], atol=1e-4)


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("first, step", [(200, 1), (1, 2), (0, 1)])
def test_marked_layers_are_computed_in_float32(bf16, tmp_path, classes, first, step):
    content = small.model(num_classes=classes)
    network = Network(content)
    low = all_but(network)[first::step]
    nodes = set(Plan(network, low).float_nodes())
    model = bf16.read_model(written(tmp_path, content, nodes))
    model.reshape([1, 3, small.SIZE, small.SIZE])
    compiled = bf16.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    wrong, lowered, seen = [], 0, set()
    for node in compiled.get_runtime_model().get_ops():
        said = {key: value.astype(str) for key, value in node.get_rt_info().items()}
        first, *fused = said["originalLayersNames"].replace("/WithoutBiases", "").split(",")
        lowered += said["layerType"] == "Convolution" and said["runtimePrecision"] == "bf16"
        seen.update({first, *fused} & nodes)
        # What is fused into a convolution works on its sums, which are float32.
        key = "runtimePrecision" if first in nodes else "outputPrecisions"
        if {first, *fused} & nodes and said[key] != "f32":
            wrong.append((node.get_friendly_name(), said))
    assert not wrong
    assert lowered == len(low)
    assert seen == nodes


def differences(core, folder, content, kept, batches):
    """Mean differences of maps with all but these layers in bfloat16: emulated from float32, and
    computed from emulated.
    """
    network = Network(content)
    low = all_but(network, *kept)
    path = written(folder, content, Plan(network, low).float_nodes())
    compiled = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    expected, emulated = (session(c, ["d0"]) for c in (content, in_bf16(network, low)))
    maps = [(expected(x)[0], emulated(x)[0], compiled([x])[0]) for x in batches]
    return np.mean([(np.abs(b - a).mean(), np.abs(c - b).mean()) for a, b, c in maps], axis=0)


def test_a_file_in_bf16_does_what_was_emulated(bf16, tmp_path):
    kept = ("stage2.rebnconv2d", "stage2.rebnconv1d")
    content = small.model(small.collapsing(*kept))
    emulated, computed = differences(bf16, tmp_path, content, kept, small.batches(4))
    assert 0 < computed < 0.8 * emulated
    collapsed, _ = differences(bf16, tmp_path, content, (), small.batches(4))
    assert emulated < 0.1 * collapsed


@pytest.mark.slow
@pytest.mark.realdata
def test_the_published_weights_in_bf16(bf16, shared, tmp_path):
    weights = read_weights(shared / "weights/u2netp.pth")
    content = onnx_bytes(weights, TABLES["U2NetP"], sides=False)
    preprocess = Preprocess(size=(320, 320), type="official")
    images = find_images(shared / "data/ecssd_300/images")[::30]
    batches = [preprocess(read_image(path))[None] for path in images]
    kept = ("stage2d.rebnconv2d", "stage2d.rebnconv1d")
    emulated, computed = differences(bf16, tmp_path, content, kept, batches)
    assert emulated < 0.002
    assert 0 < computed < 0.5 * emulated
