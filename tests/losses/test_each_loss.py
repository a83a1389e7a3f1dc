"""What holds for each loss of each pixel's logits, PaddleSeg's own among them."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.losses import HeadLosses
from tests.losses.mended import CASES, KINDS, make, run, sample

# isort: split
import paddle

EACH = pytest.mark.parametrize(("name", "channels"), CASES)
# PaddleSeg's own look at ignored pixels nowhere else but in their means.
RANDOM = ("DualTaskLoss",)
TOTALS = ("RMILoss",)  # a logarithm, which may be any number


@EACH
def test_a_label_is_not_changed(name, channels):
    logits, label = sample(channels)
    given = paddle.to_tensor(label)
    make(name)(paddle.to_tensor(logits), given)
    assert (given.numpy() == label).all() and given.dtype == paddle.int64


@EACH
def test_ignored_pixels_change_nothing(name, channels):
    logits, label = sample(channels)
    ignored = np.broadcast_to((label == 255)[:, None], logits.shape)
    loss, gradient = run(make(name), logits, label)
    assert (gradient[ignored] == 0).all() and np.abs(gradient).max() > 1e-5
    other = np.where(ignored, logits + 5, logits).astype("float32")
    assert run(make(name), other, label)[0] == pytest.approx(loss, rel=1e-6)


@EACH
def test_of_ignored_pixels_only_there_is_no_loss(name, channels):
    logits, label = sample(channels, void=2)
    loss, gradient = run(make(name), logits, label)
    assert loss == 0 or (name in TOTALS and np.isfinite(loss))
    assert (gradient == 0).all()


@EACH
@pytest.mark.parametrize("scale", [100, -100])
def test_extreme_logits_give_finite_numbers(name, channels, scale):
    logits, label = sample(channels)
    loss, gradient = run(make(name), np.sign(logits) * np.float32(scale), label)
    assert np.isfinite(loss) and np.isfinite(gradient).all()


@EACH
def test_a_gradient_step_makes_the_loss_smaller(name, channels):
    logits, label = sample(channels)
    before, gradient = run(make(name), logits, label)
    step = 1e-2 / np.abs(gradient).max()
    after, _ = run(make(name), (logits - step * gradient).astype("float32"), label)
    assert after < before


@EACH
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_ends_before_the_loss(name, channels, dtype):
    logits, label = sample(channels)
    half = paddle.to_tensor(logits).astype(dtype)
    paddle.seed(1)
    total, _ = HeadLosses(make(name)).parts([half], paddle.to_tensor(label))
    assert total.dtype == paddle.float32 and total.shape == []
    expected, _ = run(make(name), half.astype("float32").numpy(), label)
    assert float(total) == pytest.approx(expected, rel=1e-6)


@EACH
def test_labels_of_any_whole_dtype_are_taken(name, channels):
    logits, label = sample(channels)
    expected, _ = run(make(name), logits, label)
    for other in ("uint8", "int32", "float32"):
        paddle.seed(1)
        given = paddle.to_tensor(label.astype(other))
        total, _ = HeadLosses(make(name)).parts([paddle.to_tensor(logits)], given)
        assert float(total) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("name", "channels"), [case for case in CASES if case[1] == 1])
def test_soft_masks_are_taken_or_the_loss_is_named(name, channels):
    logits, label = sample(channels, soft=True)
    losses = HeadLosses(make(name))
    if not KINDS[name].soft:
        with pytest.raises(ValueError, match=f"^{name}: expected class numbers, got a soft mask"):
            losses.parts([paddle.to_tensor(logits)], paddle.to_tensor(label))
        return
    total, _ = losses.parts([paddle.to_tensor(logits)], paddle.to_tensor(label))
    cut, _ = run(make(name), logits, np.where(label == 255, 255, label > 0.5).astype("int64"))
    assert np.isfinite(float(total)) and abs(float(total) - cut) > 1e-4


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_labels_that_are_no_class_are_named(name, channels):
    logits, label = sample(channels)
    if not KINDS[name].refuses(channels):
        label[0, 3, 4] = 7
    with pytest.raises(ValueError, match=rf"^{name}: .*(got 7|got 0 to 7|it takes)"):
        HeadLosses(make(name)).parts([paddle.to_tensor(logits)], paddle.to_tensor(label))
