import numpy as np
import pytest

from paddleseg_u2net.architecture import build
from paddleseg_u2net.architecture.counts import count
from paddleseg_u2net.export.quantization.graph import Network, QuantizationError
from paddleseg_u2net.export.quantization.int8 import in_int8, kernel_numbers
from paddleseg_u2net.export.quantization.observe import observe, session
from tests.export.quantization import small
from tests.inference.exporting import on_engine
from tests.weights import narrow

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def network():
    return Network(small.model())


@pytest.fixture(scope="module")
def observed(network):
    return observe(network, small.batches())


def inner(network):
    return [layer.name for layer in network.layers.values()][1:-1]


def test_kernels_use_seven_bits():
    kernel = np.random.default_rng(0).normal(size=(5, 4, 3, 3)).astype(np.float32)
    kernel[2] = 0
    numbers, scale = kernel_numbers(kernel)
    assert numbers.dtype == np.int8
    # The largest of each channel is used whole, a silent channel stays silent.
    np.testing.assert_array_equal(np.abs(numbers).max((1, 2, 3)), [64, 64, 0, 64, 64])
    off = np.abs(numbers * scale[:, None, None, None] - kernel)
    assert (off <= scale[:, None, None, None] * 0.5001).all()


def test_multiply_adds_are_those_of_the_architecture(observed):
    expected = count(build(narrow.table(32)), small.SIZE, small.SIZE).multiply_adds
    assert sum(observed.multiply_adds.values()) == expected


def test_maps_stay_close(network, observed):
    content = in_int8(network, inner(network), observed)
    onnx.checker.check_model(onnx.load_from_string(content))
    before, after = session(small.model(), ["d0"]), session(content, ["d0"])
    for batch in small.batches(3, seed=9):
        assert np.abs(before(batch)[0] - after(batch)[0]).mean() < 0.02


@pytest.mark.parametrize("shape", [(2, 3, 33, 17), (1, 3, 1, 1)])
def test_other_sizes_and_batches(network, observed, shape):
    run = session(in_int8(network, inner(network), observed), ["d0"])
    batch = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    assert run(batch)[0].shape == (shape[0], 1, *shape[2:])


def dequantized(content):
    """ONNX Runtime without 8-bit kernels: all is dequantized and in float32."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    engine = onnxruntime.InferenceSession(content, options)
    return lambda batch: engine.run(["d0"], {"input": batch})


def two_layers(kernel):
    """Layers ``first``, which sums the channels into 32, and ``second`` with this kernel."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    arrays = {
        "first.weight": np.full((32, 3, 1, 1), 1, np.float32),
        "first.bias": np.zeros(32, np.float32),
        "second.weight": kernel.astype(np.float32),
        "second.bias": np.full(len(kernel), 0.5, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["input", "first.weight", "first.bias"], ["a"], name="a"),
        helper.make_node("Relu", ["a"], ["b"], name="b"),
        helper.make_node(
            "Conv", ["b", "second.weight", "second.bias"], ["d0"], name="c", pads=[1] * 4
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("input", 1, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("d0", 1, ["n", len(kernel), "h", "w"])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    versions = [helper.make_opsetid("", 13)]
    return helper.make_model(graph, opset_imports=versions, ir_version=8).SerializeToString()


def both(content, batch):
    """What float32 and the file with ``second`` in 8 bits give."""
    network = Network(content)
    lowered = in_int8(network, ["second"], observe(network, [batch]))
    return [session(file, ["d0"])(batch)[0] for file in (content, lowered)]


def test_the_largest_sums_do_not_overflow():
    """All values 255 and all kernels 64: pairs of products are just below 2**15."""
    batch = np.ones((1, 3, 16, 16), np.float32)
    expected, found = both(two_layers(np.ones((8, 32, 3, 3))), batch)
    np.testing.assert_allclose(found, expected, rtol=0.01)


def test_biases_correct_what_rounded_kernels_add():
    rng = np.random.default_rng(0)
    kernel = rng.uniform(0.36, 0.44, (8, 32, 3, 3))
    kernel[:, 0, 0, 0] = 64 * 0.6  # so that all others are rounded up to 0.6
    batch = np.full((1, 3, 64, 64), 4, np.float32)
    expected, found = both(two_layers(kernel), batch)
    inside = np.s_[..., 1:-1, 1:-1]  # at the border values are 0 more often than on average
    np.testing.assert_allclose(found[inside].mean(), expected[inside].mean(), rtol=0.02)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_engines_compute_in_8_bits_what_the_numbers_say(network, observed, engine):
    """Against float32 of the dequantized numbers: on processors that add in 16 bits, too."""
    pytest.importorskip(engine)
    content = in_int8(network, inner(network), observed)
    fast, exact = on_engine(engine, content, output_type="probability"), dequantized(content)
    for batch in small.batches(2, seed=3):
        assert np.abs(fast(batch) - exact(batch)[0]).mean() < 0.01


def test_a_network_that_is_quantized_already(network, observed):
    content = in_int8(network, inner(network), observed)
    with pytest.raises(QuantizationError, match="constant float32 kernel"):
        Network(content)


def test_a_feature_map_of_infinity():
    state = small.weights()
    state["stage2.rebnconv1.bn_s1.bias"][:] = 1e38
    state["stage2.rebnconv2.conv_s1.weight"][:] = 1e5
    with pytest.raises(QuantizationError, match="NaN or infinity"):
        observe(Network(small.model(state)), small.batches(1))
