"""Steps that bring images to a size, and maps back, against PaddleSeg's transforms."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)

# isort: split
import paddle
from paddleseg import transforms as stock
from paddleseg.core.infer import reverse_transform

from paddleseg_u2net.inference import Pipeline, Preprocess, Window
from paddleseg_u2net.inference.description import described_preprocess
from paddleseg_u2net.inference.fitting import Fitting

MEAN, STD = (0.5, 0.4, 0.3), (0.5, 0.25, 0.2)
# A step, and PaddleSeg's transform.
STEPS = [
    ({"resize": [40, 24]}, stock.Resize((40, 24))),
    ({"resize": [60, 30], "keep_ratio": True}, stock.Resize((60, 30), keep_ratio=True)),
    (
        {"resize": [60, 30], "keep_ratio": True, "multiple": 32},
        stock.Resize((60, 30), keep_ratio=True, size_divisor=32),
    ),
    ({"resize": [33, 47], "multiple": 16}, stock.Resize((33, 47), size_divisor=16)),
    ({"short": 21}, stock.ResizeByShort(21)),
    ({"short": 90, "longest": 101}, stock.ResizeByShort(90, 101)),
    ({"long": 77}, stock.ResizeByLong(77)),
    ({"limit": [None, 30]}, stock.LimitLong(max_long=30)),
    ({"limit": [90, None]}, stock.LimitLong(min_long=90)),
    ({"limit": [20, 100]}, stock.LimitLong(min_long=20, max_long=100)),
    ({"pad": [80, 70]}, stock.Padding((80, 70))),
    ({"pad": [80, 70], "value": 0}, stock.Padding((80, 70), im_padding_value=0)),
    ({"pad_to_ratio": 2.0}, stock.PaddingByAspectRatio(2.0)),
    ({"pad_to_ratio": 0.5}, stock.PaddingByAspectRatio(0.5)),
]
SHAPES = [(37, 52), (52, 37), (45, 45)]


def noise(height, width, channels=3, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, (height, width, channels))
    return values.astype(np.uint8)


def by_paddleseg(image, *transforms):
    """The network's input, float32 (C, h, w), and what undoing the transforms needs."""
    # a copy: ResizeByShort changes itself
    made = [*copy.deepcopy(transforms), stock.Normalize(MEAN, STD)]
    transform = stock.Compose(made, to_rgb=False)
    data = transform({"img": image.astype(np.float32), "gt_fields": []})
    return np.asarray(data["img"], np.float32), data["trans_info"]


def fitted(*steps, **further):
    return Preprocess(mean=MEAN, std=STD, fit=list(steps), **further)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("step", "transform"), STEPS, ids=lambda item: str(item)[:40])
def test_a_step_is_what_paddleseg_does(step, transform, shape):
    image = noise(*shape)
    expected, _ = by_paddleseg(image, transform)
    found = fitted(step)(image)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("step", "transform"), STEPS, ids=lambda item: str(item)[:40])
def test_maps_come_back_as_paddleseg_brings_logits_back(step, transform, shape):
    image = noise(*shape)
    pad = {"pad": [160, 150]}, stock.Padding((160, 150))
    inputs, info = by_paddleseg(image, transform, pad[1])
    logits = np.random.default_rng(1).normal(0, 4, (1, 5, *inputs.shape[1:])).astype(np.float32)
    undone = reverse_transform(paddle.to_tensor(logits), info, mode="bilinear").numpy()
    preprocess = fitted(step, pad[0], restore="logits")
    pipeline = Pipeline(lambda batch: logits, preprocess)
    assert pipeline.prepare(image).shape == inputs.shape
    found = pipeline(image)
    expected = paddle.nn.functional.softmax(paddle.to_tensor(undone), axis=1).numpy()[0]
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert found.shape[1:] == shape
    assert (found.argmax(0) == undone[0].argmax(0)).mean() > 0.999  # but for ties of float32


def test_of_one_class_logits_come_back_too():
    image, logits = noise(20, 30), np.linspace(-9, 9, 60, dtype=np.float32).reshape(1, 1, 6, 10)
    pipeline = Pipeline(lambda batch: logits, fitted({"resize": [10, 6]}, restore="logits"))
    undone = reverse_transform(
        paddle.to_tensor(logits), [("resize", (20, 30))], mode="bilinear"
    ).numpy()
    np.testing.assert_allclose(pipeline(image), 1 / (1 + np.exp(-undone[0])), atol=2e-5)


def test_windows_slide_over_what_the_steps_make():
    seen = []

    def network(batch):
        seen.append(batch.shape[2:])
        return batch[:, :1]

    pipeline = Pipeline(network, fitted({"short": 16}), window=Window((16, 16), (8, 8)))
    assert pipeline(noise(32, 48)).shape == (1, 32, 48)
    assert set(seen) == {(16, 16)} and len(seen) == 2


def test_guided_upsampling_cuts_the_padding_off_first():
    image = noise(40, 60)
    plain = Pipeline(lambda batch: batch[:, :1], fitted({"resize": [30, 20]}), upsampling="guided")(
        image
    )
    padded = Pipeline(
        lambda batch: batch[:, :1],
        fitted({"resize": [30, 20]}, {"pad": [64, 64]}),
        upsampling="guided",
    )(image)
    np.testing.assert_allclose(padded, plain, atol=1e-6)


def test_a_description_makes_the_same_preprocessing():
    own = fitted({"short": 32, "longest": 64}, {"pad": [64, 64]}, restore="logits")
    described = described_preprocess(own)
    again = Preprocess(**described)
    assert described_preprocess(again) == described and str(again) == str(own)
    assert again.restores == "logits"
    image = noise(48, 64)
    np.testing.assert_array_equal(again(image), own(image))
    assert set(described_preprocess(Preprocess((4, 4)))) == {
        "type",
        "size",
        "mean",
        "std",
        "channels",
    }  # fmt: skip  (what earlier programs read)


def test_grey_images_keep_their_channel():
    preprocess = Preprocess(channels=1, fit=[{"long": 10}, {"pad": [12, 12]}])
    assert preprocess(noise(20, 16, 1)).shape == (1, 12, 12)


def test_the_size_behind_the_last_step():
    assert Fitting([{"short": 4}, {"pad": [9, 8]}]).last == (9, 8)
    assert Fitting([{"resize": [33, 47], "multiple": 16}]).last == (48, 48)
    assert Fitting([{"resize": [9, 8], "keep_ratio": True}]).last is None
    assert Fitting([{"short": 4}]).last is None and Fitting([]).last is None


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([{}], r"fit\.0: expected one of resize, short, .*got {}"),
        ([{"short": 4, "long": 5}], r"fit\.0: expected one of"),
        (["short"], r"fit\.0: expected one of"),
        ([{"long": 4}, {"short": 0}], r"fit\.1\.short: expected a whole number of 1"),
        ([{"short": 4, "max_size": 9}], r"fit\.0\.max_size: there is no such key; known: short, l"),
        ([{"resize": [4]}], r"fit\.0\.resize: expected two whole numbers"),
        ([{"limit": [9, 4]}], r"fit\.0\.limit: expected two whole numbers, the lower first"),
        ([{"limit": [None, None]}], r"fit\.0\.limit"),
        ([{"pad": [4, 4], "value": 300}], r"fit\.0\.value: expected a number from 0 to 255"),
        ([{"pad_to_ratio": -1}], r"fit\.0\.pad_to_ratio: expected a number above 0"),
    ],
)
def test_steps_that_are_none(steps, says):
    with pytest.raises(ValueError, match=says):
        Preprocess(fit=steps)


def test_what_does_not_go_together():
    with pytest.raises(ValueError, match=r"preprocess\.fit: size says"):
        Preprocess((4, 4), fit=[{"short": 4}])
    with pytest.raises(ValueError, match=r"preprocess\.fit: it goes with type paddleseg only"):
        Preprocess(type="zoo", fit=[{"short": 4}])
    with pytest.raises(ValueError, match=r"preprocess\.restore: it goes with type paddleseg"):
        Preprocess(type="official", restore="logits")
    with pytest.raises(ValueError, match="expected one of probability, logits, got 'log'"):
        Preprocess(restore="log")


def test_an_image_larger_than_its_padding_is_an_error():
    with pytest.raises(ValueError, match="at most 8x8 pixels .*got 9x4; put a step before"):
        fitted({"pad": [8, 8]})(noise(4, 9))
