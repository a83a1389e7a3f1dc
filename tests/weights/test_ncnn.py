"""ncnn's files: what ncnn makes of them is what the network's steps say, done one by one."""

from __future__ import annotations

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
import paddle

from paddleseg_u2net.architecture import build
from paddleseg_u2net.weights.ncnn_write import ncnn_files
from tests.inference.exporting import on_ncnn
from tests.oracles.program_literal import run
from tests.weights import narrow


def activated(logits):
    if logits.shape[1] == 1:
        return 1 / (1 + np.exp(-logits))
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


@pytest.mark.parametrize("size", [(64, 96), (33, 47), (1, 1), (2, 1), (1, 40)])
@pytest.mark.parametrize(("num_classes", "in_channels"), [(1, 3), (3, 1), (2, 4)])
def test_ncnn_gives_what_the_steps_say(size, num_classes, in_channels):
    pytest.importorskip("ncnn")
    state, table = narrow.state(num_classes, in_channels), narrow.table()
    batch = np.random.default_rng(1).normal(size=(2, in_channels, *size)).astype(np.float32)
    program = build(table, num_classes, in_channels)
    expected = run(program, state, paddle.to_tensor(batch))[0].numpy()
    logits = on_ncnn(*ncnn_files(state, table, num_classes, in_channels, activation=False))
    found = logits(batch)
    assert found.dtype == np.float32 and found.shape == expected.shape
    assert np.abs(found - expected).max() <= 5e-4 * np.abs(expected).max()
    files = ncnn_files(state, table, num_classes, in_channels)
    probabilities = on_ncnn(*files, output_type="probability")(batch)
    assert np.abs(probabilities - activated(expected)).max() <= 1e-4


def test_every_blob_is_made_once_and_read_once():
    lines = ncnn_files(narrow.state(), narrow.table())[0].splitlines()
    layers, blobs = map(int, lines[1].split())
    made, taken = [], []
    for line in lines[2:]:
        _, _, inputs, outputs, *rest = line.split()
        taken += rest[: int(inputs)]
        made += rest[int(inputs) : int(inputs) + int(outputs)]
    assert len(lines) - 2 == layers and len(made) == blobs == len(set(made))
    assert len(taken) == len(set(taken)) and set(made) - set(taken) == {"d0"}
    assert set(taken) <= set(made)
