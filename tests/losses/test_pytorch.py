"""Cross-entropies against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.losses import MENDED
from tests.losses.mended import assert_alike, make, run, sample

# isort: split
import paddle

torch = pytest.importorskip("torch")
F = torch.nn.functional


def torchs(function, logits, label):
    """PyTorch's loss and gradient."""
    x = torch.tensor(logits, requires_grad=True)
    loss = function(x, torch.tensor(label))
    loss.backward()
    return loss.item(), x.grad.numpy()


@pytest.mark.parametrize("channels", [2, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_pytorchs(channels, weighted):
    logits, label = sample(channels)
    weight = [0.25, 3, 1, 0, 2][:channels] if weighted else None
    tensor = torch.tensor(weight, dtype=torch.float32) if weighted else None
    expected = torchs(lambda x, y: F.cross_entropy(x, y, tensor, ignore_index=255), logits, label)
    assert_alike(run(make("CrossEntropyLoss", weight=weight), logits, label), expected)


def test_cross_entropy_can_divide_by_all_pixels():
    logits, label = sample(3)
    expected = torchs(
        lambda x, y: F.cross_entropy(x, y, ignore_index=255, reduction="sum") / y.numel(),
        logits,
        label,
    )
    assert_alike(run(make("CrossEntropyLoss", avg_non_ignore=False), logits, label), expected)


@pytest.mark.parametrize("share", [0.1, 0.5, 1e-9])
def test_the_hardest_pixels_are_a_share_of_those_that_count(share):
    logits, label = sample(3)
    weight = np.array([1, 2, 0.5], np.float32)

    def hardest(x, y):
        valid = y != 255
        each = F.cross_entropy(x, y, torch.tensor(weight), ignore_index=255, reduction="none")
        values, classes = each[valid], y[valid]
        chosen = values.topk(max(1, int(share * len(values)))).indices
        return values[chosen].sum() / torch.tensor(weight)[classes[chosen]].sum()

    loss = make("CrossEntropyLoss", weight=weight.tolist(), top_k_percent_pixels=share)
    assert_alike(run(loss, logits, label), torchs(hardest, logits, label))


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("pos_weight", [None, 2, 0.5, [3]])
def test_binary_cross_entropy_is_pytorchs(soft, pos_weight):
    logits, label = sample(1, soft=soft)
    factor = None if pos_weight is None else torch.tensor(pos_weight, dtype=torch.float32)

    def loss(x, y):
        valid = y != 255
        return F.binary_cross_entropy_with_logits(
            x[:, 0][valid], y[valid].float(), pos_weight=factor
        )

    expected = torchs(loss, logits, label)
    assert_alike(run(make("BCELoss", pos_weight=pos_weight), logits, label), expected)


def test_distillation_is_pytorchs():
    (student, label), (teacher, _) = sample(3), sample(3, seed=1)
    loss = MENDED["DistillCrossEntropyLoss"]()
    got = run(lambda x, y: loss(x, paddle.to_tensor(teacher), y), student, label)

    def soft(x, y):
        each = F.cross_entropy(x, torch.tensor(teacher).softmax(1), reduction="none")
        return each[y != 255].mean()

    assert_alike(got, torchs(soft, student, label))


def test_points_weigh_what_their_classes_do():
    _, label = sample(3, size=(2, 8, 9))
    rng = np.random.default_rng(3)
    row, column = rng.integers(0, 8, (2, 20)), rng.integers(0, 9, (2, 20))
    points = np.stack([(column + 0.5) / 9, (row + 0.5) / 8], 2).astype("float32")
    own = rng.normal(0, 1, (2, 3, 20)).astype("float32")
    loss = MENDED["PointCrossEntropyLoss"](weight=[1, 2, 0.5])
    got = run(lambda x, y: loss((x, paddle.to_tensor(points)), y), own, label)
    at_points = np.stack([label[n][row[n], column[n]] for n in range(2)])
    weight = torch.tensor([1, 2, 0.5])
    expected = torchs(lambda x, y: F.cross_entropy(x, y, weight, ignore_index=255), own, at_points)
    assert_alike(got, expected)
