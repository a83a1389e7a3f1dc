"""Scores of moving mattes: change against the true change, and motion without a truth."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from paddleseg_u2net.metrics import SCORES, MapMaskPair
from tests.oracles import matting_literal as literal

DT, WARP = (SCORES[key].metric for key in ("dtSSD", "Warp"))
RNG = np.random.default_rng(0)
SOFT = [RNG.random((20, 30)) for _ in range(4)]


def picture(shape=(48, 64), seed=0):
    """A texture, by which motion is found."""
    noise = np.random.default_rng(seed).normal(0, 1, shape)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def followed(now, before):
    now.follow(before)
    return now


def warp(maps, images, **more):
    pairs = [MapMaskPair(one, image=image, **more) for one, image in zip(maps, images)]
    return WARP().score(followed(pairs[1], pairs[0]))


def test_change_by_hand():
    alpha = np.zeros((10, 10))
    before = MapMaskPair(alpha, alpha=alpha)
    now = alpha.copy()
    now[0, :4] = 0.5
    pair = followed(MapMaskPair(now, alpha=alpha), before)
    assert DT().score(pair) == pytest.approx(100 * math.sqrt(4 * 0.25 / 100))
    # A matte that changes as the true one does is right, however wrong it is.
    assert DT().score(followed(MapMaskPair(1 - now, alpha=alpha), before)) > 0
    same = followed(
        MapMaskPair(np.clip(now + 0.3, 0, 1), alpha=now), MapMaskPair(alpha + 0.3, alpha=alpha)
    )
    assert DT().score(same) == pytest.approx(0, abs=1e-12)


def test_change_as_written_down():
    matte, matte_before, alpha, alpha_before = SOFT
    pair = followed(MapMaskPair(matte, alpha=alpha), MapMaskPair(matte_before, alpha=alpha_before))
    expected = literal.change_error(*SOFT)
    assert DT().score(pair) == pytest.approx(expected, rel=1e-12)


def test_change_is_of_pixels_that_both_frames_have():
    matte, matte_before, alpha, alpha_before = SOFT
    one, other = np.ones(alpha.shape, bool), np.ones(alpha.shape, bool)
    one[:, :10], other[:5] = False, False
    pair = followed(
        MapMaskPair(matte, alpha=alpha, valid=one),
        MapMaskPair(matte_before, alpha=alpha_before, valid=other),
    )
    expected = literal.change_error(*(each[5:, 10:] for each in SOFT))
    assert DT().score(pair) == pytest.approx(expected, rel=1e-12)
    pair = followed(
        MapMaskPair(matte, alpha=alpha, valid=one), MapMaskPair(matte, alpha=alpha, valid=~one)
    )
    assert math.isnan(DT().score(pair))


def test_a_first_frame_has_no_score_and_no_clip_is_kept():
    pairs = [MapMaskPair(one, alpha=one, image=picture((20, 30))) for one in SOFT]
    for kind in (DT, WARP):
        metric = kind()
        metric.update_pair(pairs[0])
        assert metric.undefined == metric.images == 1 and math.isnan(metric.compute())
    for before, now in zip(pairs, pairs[1:]):
        now.follow(before)
    assert pairs[3].before.before is None and pairs[2].before is not None


def test_what_moves_with_the_image_is_right():
    image, soft = picture((60, 80)), picture((60, 80), 1) / 255
    images = image[4:52, 6:70], image[2:50, 3:67]
    maps = soft[4:52, 6:70], soft[2:50, 3:67]
    assert warp(maps, images) < 0.1
    assert warp((soft[4:52, 6:70], soft[4:52, 6:70]), images) > 20
    assert warp(maps, (images[0], images[0])) > 20


def test_flicker_is_squared():
    image = picture()
    maps = np.full(image.shape, 0.6), np.full(image.shape, 0.8)
    assert warp(maps, (image, np.roll(image, 2, 1))) == pytest.approx(1000 * 0.04, rel=1e-9)


@pytest.mark.parametrize("shape", [(26, 34), (9, 40), (3, 5), (1, 1)])
def test_warp_as_written_down(shape):
    wide = picture((shape[0] + 4, shape[1] + 4))
    images = [np.ascontiguousarray(wide[at : at + shape[0], at : at + shape[1]]) for at in (0, 2)]
    maps = [np.random.default_rng(seed).random(shape) for seed in (1, 2)]
    more = [max(0, 16 - side) for side in shape]
    framed = [cv2.copyMakeBorder(i, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE) for i in images]
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back, forth = dis.calc(framed[1], framed[0], None), dis.calc(framed[0], framed[1], None)
    back, forth = (flow[: shape[0], : shape[1]] for flow in (back, forth))
    expected = literal.warp_error(maps[1], maps[0], back, forth)
    # OpenCV reads between pixels in steps of 1/32.
    assert warp(maps, images) == pytest.approx(expected, rel=0.1)


def test_colours_are_seen_as_greys():
    colours = np.stack([picture(seed=seed) for seed in range(3)], 2)
    grey = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    maps = [np.random.default_rng(seed).random(grey.shape) for seed in (1, 2)]
    moved = np.roll(colours, 2, 1), np.roll(grey, 2, 1)
    assert warp(maps, (colours, moved[0])) == warp(maps, (grey, moved[1]))


def test_ignored_pixels_of_either_frame_do_not_count():
    image = picture()
    valid = np.ones(image.shape, bool)
    valid[:, :20] = False
    still = np.full(image.shape, 0.5)
    for number in (0, 1):
        maps = [still, still.copy()]
        maps[number] = np.where(valid, 0.5, 0.9)
        found = warp(maps, (image, image), valid=valid)
        assert found == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WARP().score(MapMaskPair(SOFT[0])), "expected the image of each frame"),
        (lambda: MapMaskPair(SOFT[0]).follow(MapMaskPair(SOFT[0].T)), r"frame .*\(30, 20\)"),
        (lambda: MapMaskPair(SOFT[0], image=SOFT[1]), "image .* of uint8, got float64"),
        (lambda: MapMaskPair(SOFT[0], image=picture()), r"its image, \(48, 64\)"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
