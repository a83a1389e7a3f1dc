"""Counts against Paddle, PyTorch and slow literal simulations."""

from math import prod

import numpy as np
import paddle
import pytest

from paddleseg_u2net.architecture import TABLES, Program, StageTable, build
from paddleseg_u2net.architecture.counts import count, count_stages, receptive_fields, tensor_shapes
from paddleseg_u2net.models import VARIANTS
from tests.models import stock
from tests.models.stock import SMALL
from tests.oracles.program_literal import Functional, run

# One channel, three levels of pooling, a dilated stage.
THIN = StageTable.parse(
    {"encoder": [[3, 1, 1], [3, 1, 1], ["2F", 1, 1]], "decoder": [[3, 1, 1], [3, 1, 1]]}
)


@pytest.mark.parametrize(
    "name, parameters, megabytes, zoo",
    [("U2Net", 44_009_869, 176.3, "130.610"), ("U2NetP", 1_131_181, 4.7, "44.185")],
)
def test_published_numbers(name, parameters, megabytes, zoo):
    counts = count(build(TABLES[name]), 320, 320)
    assert counts.parameters == parameters
    # The paper's sizes are those of its files, with the names and counters of PyTorch.
    assert 0.96 * megabytes < counts.weight_bytes / 1e6 < megabytes
    assert f"{counts.profiler_flops / 1e9 * 20 / 9:.3f}" == zoo


@pytest.mark.parametrize("name, num_classes, in_channels", [("U2Net", 1, 3), ("U2NetP", 4, 1)])
def test_counts_are_those_of_this_model_and_of_paddlesegs(name, num_classes, in_channels):
    counts = count(build(TABLES[name], num_classes, in_channels), 32, 64)
    ours, theirs = (
        VARIANTS[name](num_classes, in_channels),
        stock.VARIANTS[name][0](num_classes, in_channels),
    )
    assert counts.trainable == _size(p for p in ours.parameters() if not p.stop_gradient)
    published = {key: value for key, value in theirs.state_dict().items() if "._" not in key}
    assert counts.parameters == _size(published.values())
    assert counts.weight_bytes == 4 * _size(theirs.state_dict().values())
    assert counts.profiler_flops == paddle.flops(theirs, [1, in_channels, 32, 64])


def _size(tensors):
    return sum(prod(tensor.shape) for tensor in tensors)


def test_flops_of_a_network_counted_by_hand():
    """Two stages of one channel at 2x2 (RSU-2F needs no pooling) and 1x1."""
    rows = {"encoder": [["2F", 1, 1], ["2F", 1, 1]], "decoder": [["2F", 1, 1]]}
    program = build(StageTable.parse(rows), 1, 1)
    # An RSU-2F: convolutions of 1, 1, 1 and 2 channels in, the sum behind them.
    block = (9 + 9 + 9 + 18) * 2 + 4 * (2 + 1) + 1
    decoder = block + 9 * 2  # two channels in
    sides = (9 * 2 + 1) * 4 + (9 * 2 + 1) * 1 + (2 * 2 + 1) * 4
    pool, resizes = 3, 2 * 7 * 4
    assert count(program, 2, 2).flops == 4 * block + pool + block + 4 * decoder + sides + resizes


@pytest.mark.parametrize("size", [(64, 64), (37, 45), (1, 3)])
def test_shapes_are_those_of_the_values(size):
    program = build(StageTable.parse(SMALL), 2)
    everything = Program(program.operations, list(range(len(program.operations))))
    state = {name: np.zeros(shape, "float32") for name, shape in program.shapes().items()}
    with paddle.no_grad():
        values = run(everything, state, paddle.zeros([1, 3, *size]))
    assert tensor_shapes(program, *size) == [tuple(value.shape[1:]) for value in values]


@pytest.mark.parametrize("size", [(320, 320), (37, 45), (1, 1)])
@pytest.mark.parametrize("table", [*TABLES.values(), StageTable.parse(SMALL), THIN])
def test_the_peak_is_the_largest_sum_of_values_in_use(table, size):
    program = build(table)
    sizes = [prod(shape) for shape in tensor_shapes(program, *size)]
    reads = [
        set(step.inputs[:1] if step.kind == "resize" else step.inputs)
        for step in program.operations
    ]
    peak = 0
    for now in range(len(sizes)):
        needed = {now, program.outputs[0]}.union(*reads[now:])
        peak = max(peak, sum(sizes[value] for value in needed if value <= now))
    assert count(program, *size).peak_bytes == 4 * peak


@pytest.mark.parametrize("size", [(64, 64), (37, 45)])
def test_what_training_keeps_is_what_pytorch_saves(size):
    torch = pytest.importorskip("torch")
    from torch.nn import functional

    program = build(StageTable.parse(SMALL), 2)
    saved = {}

    state = {
        name: torch.rand(shape, requires_grad=not name.endswith(("_mean", "_variance")))
        for name, shape in program.shapes().items()
    }
    kernels = {value.data_ptr() for value in state.values()}

    class Trained(Functional):
        def normalised(self, x, *parts):
            return functional.batch_norm(x, *parts, training=True)

    def save_maps(tensor):
        # Indices of maxima and statistics of channels are no maps.
        is_map = tensor.is_floating_point() and tensor.dim() == 4
        if is_map and tensor.data_ptr() not in kernels:
            saved[tensor.data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save_maps, lambda tensor: tensor):
        program.run(Trained(functional, torch.cat, state, torch.rand(1, 3, *size)))
    assert count(program, *size).training_bytes == 4 * sum(map(torch.numel, saved.values()))


def _touched(program, numbers, height):
    """For each of these values, whether input row i has an influence on its row o: (i, o).

    All weights are positive and a row of ones stands in a picture of zeros, so that what it
    reaches is positive and all else is zero.
    """
    state = {
        name: np.full(shape, 0.0 if name.endswith(("bias", "_mean")) else 0.5, "float64")
        for name, shape in program.shapes().items()
    }
    pictures = np.eye(height)[:, None, :, None] * np.ones((1, 1, 1, 4))
    with paddle.no_grad():
        values = run(Program(program.operations, numbers), state, paddle.to_tensor(pictures))
    return [value.numpy().max(axis=(1, 3)) > 0 for value in values]


def test_receptive_fields_are_as_far_as_an_input_is_felt():
    program, height = build(THIN, 1, 1), 256
    stages = [number for number, step in enumerate(program.operations) if step.kind == "add"]
    numbers = [*stages, program.outputs[0]]
    for number, touched in zip(numbers, _touched(program, numbers, height)):
        first, last = touched.argmax(0), height - 1 - touched[::-1].argmax(0)
        inside = (first > 0) & (last < height - 1)
        assert inside.sum() >= 4  # all positions of a period
        assert (last - first + 1)[inside].max() == receptive_fields(program)[number]


@pytest.mark.parametrize("name", TABLES)
def test_stages_add_up(name):
    program = build(TABLES[name], 2)
    counts, rows = count(program, 96, 64), count_stages(program, 96, 64)
    assert [row.name for row in rows] == [
        *(f"stage{level}" for level in range(1, 7)),
        *(f"stage{level}d" for level in range(5, 0, -1)),
        "sides",
    ]
    assert sum(row.parameters for row in rows) == counts.parameters
    assert sum(row.multiply_adds for row in rows) == counts.multiply_adds
    assert rows[-1].receptive_field == counts.receptive_field
    outs = [stage.out for stage in (*TABLES[name].encoder, *TABLES[name].decoder)]
    assert [row.shape.channels for row in rows] == [*outs, 2]
    assert [row.shape.height for row in rows] == [96, 48, 24, 12, 6, 3, 6, 12, 24, 48, 96, 96]
    fields = [row.receptive_field for row in rows]
    assert fields == sorted(fields)


@pytest.mark.parametrize("size", [(0, 3), (3, 0), (-1, -1)])
def test_a_size_below_one_is_an_error(size):
    with pytest.raises(ValueError, match="expected a width and a height of 1 or more"):
        count(build(TABLES["U2NetP"]), *size)
