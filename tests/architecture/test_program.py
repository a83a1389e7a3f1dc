"""The list of operations is the network that the layers of Paddle are."""

import paddle
import pytest

from paddleseg_u2net.architecture import TABLES, StageTable, build
from paddleseg_u2net.models import VARIANTS, U2Net
from paddleseg_u2net.weights import fit_state, restore_biases
from tests.models.stock import SMALL, as_numpy, difference, images, random_state, shapes
from tests.oracles.program_literal import run


@pytest.mark.parametrize("num_classes, in_channels", [(1, 3), (4, 1)])
@pytest.mark.parametrize("name", VARIANTS)
def test_names_and_shapes_are_those_of_the_model(name, num_classes, in_channels):
    model = VARIANTS[name](num_classes, in_channels)
    published = restore_biases(as_numpy(model))
    program = build(TABLES[name], num_classes, in_channels)
    assert program.shapes() == {key: value.shape for key, value in published.items()}


@pytest.mark.parametrize("size", [(64, 64), (37, 45), (1, 3)])
@paddle.no_grad()
def test_every_output_is_the_models(size):
    table = StageTable.parse(SMALL)
    model = U2Net(2, stages=table)
    published = random_state_published(model)
    model.set_state_dict(fit_state(published, shapes(model), "random"))
    model.train()
    for layer in model.sublayers():
        if isinstance(layer, paddle.nn.BatchNorm2D):
            layer.eval()  # all heads, with the file's statistics
    expected = model(images(size))
    got = run(build(table, 2), published, images(size))
    assert len(got) == len(expected) == 5
    for ours, theirs in zip(got, expected):
        assert difference(ours, theirs) < 1e-5


def random_state_published(model):
    """Random numbers for all weights of the published layout, biases before BatchNorm too."""
    state = random_state(model)
    for name, value in restore_biases(state).items():
        state.setdefault(name, value + 0.25)
    return state
