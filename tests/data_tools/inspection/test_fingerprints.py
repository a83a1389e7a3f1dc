"""Which pictures are nearly the same, and which only have the same hash."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.inspection.near_duplicates import (
    fingerprint,
    similar,
)
from paddleseg_u2net.io.images import find_images, read_image
from tests.data_tools.inspection.making import texture


def jpeg(picture, quality):
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))


def found(pictures, bits=8, starts=(0,)):
    return list(similar([fingerprint(picture) for picture in pictures], list(starts), bits))


@pytest.mark.parametrize(
    "change",
    [
        lambda a: jpeg(a, 40),
        lambda a: cv2.resize(a, (100, 75), interpolation=cv2.INTER_AREA),
        lambda a: cv2.resize(a, (400, 300), interpolation=cv2.INTER_CUBIC),
        lambda a: (a * 0.8).astype(np.uint8),
        lambda a: np.repeat(cv2.cvtColor(a, cv2.COLOR_RGB2GRAY)[..., None], 3, 2),
        lambda a: np.dstack([a, np.full(a.shape[:2], 9, np.uint8)]),
    ],
    ids=["jpeg", "half", "twice", "darker", "grey", "alpha"],
)
def test_a_picture_is_known_again(change):
    for seed in range(5):
        picture = texture(seed, (150, 200))
        (one,) = found([picture, texture(99), change(picture)])
        assert one[:2] == (0, 2)


def test_different_pictures_are_not_similar():
    assert found([texture(seed) for seed in range(60)], bits=12) == []


def test_the_same_hash_with_other_details_is_not_similar():
    rng = np.random.default_rng(0)
    shade = np.linspace(20, 220, 200)[None, :, None] + np.linspace(0, 30, 150)[:, None, None]
    pictures = [
        np.clip(shade + 6 * cv2.resize(rng.normal(size=(40, 40, 3)), (200, 150)), 0, 255)
        for _ in range(8)
    ]
    prints = [fingerprint(picture.astype(np.uint8)) for picture in pictures]
    prints = [item._replace(hash=prints[0].hash) for item in prints]
    assert list(similar(prints, [0], 4)) == []


@pytest.mark.realdata
def test_no_two_different_retinas_are_called_the_same(shared):
    """They all look alike: of these 1225 pairs many have nearly the same hash."""
    folder = shared / "data/optic_disc_seg/JPEGImages"
    prints = [fingerprint(read_image(path)) for path in find_images(folder)]
    assert list(similar(prints, [0], 16)) == []
