"""The predictor around networks that are written out: each variant against a slow literal one."""

from __future__ import annotations

import math

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)
from paddleseg_u2net.inference import Augment, Pipeline, Preprocess, Window, classes_of
from paddleseg_u2net.inference.pipeline import activate
from paddleseg_u2net.inference.preprocess import minmax_normalise
from paddleseg_u2net.inference.upsampling import guided


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def inputs(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def pointwise(batch):
    """One logit a pixel, of that pixel's channels only."""
    return 2 * batch[:, :1] - batch[:, 1:2] + 0.5


def three_classes(batch):
    return np.concatenate([batch[:, :1], -batch[:, 1:2], batch[:, 2:3] * 2], axis=1)


def blur(batch):
    """A network that knows neither left from right nor up from down: a 3x3 mean."""
    padded = np.pad(batch[:, :1], ((0, 0), (0, 0), (1, 1), (1, 1)))
    h, w = batch.shape[2:]
    return sum(padded[:, :, r : r + h, c : c + w] for r in range(3) for c in range(3)) / 9


def shift(batch):
    """A network that tells left from right and up from down: its neighbours, weighted."""
    padded = np.pad(batch[:, :1], ((0, 0), (0, 0), (1, 1), (1, 1)))
    h, w = batch.shape[2:]
    weights = np.arange(9, dtype=np.float32).reshape(3, 3) / 9
    return sum(
        weights[r, c] * padded[:, :, r : r + h, c : c + w] for r in range(3) for c in range(3)
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def predictor(network, size=None, **more):
    return Pipeline(network, Preprocess(size), **more)


@pytest.mark.parametrize("shape", [(1, 1), (33, 3)])
@pytest.mark.parametrize("size", [None, (8, 6)])
@pytest.mark.parametrize(("network", "classes"), [(pointwise, 1), (three_classes, 3)])
def test_a_picture_of_any_size_gives_probabilities_of_its_size(shape, size, network, classes):
    found = predictor(network, size)(noise(*shape, 3))
    assert found.shape == (classes, *shape) and found.dtype == np.float32
    assert found.min() >= 0 and found.max() <= 1 + 1e-6
    if classes > 1:
        np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


def test_the_network_sees_what_preprocess_makes():
    seen = []

    def network(batch):
        seen.append(batch)
        return batch[:, :1]

    image = noise(5, 7, 3)
    predictor(network, (8, 6), augment=Augment((1.0, 0.5), True, True))(image)
    assert [batch.shape[2:] for batch in seen] == [(6, 8)] * 4 + [(3, 4)] * 4
    assert all(batch.flags.c_contiguous and batch.dtype == np.float32 for batch in seen)
    np.testing.assert_array_equal(seen[0][0], Preprocess((8, 6))(image))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("logit", [1000, -1000, 0])
@pytest.mark.parametrize("classes", [1, 2, 3])
def test_large_logits_give_finite_probabilities(logit, classes):
    def network(batch):
        logits = np.zeros((len(batch), classes, *batch.shape[2:]), np.float32)
        logits[:, 0] = logit
        return logits

    found = predictor(network).probabilities(inputs(1, 3, 2, 2))
    assert np.isfinite(found).all()
    rest = 1 if classes == 1 else classes - 1
    expected = 0 if logit < -700 else 1 / (1 + rest * math.exp(-logit))
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-6)


def test_a_batch_gives_what_its_pictures_give_alone():
    batch = inputs(3, 3, 6, 7)
    augment = Augment((0.5, 1.0), True, True)
    for window in (None, Window((4, 3), (2, 2))):
        whole = predictor(shift, augment=augment, window=window).probabilities(batch)
        for number in range(3):
            alone = predictor(shift, augment=augment, window=window).probabilities(
                batch[number : number + 1]
            )
            np.testing.assert_allclose(whole[number], alone[0], atol=1e-6)


@pytest.mark.parametrize(
    ("flips", "axes"),
    [
        ((False, False), [()]),
        ((True, False), [(), (3,)]),
        ((False, True), [(), (2,)]),
        ((True, True), [(), (3,), (2,), (2, 3)]),
    ],
)
def test_flips_give_the_mean_of_the_logits_of_all_variants(flips, axes):
    batch = inputs(1, 3, 5, 7)
    logits = []
    for turned in axes:
        there = batch
        for axis in turned:
            there = np.take(there, np.arange(there.shape[axis])[::-1], axis)
        back = shift(there)
        for axis in turned:
            back = np.take(back, np.arange(back.shape[axis])[::-1], axis)
        logits.append(back)
    found = predictor(shift, augment=Augment((1.0,), *flips)).probabilities(batch)
    np.testing.assert_allclose(found, sigmoid(np.mean(logits, axis=0)), atol=1e-6)
    if len(axes) > 1:
        assert not np.allclose(found, sigmoid(shift(batch)), atol=1e-3)


def interpolated(array, shape):
    """Bilinear with half-pixel centres, along one axis after the other."""
    for axis, length in ((2, shape[0]), (3, shape[1])):
        old = array.shape[axis]
        at = np.clip((np.arange(length) + 0.5) * old / length - 0.5, 0, old - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, old - 1)
        part = (at - low).reshape([-1 if a == axis else 1 for a in range(4)])
        array = array.take(low, axis) * (1 - part) + array.take(high, axis) * part
    return array.astype(np.float32)


@pytest.mark.parametrize("scales", [(0.75, 1.0, 1.25), (0.01,)])
@pytest.mark.parametrize("flip", [False, True])
def test_scales_give_the_mean_of_the_logits_of_all_scales(scales, flip):
    batch = inputs(1, 3, 6, 9)
    logits = []
    for scale in scales:
        size = [max(1, int(side * scale + 0.5)) for side in (6, 9)]
        scaled = interpolated(batch, size)
        logits.append(interpolated(shift(scaled), (6, 9)))
        if flip:
            logits.append(interpolated(shift(scaled[..., ::-1])[..., ::-1], (6, 9)))
    found = predictor(shift, augment=Augment(scales, flip)).probabilities(batch)
    np.testing.assert_allclose(found, sigmoid(np.mean(logits, axis=0)), atol=5e-6)


@pytest.mark.parametrize("network", [shift, three_classes])
@pytest.mark.parametrize("shape", [(11, 13), (4, 5), (3, 20)])
@pytest.mark.parametrize("stride", [(3, 2), (5, 4)])
def test_windows_are_those_of_paddleseg(network, shape, stride):
    import paddle
    from paddleseg.core.infer import slide_inference

    batch = inputs(1, 3, *shape)

    def model(tensor):
        return [paddle.to_tensor(network(tensor.numpy()))]

    theirs = slide_inference(model, paddle.to_tensor(batch), crop_size=(5, 4), stride=stride)
    found = predictor(network, window=Window((5, 4), stride)).probabilities(batch)
    expected = predictor(lambda _: theirs.numpy()).probabilities(batch)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("stride", [(6, 4), (5, 5), (0, 4)])
def test_strides_that_cannot_be(stride):
    with pytest.raises(ValueError, match=r"stride: expected (at most crop_size \(5, 4\)|1)"):
        Window((5, 4), stride)


def test_one_class_is_foreground_from_one_half():
    probability = np.array([[[0.0, 0.4999, 0.5, 0.5001, 1.0]]], np.float32)
    found = classes_of(probability)
    assert found.dtype == np.uint8 and found.tolist() == [[0, 0, 1, 1, 1]]


@pytest.mark.parametrize("count", [2, 200])
def test_classes_of_more_are_the_most_probable(count):
    winner = np.random.default_rng(0).integers(0, count, (4, 5))
    probability = np.full((count, 4, 5), 0.001, np.float32)
    np.put_along_axis(probability, winner[None], 0.5, axis=0)
    found = classes_of(probability)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, winner)


def giving(gives, function, **more):
    """A network that says what it gives."""

    def network(batch):
        return function(batch)

    network.output_type = gives
    for name, value in more.items():
        setattr(network, name, value)
    return network


def probability_of(network):
    return giving("probability", lambda batch: activate(network(batch)))


@pytest.mark.parametrize("logits", [pointwise, three_classes])
def test_probabilities_are_used_as_they_are(logits):
    batch = inputs(2, 3, 5, 7)
    found = predictor(probability_of(logits)).probabilities(batch)
    np.testing.assert_array_equal(found, activate(logits(batch)))


@pytest.mark.parametrize("logits", [shift, three_classes])
def test_averages_of_probabilities_are_those_of_their_logits(logits):
    more = {"augment": Augment((1.0,), True), "window": Window((4, 3), (2, 2))}
    batch = inputs(2, 3, 6, 7)
    expected = predictor(logits, **more).probabilities(batch)
    found = predictor(probability_of(logits), **more).probabilities(batch)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    plain = predictor(logits).probabilities(batch)
    assert np.abs(plain - expected).max() > 1e-3 or logits is three_classes


def test_class_numbers_become_planes_and_are_not_averaged():
    numbers = np.array([[[0, 1, 2, 1]]], np.int64)
    three = giving("argmax", lambda batch: numbers, num_classes=3)
    found = predictor(three).probabilities(inputs(1, 3, 1, 4))
    np.testing.assert_array_equal(found[0, :, 0], np.eye(3, dtype=np.float32)[:, [0, 1, 2, 1]])
    one = giving("argmax", lambda batch: numbers % 2, num_classes=1)
    np.testing.assert_array_equal(
        predictor(one).probabilities(inputs(1, 3, 1, 4))[0], [[[0, 1, 0, 1]]]
    )
    for more in ({"augment": Augment((1.0,), True)}, {"window": Window((2, 1), (1, 1))}):
        with pytest.raises(ValueError, match="class numbers"):
            predictor(three, **more)
    predictor(three, augment=Augment())  # nothing is averaged


def test_guided_upsampling_follows_the_picture():
    image = noise(40, 50, 3)
    bilinear = Pipeline(pointwise, Preprocess((10, 8)))
    guiding = Pipeline(pointwise, Preprocess((10, 8)), upsampling="guided")
    probability = guiding.probabilities(guiding.prepare(image)[None])[0]
    found = guiding.restore(probability, image)
    np.testing.assert_array_equal(found, guided(probability, image))
    np.testing.assert_array_equal(found, guiding(image))
    assert np.abs(found - bilinear(image)).max() > 1e-3
    same = guiding.restore(probability, image[:8, :10])
    np.testing.assert_array_equal(same, probability)


def test_guided_upsampling_of_stretched_maps():
    image = noise(40, 50, 3)
    guiding = Pipeline(pointwise, Preprocess((10, 8), type="official"), upsampling="guided")
    probability = guiding.probabilities(guiding.prepare(image)[None])[0]
    expected = guided(minmax_normalise(probability).astype(np.float32), image)
    np.testing.assert_array_equal(guiding.restore(probability, image), expected)


def test_guided_upsampling_needs_the_picture():
    guiding = Pipeline(pointwise, Preprocess((10, 8)), upsampling="guided")
    with pytest.raises(TypeError, match="expected an image"):
        guiding.restore(np.zeros((1, 8, 10), np.float32), (40, 50))
    with pytest.raises(ValueError, match="upsampling: expected one of bilinear, guided"):
        Pipeline(pointwise, Preprocess(), upsampling="nearest")


@pytest.mark.parametrize("scales", [(), (0,), (1.0, math.nan)])
def test_scales_that_cannot_be(scales):
    with pytest.raises(ValueError, match="scales: expected one or more numbers above 0"):
        Augment(scales)
