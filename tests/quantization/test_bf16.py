import numpy as np
import pytest

from paddleseg_u2net.inference.backends.open_vino import openvino_core
from paddleseg_u2net.quantization.bf16 import in_bf16, rounded_to_bf16
from paddleseg_u2net.quantization.graph import Network, QuantizationError
from paddleseg_u2net.quantization.marks import mark_precise
from paddleseg_u2net.quantization.observe import session
from tests.quantization import small

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


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


def test_a_layer_takes_and_gives_rounded_values():
    """The first layer alone: its input, its kernel and its result are rounded."""
    network = Network(small.model())
    model = onnx.load_from_string(in_bf16(network, ["stage1.rebnconvin"]))
    kinds = {node.name: node for node in model.graph.node}
    conv = kinds["stage1.rebnconvin.conv_s1"]
    assert conv.input[0] == "input.rounded"
    takers = [n for n in model.graph.node if "stage1.rebnconvin" in n.input]
    assert {n.op_type for n in takers} == {"Cast"}
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    kernel = arrays[conv.input[1]]
    np.testing.assert_array_equal(kernel, rounded_to_bf16(kernel))
    other = arrays["stage1.rebnconv1.conv_s1.weight"]
    assert (other != rounded_to_bf16(other)).any()


def test_maps_differ_a_little():
    network = Network(small.model())
    names = [layer.name for layer in network.layers.values()]
    run = session(in_bf16(network, names), ["d0"])
    (batch,) = small.batches(1)
    difference = np.abs(run(batch)[0] - session(small.model(), ["d0"])(batch)[0])
    assert 0 < difference.mean() < 0.01


def test_openvino_reads_the_marks_back(tmp_path):
    openvino = pytest.importorskip("openvino")
    core = openvino_core()
    network = Network(small.model())
    low = [layer.name for layer in network.layers.values()]
    low.remove("stage2.rebnconv1d")
    nodes = network.plan(low).float_nodes()
    path = tmp_path / "model.xml"
    openvino.save_model(core.read_model(small.model()), str(path), compress_to_fp16=False)
    path.write_text(mark_precise(path.read_text(encoding="utf-8"), nodes), encoding="utf-8")
    marked = {
        node.get_friendly_name()
        for node in core.read_model(str(path)).get_ops()
        if any("recis" in str(key) for key in node.get_rt_info())
    }
    assert "stage2.rebnconv1d.conv_s1/WithoutBiases" in marked
    assert "stage2.rebnconv1d" in marked
    assert "stage2.rebnconv2d.conv_s1/WithoutBiases" not in marked
    # The mark changes nothing where all is float32.
    (batch,) = small.batches(1)
    compiled = core.compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = next(iter(compiled([batch]).values()))
    np.testing.assert_allclose(found, session(small.model(), ["d0"])(batch)[0], atol=1e-4)


def test_a_name_that_openvino_does_not_know():
    with pytest.raises(QuantizationError, match="no layer stage9"):
        mark_precise("<net></net>", ["stage9"])
