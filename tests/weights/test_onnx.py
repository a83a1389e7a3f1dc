from __future__ import annotations

import random
import sys

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
import paddle

from paddleseg_u2net.architecture import StageTable, build
from paddleseg_u2net.weights.onnx_read import read_onnx
from paddleseg_u2net.weights.onnx_write import onnx_bytes
from tests.oracles.program_literal import run
from tests.weights import narrow
from tests.weights.old_opset import with_scales

onnx = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

NARROW = StageTable.parse(
    {
        "encoder": [[7, 2, 4], [6, 3, 5], [5, 4, 6], [4, 2, 7], ["4F", 3, 4], ["4F", 4, 5]],
        "decoder": [["4F", 2, 6], [4, 3, 7], [5, 4, 4], [6, 2, 5], [7, 3, 6]],
    }
)
TINY = StageTable.parse({"encoder": [[4, 2, 3], ["3F", 4, 5]], "decoder": [[2, 3, 2]]})


def folded(state):
    """What a file with folded BatchNorm gives back, in float64 and rounded once."""
    result = {}
    for name, value in state.items():
        layer, _, part = name.rpartition(".")
        unit = layer[: -len(".conv_s1")]
        if layer.endswith(".bn_s1"):
            identity = {"weight": np.sqrt(1.00001), "bias": 0, "_mean": 0, "_variance": 1}
            value = np.full(value.shape, identity[part])
        elif layer.endswith(".conv_s1"):
            gamma, beta, mean, variance = (
                state[f"{unit}.bn_s1.{part}"].astype("float64")
                for part in ("weight", "bias", "_mean", "_variance")
            )
            factor = gamma / np.sqrt(variance + 1e-5)
            if part == "weight":
                value = value.astype("float64") * factor[:, None, None, None]
            else:
                value = (value.astype("float64") - mean) * factor + beta
        result[name] = np.asarray(value, np.float32)
    return result


def write_onnx(path, *what, **options):
    path.write_bytes(onnx_bytes(*what, **options, source=str(path)))


def assert_same(got, expected):
    assert list(got) == list(expected)
    for name, value in expected.items():
        assert got[name].dtype == np.float32, name
        np.testing.assert_array_equal(got[name], value, err_msg=name)


def assert_near(got, expected, tolerance):
    """Every array to within ``tolerance`` of its largest number."""
    assert list(got) == list(expected)
    for name, value in expected.items():
        assert got[name].shape == value.shape, name
        assert np.abs(got[name] - value).max() <= tolerance * max(np.abs(value).max(), 0.1), name


def images(size, channels=3, batch=2, seed=1):
    return np.random.default_rng(seed).normal(size=(batch, channels, *size)).astype("float32")


@paddle.no_grad()
def evaluated(table, state, x, num_classes=1):
    """Logits of a U²-Net with these weights, d0 first."""
    program = build(table, num_classes, x.shape[1])
    return [value.numpy() for value in run(program, state, paddle.to_tensor(x))]


def runtime_outputs(path, x):
    """What ONNX Runtime makes of ``x``."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def difference(got, expected):
    """Largest difference in units of the largest expected value."""
    assert got.shape == expected.shape
    return np.abs(got - expected).max() / np.abs(expected).max()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


@pytest.fixture
def state():
    return narrow.state(stages=TINY)


@pytest.fixture
def model(path, state):
    """The small network as it is written, to be changed."""
    write_onnx(path, state, TINY)
    return onnx.load(str(path))


def reread(path, model):
    path.write_bytes(model.SerializeToString())
    return read_onnx(path)[1]


def refusal(path, model):
    """The message with which a changed model is refused."""
    with pytest.raises(ValueError) as error:
        reread(path, model)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value)[len(f"{path}: ") :]


def node(model, name):
    return next(node for node in model.graph.node if node.name == name)


def initializer(model, name):
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def set_attribute(target, name, value):
    kept = [entry for entry in target.attribute if entry.name != name]
    del target.attribute[:]
    target.attribute.extend([*kept, helper.make_attribute(name, value)])


def replace_tensor(model, name, array):
    initializer(model, name).CopyFrom(numpy_helper.from_array(array, name))


def insert_behind(model, name, operator, inputs=(), **attributes):
    """A node that takes the result ``name`` of another, and gives it to all who took that."""
    for taker in model.graph.node:
        for i, taken in enumerate(taker.input):
            if taken == name and not taker.name.endswith("shape"):
                taker.input[i] = f"{name}.behind"
    made = helper.make_node(operator, [name, *inputs], [f"{name}.behind"], **attributes)
    model.graph.node.append(made)


def bypass(model, name):
    """Take a node away; who took its result takes its input."""
    gone = node(model, name)
    for taker in model.graph.node:
        for i, taken in enumerate(taker.input):
            if taken == gone.output[0]:
                taker.input[i] = gone.input[0]
    model.graph.node.remove(gone)


def scrambled(model):
    """The model without any telling name; nodes, arrays and what is added are turned round."""
    names: dict = {"": ""}

    def new(name):
        return names.setdefault(name, str(1000 + len(names)))

    for made in model.graph.node:
        made.name = ""
        if made.op_type == "Add":
            made.input[:] = list(made.input)[::-1]
        made.input[:] = [new(name) for name in made.input]
        made.output[:] = [new(name) for name in made.output]
    for entry in [*model.graph.initializer, *model.graph.input, *model.graph.output]:
        entry.name = new(entry.name)
    for part in (model.graph.node, model.graph.initializer):
        copies = [type(entry).FromString(entry.SerializeToString()) for entry in part]
        del part[:]
        part.extend(copies[::-1])
    return model


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (37, 45)])
@pytest.mark.parametrize("num_classes, in_channels", [(1, 3), (3, 1)])
def test_the_written_file_computes_what_the_network_does(path, size, num_classes, in_channels):
    state = narrow.state(num_classes, in_channels, stages=TINY)
    x = images(size, in_channels)
    logits = evaluated(TINY, state, x, num_classes)
    for activation in (True, False):
        write_onnx(path, state, TINY, num_classes, in_channels, activation=activation)
        got = runtime_outputs(path, x)
        assert len(got) == len(logits) == 3
        for ours, theirs in zip(got, logits):
            if activation and num_classes > 1:
                theirs = np.exp(theirs) / np.exp(theirs).sum(1, keepdims=True)
            elif activation:
                theirs = sigmoid(theirs)
            assert difference(ours, theirs) < 1e-5


def test_the_checker_passes_the_file(path, state):
    write_onnx(path, state, TINY)
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    assert [entry.version for entry in model.opset_import] == [13]
    assert model.producer_name == "paddleseg_u2net"
    assert [entry.name for entry in model.graph.input] == ["input"]
    assert [entry.name for entry in model.graph.output] == ["d0", "d1", "d2"]
    assert model.ir_version == 7  # what programs of that time read


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("side1.weight", None, r"expected side1\.weight of shape \(1, 2, 3, 3\), got none"),
        ("side1.bias", np.zeros(2, "float32"), r"side1\.bias of shape \(1,\), got \(2,\)"),
        ("side1.bias", np.full(1, np.nan, "float32"), r"side1 .*NaN"),
        ("stage1.rebnconvin.bn_s1._variance", np.full(3, -1, "float32"), "below 0"),
        ("stage1.rebnconvin.conv_s1.weight", np.full((3, 3, 3, 3), 3e38), "NaN or infinity"),
    ],
)
def test_weights_that_do_not_fit_leave_the_old_file(path, state, name, value, says):
    path.write_bytes(b"old")
    state[name] = value
    if value is None:
        del state[name]
    with pytest.raises(ValueError, match=says) as error:
        write_onnx(path, state, TINY)
    assert str(path) in str(error.value)
    assert path.read_bytes() == b"old" and list(path.parent.iterdir()) == [path]


def test_a_missing_package_is_named(path, state, monkeypatch):
    write_onnx(path, state, TINY)
    monkeypatch.setitem(sys.modules, "onnx", None)
    for call in (lambda: read_onnx(path)[1], lambda: write_onnx(path, state, TINY)):
        with pytest.raises(ValueError, match="pip install onnx") as error:
            call()
        assert str(path) in str(error.value)


@pytest.mark.parametrize("table", [TINY, NARROW], ids=["tiny", "narrow"])
@pytest.mark.parametrize("num_classes, in_channels", [(1, 3), (4, 2)])
def test_a_written_file_gives_the_folded_weights(path, table, num_classes, in_channels):
    state = narrow.state(num_classes, in_channels, stages=table)
    write_onnx(path, state, table, num_classes, in_channels)
    network, got = read_onnx(path)
    assert_same(got, folded(state))
    assert (network.num_classes, network.in_channels) == (num_classes, in_channels)
    assert network.stages == table and network.type == "U2Net"


@pytest.mark.parametrize("activation", [True, False])
def test_names_and_order_do_not_matter(path, activation):
    state = narrow.state(stages=NARROW)
    write_onnx(path, state, NARROW, activation=activation)
    assert_same(reread(path, scrambled(onnx.load(str(path)))), folded(state))


def test_stages_of_nameless_layers_may_be_named(path, model, state):
    assert "that can be read: no" in refusal(path, scrambled(model))
    network, got = read_onnx(path, TINY)
    assert network.stages == TINY
    assert_same(got, folded(state))


def test_arrays_in_constant_nodes_and_among_the_inputs(path, model, state):
    for i, tensor in enumerate(list(model.graph.initializer)):
        if i % 2:
            made = helper.make_node("Constant", [], [tensor.name], value=tensor)
            model.graph.node.append(made)
            model.graph.initializer.remove(tensor)
        else:
            entry = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            model.graph.input.insert(0, entry)
    assert_same(reread(path, model), folded(state))


@pytest.mark.parametrize("kind", ["FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE"])
def test_types_of_numbers(path, model, state, kind):
    kind = getattr(onnx.TensorProto, kind)
    expected = folded(state)
    for tensor in list(model.graph.initializer):
        if tensor.name in expected:
            array = numpy_helper.to_array(tensor)
            if kind == onnx.TensorProto.BFLOAT16:  # cut off to what it can hold
                array = (array.view(np.uint32) & 0xFFFF0000).view(np.float32)
                values = (array.view(np.uint32) >> 16).astype(np.uint16)
            else:
                values = array.astype(helper.tensor_dtype_to_np_dtype(kind))
            data = values.tobytes()
            tensor.CopyFrom(helper.make_tensor(tensor.name, kind, array.shape, data, raw=True))
            expected[tensor.name] = values.astype("float32") if values.dtype != "u2" else array
    assert_same(reread(path, model), expected)


def test_other_words_for_the_same(path, model, state):
    """Even sizes need no ceil_mode, and a convolution of step 1 has but one way of padding."""
    for made in model.graph.node:
        if made.op_type == "MaxPool":
            set_attribute(made, "ceil_mode", 0)
            set_attribute(made, "pads", [0, 0, 1, 1])
        elif made.op_type == "Conv":
            del made.attribute[[a.name for a in made.attribute].index("pads")]
            set_attribute(made, "auto_pad", "SAME_UPPER")
            set_attribute(made, "strides", [1, 1])
        elif made.op_type == "Resize":
            set_attribute(made, "coordinate_transformation_mode", "pytorch_half_pixel")
    assert_same(reread(path, model), folded(state))


def test_casts_and_identities_are_passed_through(path, model, state):
    insert_behind(model, "input", "Cast", to=onnx.TensorProto.FLOAT16)
    insert_behind(model, "stage1.rebnconv1.conv_s1", "Identity")
    insert_behind(model, "stage1.rebnconv1", "Dropout")
    insert_behind(model, "side1.weight", "Cast", to=onnx.TensorProto.FLOAT)
    assert_same(reread(path, model), folded(state))


@pytest.mark.parametrize("opset, operator", [(9, "Upsample"), (10, "Resize")])
def test_asymmetric_resizing_of_old_opsets_is_said(path, model, state, opset, operator, caplog):
    assert_same(reread(path, with_scales(model, opset, operator)), folded(state))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert (
        f"{path}: read as a U²-Net of half pixels; in its opset {opset} {operator}" in caplog.text
    )


def save_apart(path, model):
    onnx.save_model(
        model, str(path), save_as_external_data=True, location="data.bin", size_threshold=0
    )


def test_arrays_in_another_file_are_read(path, model, state):
    save_apart(path, model)
    assert (path.parent / "data.bin").stat().st_size > path.stat().st_size / 4
    assert_same(read_onnx(path)[1], folded(state))


@pytest.mark.parametrize(
    "key, value, says",
    [
        ("location", "../data.bin", "expected a file in the same folder"),
        ("location", "/etc/passwd", "expected a file in the same folder"),
        ("location", "sub/data.bin", "expected a file in the same folder"),
        ("location", "..", "expected a file in the same folder"),
        ("location", "", "expected a file in the same folder"),
        ("location", "C:data.bin", "expected a file in the same folder"),
        ("location", "gone.bin", "expected a file in the same folder"),
        ("offset", "99999999", "cannot be read"),
        ("offset", "-4", "cannot be read"),
        ("offset", "many", "cannot be read"),
        ("length", "4", "cannot be read"),
    ],
)
def test_places_of_arrays_that_are_refused(path, model, key, value, says):
    save_apart(path, model)
    model = onnx.load(str(path), load_external_data=False)
    entries = initializer(model, "side1.weight").external_data
    for entry in entries:
        if entry.key == key:
            entry.value = value
    message = refusal(path, model)
    assert says in message and "side1.weight" in message


def test_another_epsilon_of_batchnorm_goes_into_its_weight(path, model, state):
    rng, name = np.random.default_rng(3), "stage2.rebnconv2"
    shape = state[f"{name}.bn_s1.bias"].shape
    parts = [f"{name}.bn_s1.{part}" for part in ("weight", "bias", "_mean", "_variance")]
    for part in parts:
        array = rng.uniform(0.5, 2, shape).astype("float32")
        model.graph.initializer.append(numpy_helper.from_array(array, part))
    insert_behind(model, f"{name}.conv_s1", "BatchNormalization", parts, epsilon=1e-3)
    got, x = reread(path, model), images((9, 14))
    for ours, theirs in zip(evaluated(TINY, got, x), runtime_outputs(path, x)):
        assert np.abs(sigmoid(ours) - theirs).max() < 1e-5


@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (3, 1, 1), ()])
def test_an_array_that_is_added_is_a_bias(path, model, state, shape):
    array = np.random.default_rng(4).uniform(0.5, 2, shape).astype("float32")
    model.graph.initializer.append(numpy_helper.from_array(array, "numbers"))
    layer = "stage1.rebnconvin.conv_s1"
    insert_behind(model, layer, "Add", ["numbers"])
    got, expected = reread(path, model), folded(state)
    assert_near({"": got[f"{layer}.bias"]}, {"": expected[f"{layer}.bias"] + array.ravel()}, 1e-6)
    got[f"{layer}.bias"] = expected[f"{layer}.bias"]
    assert_same(got, expected)


@pytest.mark.parametrize("kind", ["QUInt8", "QInt8"])
@pytest.mark.filterwarnings("ignore")
def test_a_file_of_dynamic_quantization(path, kind):
    quantization = pytest.importorskip("onnxruntime.quantization")
    state = narrow.state(stages=NARROW)
    write_onnx(path, state, NARROW)
    kind = getattr(quantization.QuantType, kind)
    quantization.quantize_dynamic(str(path), str(path), weight_type=kind)
    model, layer = onnx.load(str(path)), "stage1.rebnconv2.conv_s1.weight"
    operators = {made.op_type for made in model.graph.node}
    assert "ConvInteger" in operators and "Conv" not in operators
    network, got = read_onnx(path)
    assert network.stages == NARROW
    # Half a step of 255 between the largest and the smallest number; biases are kept.
    assert_near(got, folded(state), 1.01 / 255)
    assert all(np.array_equal(got[n], v) for n, v in folded(state).items() if n.endswith("bias"))
    x = images((32, 48))
    for ours, theirs in zip(evaluated(NARROW, got, x), runtime_outputs(path, x)):
        # What is left are the bytes between the layers.
        assert np.abs(sigmoid(ours) - theirs).max() < 0.05
    assert_same(reread(path, scrambled(onnx.load(str(path)))), got)

    scale = numpy_helper.to_array(initializer(model, f"{layer}_scale"))
    kernel = numpy_helper.to_array(initializer(model, f"{layer}_quantized")).astype("float64")
    zeros, scales = np.array([3, 5], kind.name[1:].lower()), scale * np.float32([1, 1.5])
    replace_tensor(model, f"{layer}_zero_point", zeros)
    replace_tensor(model, f"{layer}_scale", scales.reshape(1, 2, 1, 1))
    got[layer] = (kernel - zeros.reshape(2, 1, 1, 1)) * scales.reshape(2, 1, 1, 1)
    assert_same(reread(path, model), {**got, layer: got[layer].astype("float32")})


@pytest.mark.filterwarnings("ignore")
def test_scales_of_another_input_are_refused(path, state):
    quantization = pytest.importorskip("onnxruntime.quantization")
    write_onnx(path, state, TINY)
    quantization.quantize_dynamic(str(path), str(path))
    model, layer = onnx.load(str(path)), "stage1.rebnconv2.conv_s1"
    node(model, f"{layer}_quant_scales_mul").input[0] = "input_scale"
    assert f"{layer}: no Mul of its result and the scales" in refusal(path, model)


def test_other_quantized_files_are_refused_by_name(path, model):
    insert_behind(model, "input", "QuantizeLinear", ["side1.bias"])
    assert "it is quantized (operator QuantizeLinear)" in refusal(path, model)


# A node by name or the first of a kind, and an attribute that no U²-Net has.
ATTRIBUTES = [
    ("stage5.rebnconv3.conv_s1", "dilations", [1, 1], "expected dilations [4, 4], got [1, 1]"),
    ("d1_logits", "pads", [0] * 4, "side1: expected pads [1, 1, 1, 1], got [0, 0, 0, 0]"),
    ("stage1.rebnconvin.conv_s1", "strides", [2, 2], "expected strides [1, 1], got [2, 2]"),
    ("stage1.rebnconvin.conv_s1", "group", 3, "expected group 1, got 3"),
    ("MaxPool", "kernel_shape", [3, 3], "no MaxPool of 2x2 in stage1"),
    ("MaxPool", "pads", [1, 1, 0, 0], "no MaxPool of 2x2 in stage1"),
    ("Concat", "axis", 2, "no Concat of channels in stage1"),
    ("Resize", "antialias", 1, "no linear, half-pixel Resize in stage1"),
    ("Resize", "coordinate_transformation_mode", "align_corners", "no linear, half-pixel Resize"),
]


def changed_attribute(target, name, value):
    def edit(model):
        found = [made for made in model.graph.node if target in (made.name, made.op_type)]
        set_attribute(found[0], name, value)

    return edit


def swapped(model):
    """Weights of two layers of the same shapes, each in the other's place."""
    one, other = (node(model, f"stage1.rebnconv{i}.conv_s1") for i in ("1", "1d"))
    for i in (1, 2):
        one.input[i], other.input[i] = other.input[i], one.input[i]


def swap_parts(model):
    joined = next(m for m in model.graph.node if m.op_type == "Concat" and "." not in m.name)
    joined.input[:] = list(joined.input)[::-1]


def ring(model):
    insert_behind(model, "stage1.rebnconv1", "Identity")
    model.graph.node[-1].input[:] = model.graph.node[-1].output


def without(kind):
    def edit(model):
        bypass(model, next(made.name for made in model.graph.node if kind == made.op_type))

    return edit


def array(name, value):
    return lambda model: replace_tensor(model, name, np.asarray(value))


def appended(operator, inputs, outputs, **attributes):
    made = helper.make_node(operator, inputs, outputs, **attributes)
    return lambda model: model.graph.node.append(made)


LAYER = "stage1.rebnconv2"
TEXT = helper.make_tensor("side1.bias", onnx.TensorProto.STRING, [1], [b"1.5"])
EDITS = [
    *((changed_attribute(*row[:3]), row[3]) for row in ATTRIBUTES),
    (swapped, "has shape (2, 2, 3, 3), expected (4, 4, 3, 3) by the widths"),
    (swap_parts, "no Concat of channels"),
    (appended("Conv", ["stage1.rebnconv7", "side1.weight"], ["x"]), "120 convolutions"),
    (lambda m: bypass(m, LAYER), f"no ReLU in {LAYER}.conv_s1"),
    (lambda m: setattr(node(m, LAYER), "domain", "com.vendor"), f"no ReLU in {LAYER}.conv_s1"),
    *((without(kind), "that can be read") for kind in ("Add", "Resize", "MaxPool")),
    (lambda m: insert_behind(m, "stage2.rebnconvin", "Tanh"), "that can be read"),
    (lambda m: insert_behind(m, "input", "Neg"), "as it is; there are input"),
    (
        lambda m: insert_behind(m, "d1_logits", "BatchNormalization", ["side1.bias"] * 4),
        "no Concat of channels in sides",
    ),
    (lambda m: m.graph.node.remove(node(m, f"{LAYER}.conv_s1")), "expected one convolution"),
    (ring, "that can be read: no"),
    (appended("Relu", ["input"], ["d0"]), "two nodes give 'd0'"),
    (lambda m: m.graph.ClearField("node"), "it has no operators"),
    (lambda m: insert_behind(m, "side1.weight", "Abs"), "'side1.weight.behind' is worked out"),
    (array("side1.bias", [np.nan]), "side1.bias holds NaN or infinity"),
    (array("side1.bias", [1e300]), "holds NaN or infinity, or numbers too large"),
    (lambda m: initializer(m, "side1.bias").CopyFrom(TEXT), "'side1.bias' cannot be read"),
    (array("side1.weight", np.ones(18)), "side1: its kernel has shape (18,)"),
    (array("side1.weight", np.ones((1, 0, 3, 3))), "its kernel has shape (1, 0, 3, 3)"),
    (array("side1.weight", np.ones((1, 6, 5, 5))), "side1.weight has shape (1, 6, 5, 5)"),
    (array(f"{LAYER}.conv_s1.weight", np.ones((3, 2, 3, 3))), f"{LAYER}.conv_s1"),
    (array(f"{LAYER}.conv_s1.weight", np.ones((2, 5, 3, 3))), "(2, 5, 3, 3), expected (2, 2,"),
    (lambda m: setattr(initializer(m, "side1.weight"), "raw_data", b"1"), "cannot be read"),
    (lambda m: node(m, LAYER).ClearField("input"), f"no ReLU in {LAYER}.conv_s1"),
    (lambda m: node(m, "d1_logits").input.__delitem__(slice(1, None)), "cannot be"),
]


@pytest.fixture(scope="module")
def narrow_file():
    return onnx_bytes(narrow.state(stages=NARROW), NARROW)


@pytest.mark.parametrize("edit, says", EDITS, ids=[says[:40] for _, says in EDITS])
def test_a_changed_network_is_refused(path, narrow_file, edit, says):
    model = onnx.load_model_from_string(narrow_file)
    edit(model)
    assert says in refusal(path, model)


def test_a_file_cut_anywhere_is_refused(path, state):
    write_onnx(path, state, TINY)
    content = path.read_bytes()
    for length in {*range(0, len(content), 211), *range(len(content) - 40, len(content))}:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError) as error:
            read_onnx(path)[1]
        assert str(error.value).startswith(f"{path}: "), length


def test_damaged_bytes_give_a_network_or_a_named_refusal(path, state):
    write_onnx(path, state, TINY)
    content, chance = path.read_bytes(), random.Random(0)
    shapes = build(TINY).shapes()
    graph = onnx.load(str(path)).graph
    nodes = sum(made.ByteSize() for made in graph.node)
    refused = 0
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.choice([1, 1, 4])):
            damaged[chance.randrange(nodes)] = chance.randrange(256)  # nodes come first
        path.write_bytes(damaged)
        try:
            assert list(read_onnx(path)[1]) == list(shapes)
        except ValueError as error:
            assert str(error).startswith(f"{path}: ")
            refused += 1
    assert refused > 50


def export(path, model, opset=11, static=False, size=(32, 48), channels=3, **options):
    torch = pytest.importorskip("torch")
    axes = None if static else {"input.1": {0: "batch", 2: "height", 3: "width"}}
    torch.onnx.export(
        model,
        (torch.zeros(1, channels, *size),),
        str(path),
        opset_version=opset,
        dynamo=False,
        input_names=["input.1"],
        dynamic_axes=axes,
        **options,
    )


@pytest.fixture(scope="module")
def oracle():
    pytest.importorskip("torch")
    from tests.oracles import torch_u2net

    return torch_u2net


@pytest.mark.parametrize(
    "opset, static",
    [
        (9, True),
        (11, False),
        (17, True),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_an_export_of_pytorch(path, oracle, opset, static):
    export(path, oracle.drawn_model(oracle.NARROW), opset, static)
    state = oracle.published_state(oracle.drawn_model(oracle.NARROW))
    model = onnx.load(str(path))
    operators = {made.op_type for made in model.graph.node}
    assert "BatchNormalization" not in operators
    network, got = read_onnx(path)
    assert network.stages == NARROW
    assert_near(got, folded(state), 1e-6)
    assert_same(reread(path, scrambled(model)), got)
    if opset > 10:  # before, no operator resized as PyTorch does
        x = images((32, 48), batch=1)
        theirs = runtime_outputs(path, x)
        assert len(theirs) == 7
        for ours, other in zip(evaluated(NARROW, got, x), theirs):
            assert np.abs(sigmoid(ours) - other).max() < 1e-5


@pytest.mark.filterwarnings("ignore")
def test_an_unfolded_export_of_pytorch_keeps_every_bit(path, oracle):
    torch = pytest.importorskip("torch")
    model = oracle.drawn_model(oracle.NARROW, num_classes=2, in_channels=4, sigmoid=False)
    training = torch.onnx.TrainingMode.PRESERVE
    export(path, model, 13, channels=4, do_constant_folding=False, training=training)
    operators = {made.op_type for made in onnx.load(str(path)).graph.node}
    assert "BatchNormalization" in operators
    network, got = read_onnx(path)
    assert (network.num_classes, network.in_channels) == (2, 4)
    assert_same(got, oracle.published_state(model))


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.filterwarnings("ignore")
def test_the_official_u2netp_through_pytorch_and_onnx(path, oracle, shared):
    torch = pytest.importorskip("torch")
    model = oracle.TorchU2Net().eval()
    model.load_state_dict(torch.load(shared / "weights" / "u2netp.pth", weights_only=True))
    model.float()
    export(path, model, 11, size=(64, 64))
    network, got = read_onnx(path)
    assert (network.type, network.num_classes) == ("U2NetP", 1)
    assert_near(got, oracle.published_state(model), 1e-6)
    x = images((64, 96), batch=1)
    theirs = runtime_outputs(path, x)
    write_onnx(path, got, network.stages)
    for ours, written, other in zip(
        evaluated(network.stages, got, x), runtime_outputs(path, x), theirs
    ):
        assert np.abs(sigmoid(ours) - other).max() < 1e-5
        assert np.abs(written - other).max() < 1e-5
