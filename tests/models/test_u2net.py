from __future__ import annotations

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
import paddle

from paddleseg_u2net.architecture import StageTable
from paddleseg_u2net.models import RSU, U2Net, U2NetP
from paddleseg_u2net.weights import restore_biases
from tests.models.stock import SMALL, VARIANTS, as_numpy, difference, images

pytestmark = pytest.mark.filterwarnings(
    "ignore:When training, we now always track", "ignore:In static graph mode"
)


@pytest.fixture(scope="module")
def published():
    """Both published models as they are built, by name."""
    paddle.seed(0)
    return {name: ours(num_classes=1) for name, (_, ours) in VARIANTS.items()}


@pytest.fixture
def small():
    paddle.seed(0)
    model = U2Net(stages=SMALL)
    model.eval()
    return model


@pytest.mark.parametrize("variant, count", [("U2Net", 44_009_869), ("U2NetP", 1_131_181)])
def test_parameters_count_as_published(published, variant, count):
    state = restore_biases(as_numpy(published[variant]))
    statistics = ("._mean", "._variance")
    assert sum(v.size for n, v in state.items() if not n.endswith(statistics)) == count


def test_kernels_start_by_glorots_uniform_rule(published):
    kernels = 0
    for name, value in as_numpy(published["U2Net"]).items():
        if name.endswith("bias"):
            assert (value == 0).all(), name
        elif value.ndim == 4:
            out_channels, in_channels, height, width = value.shape
            bound = np.sqrt(6 / ((in_channels + out_channels) * height * width))
            assert np.abs(value).max() <= bound * (1 + 1e-6), name
            if value.size > 500:
                assert np.abs(value).max() > 0.97 * bound, name
                deviation = bound / np.sqrt(3)
                assert value.std() == pytest.approx(deviation, rel=3 / np.sqrt(value.size)), name
                assert abs(value.mean()) < 5 * deviation / np.sqrt(value.size), name
                kernels += 1
    assert kernels == 118  # 112 in the RSUs and 6 side outputs


@pytest.mark.parametrize("dilated", [False, True], ids=["pooled", "dilated"])
@pytest.mark.parametrize("height", [2, 4, 7])
def test_an_rsu_of_any_height_keeps_height_and_width(height, dilated):
    block = RSU(height, 3, 4, 6, dilated=dilated)
    for size in ((33, 21), (64, 64), (1, 1), (2, 7)):
        for training in (True, False):
            block.train() if training else block.eval()
            assert block(images(size)).shape == [2, 6, *size]
    units = {name.split(".")[0] for name in block.state_dict()}
    down = {f"rebnconv{level}" for level in range(1, height + 1)}
    assert units == {"rebnconvin"} | down | {f"rebnconv{level}d" for level in range(1, height)}


def test_an_rsu_of_less_than_two_levels_is_refused():
    with pytest.raises(ValueError, match="2 levels or more, got height 1"):
        RSU(1, 3, 4, 6)


@pytest.mark.parametrize("num_classes", [1, 3])
@pytest.mark.parametrize("size", [(24, 17), (1, 1)], ids=str)
def test_training_gives_all_maps_and_evaluation_one(num_classes, size):
    model = U2Net(num_classes=num_classes, in_channels=4, stages=SMALL)
    x = images(size, channels=4)
    assert [head.shape for head in model(x)] == [[2, num_classes, *size]] * 5
    model.eval()
    assert [head.shape for head in model(x)] == [[2, num_classes, *size]]


@pytest.mark.parametrize("name", ["num_classes", "in_channels"])
@pytest.mark.parametrize("value", [0, 1.0, None, True])
def test_a_wrong_number_of_channels_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected a whole number of 1 or more, got"):
        U2NetP(**{name: value})


GOOD = [4, 8, 16]
WRONG_ROWS = ([4, 8], 4, "567", [1, 8, 16], ["F4", 8, 16], [4.5, 8, 16], [4, 0, 16], [4, None, 16])


@pytest.mark.parametrize("row", WRONG_ROWS, ids=str)
def test_a_wrong_row_is_shown(row):
    with pytest.raises(ValueError, match=r"stages: expected rows \[height, mid, out\]") as error:
        StageTable.parse({"encoder": [GOOD, row], "decoder": [GOOD]})
    assert repr(row) in str(error.value)


def test_a_table_of_another_form_is_refused():
    two = [GOOD, GOOD]
    for table in (
        None,
        "U2NetP",
        {"encoder": two},
        {"encoder": two, "decoder": [GOOD], "sides": 2},
        {"encoder": [GOOD], "decoder": []},
        {"encoder": two, "decoder": two},
        {"encoder": 3, "decoder": []},
    ):
        with pytest.raises(ValueError, match=r"stages(\.\w+)?: expected"):
            StageTable.parse(table)


@paddle.no_grad()
def test_a_saved_graph_gives_the_same_map_for_any_size(small, tmp_path):
    sizes = ((37, 45), (64, 64), (1, 1))
    expected = [small(images(size))[0].numpy() for size in sizes]
    spec = paddle.static.InputSpec([None, 3, None, None], "float32", "x")
    paddle.jit.save(small, str(tmp_path / "model"), input_spec=[spec])
    loaded = paddle.jit.load(str(tmp_path / "model"))
    for size, one in zip(sizes, expected):
        got = loaded(images(size))
        got = got[0] if isinstance(got, (list, tuple)) else got
        assert difference(got.numpy(), one) < 1e-5
