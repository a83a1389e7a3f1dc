"""The library call: whatever a picture comes as, its map is the same."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net import Predictor
from paddleseg_u2net.inference import Augment
from paddleseg_u2net.io.images import ImageError, read_image
from paddleseg_u2net.predictor.predictor import as_image
from paddleseg_u2net.weights import write_weights
from tests.inference.exporting import picture
from tests.weights import narrow


@pytest.fixture(scope="module")
def weights(narrow_weights) -> Path:
    return narrow_weights


@pytest.fixture(scope="module")
def predictor(weights) -> Predictor:
    return Predictor(weights, threads=1)


def png(array, **more) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG", **more)
    return stream.getvalue()


def turned(array) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return png(array, exif=exif)


def test_every_kind_of_picture_gives_the_same_map(predictor, tmp_path):
    array = picture()
    content = png(array)
    (tmp_path / "a.png").write_bytes(content)
    path = tmp_path / "a.png"
    kinds = [path, str(path), content, bytearray(content), memoryview(content), array]
    kinds += [Image.open(path), Image.fromarray(array), array[::-1][::-1]]
    maps = [predictor(kind) for kind in kinds]
    assert maps[0].shape == (30, 50) and maps[0].dtype == np.float32
    assert 0 <= maps[0].min() < 0.1 and 0.9 < maps[0].max() <= 1  # `official` stretches maps
    for found in maps[1:]:
        np.testing.assert_array_equal(found, maps[0])


def test_orientation_is_that_of_the_viewer(predictor, tmp_path):
    content = turned(picture())
    (tmp_path / "a.png").write_bytes(content)
    upright = np.rot90(picture(), -1)
    opened = Image.open(tmp_path / "a.png")
    for kind in (tmp_path / "a.png", content, Image.open(io.BytesIO(content)), opened):
        np.testing.assert_array_equal(as_image(kind), upright)
    np.testing.assert_array_equal(as_image(opened.convert("RGB")), upright)
    assert predictor(content).shape == (50, 30)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4)])
def test_channels_of_arrays_are_those_of_files(tmp_path, channels, shape):
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    flat = array[..., 0] if array.shape[2:] == (1,) else array
    (tmp_path / "a.png").write_bytes(png(flat))
    expected = read_image(tmp_path / "a.png", channels)
    kept = array.copy()
    np.testing.assert_array_equal(as_image(array, channels), expected)
    np.testing.assert_array_equal(array, kept)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (None, "picture: expected a path, a file's bytes.* got NoneType"),
        (np.zeros((4, 4), np.float32), "expected a uint8 array.*multiply by 255"),
        (np.zeros((4, 4, 2), np.uint8), r"got uint8 \(4, 4, 2\)"),
        (np.zeros((0, 4, 3), np.uint8), r"got uint8 \(0, 4, 3\)"),
        (b"", "picture: expected a picture, found an empty file"),
        (Image.fromarray(np.zeros((2, 2), np.float32)), "floating point"),
        (Image.new("RGB", (0, 3)), "picture: expected a picture of 1x1 or more"),
        ("nowhere.png", "nowhere.png: expected a picture file, found nothing"),
    ],
)
def test_what_is_no_picture_is_refused(predictor, wrong, words):
    with pytest.raises(ImageError, match=words):
        predictor(wrong)


def test_a_truncated_picture_is_refused_as_bytes_and_by_pillow(predictor):
    content = png(picture(200, 200))[:5000]
    for kind in (content, Image.open(io.BytesIO(content))):
        with pytest.raises(ImageError, match="truncated or damaged"):
            predictor(kind)


def test_a_batch_of_mixed_sizes_and_kinds(predictor):
    pictures = [picture(), png(picture(9, 80)), Image.fromarray(picture(41, 3))]
    found = predictor.batch(iter(pictures))
    assert [item.shape for item in found] == [(30, 50), (9, 80), (41, 3)]
    for item, alone in zip(found, map(predictor, pictures)):
        np.testing.assert_array_equal(item, alone)
    assert predictor.batch([]) == []


def test_a_batch_names_the_picture_that_is_wrong(predictor):
    maps = predictor.stream([picture(), None])
    assert next(maps).shape == (30, 50)
    with pytest.raises(ImageError, match="picture 1 of the batch: expected"):
        next(maps)
    with pytest.raises(TypeError, match="expected several pictures, got one"):
        predictor.batch("a.png")


@pytest.mark.parametrize("backend", ["paddle", "openvino", "ncnn"])
def test_threads_share_one(weights, backend):
    pytest.importorskip(backend)
    if backend == "openvino":
        pytest.importorskip("onnx")
    shared = Predictor(weights, backend=backend, threads=1)
    assert shared.backend == backend and shared.source == weights
    pictures = [picture(20 + n, 30, seed=n) for n in range(12)]
    alone = [shared(item) for item in pictures]
    with ThreadPoolExecutor(4) as pool:
        for found, expected in zip(pool.map(shared, pictures), alone):
            np.testing.assert_array_equal(found, expected)


def test_augmentation_and_upsampling_have_an_effect(weights, predictor):
    plain = predictor(picture(400, 500))
    for more in ({"augment": Augment((1.0,), True)}, {"upsampling": "guided"}):
        found = Predictor(weights, threads=1, **more)(picture(400, 500))
        assert found.shape == (400, 500) and not np.array_equal(found, plain)


def test_cut_outs_are_upright_and_keep_transparency(predictor):
    image = np.dstack([picture(60, 80), np.full((60, 80), 128, np.uint8)])
    found = predictor.cutout(image)
    share = np.rint(np.clip(predictor(image), 0, 1) * 255)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found[..., 3], share * 128 / 255, atol=1)
    turned = Image.fromarray(image[..., :3])
    turned.getexif()[0x0112] = 6
    assert predictor.cutout(turned).shape == (80, 60, 4)


def test_maps_and_cut_outs_of_classes(tmp_path):
    write_weights(tmp_path / "three.pdparams", narrow.state(num_classes=3))
    with_classes = Predictor(tmp_path / "three.pdparams", threads=1)
    maps = with_classes(picture())
    assert maps.shape == (3, 30, 50)
    np.testing.assert_allclose(maps.sum(0), 1, atol=1e-5)
    found = with_classes.cutout(picture())
    np.testing.assert_allclose(found[..., 3] / 255, 1 - maps[0], atol=3e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": "u2nett"}, "did you mean u2net"),
        ({"model": "no/such/file.pth"}, "found nothing"),
        ({"backend": "tensorrt"}, "backend: expected auto, paddle"),
        ({"backend": "paddle-inference"}, "paddle-inference does not run it"),
        ({"threads": 1.5}, r"threads: expected .*, got 1\.5"),
        ({"upsampling": "magic"}, "upsampling: expected one of bilinear, guided"),
    ],
)
def test_what_cannot_be_had_is_refused(weights, arguments, words):
    with pytest.raises(ValueError, match=words):
        Predictor(**{"model": weights, **arguments})
