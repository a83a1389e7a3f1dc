"""Where a new scene begins, and where none does: drawn frames."""

import cv2
import numpy as np
import pytest

from paddleseg_u2net.video.flow import Flow

SIDE = 96


def _texture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse, fine = (rng.integers(0, 255, (n, n)).astype(np.float32) for n in (10, 60))
    large = [cv2.resize(each, (300, 300), interpolation=cv2.INTER_CUBIC) for each in (coarse, fine)]
    return np.clip(0.6 * large[0] + 0.3 * large[1], 0, 255).astype(np.uint8)


ONE, OTHER = _texture(1), _texture(2)


def _view(texture: np.ndarray, x: int = 100, y: int = 100) -> np.ndarray:
    return np.ascontiguousarray(texture[y : y + SIDE, x : x + SIDE])


def _cuts(frames: list) -> list:
    flow = Flow()
    return [number for number, frame in enumerate(frames) if flow.push(frame).cut]


def test_another_scene_is_a_cut():
    frames = [_view(ONE, 100 + n) for n in range(4)] + [_view(OTHER, 100 + n) for n in range(4)]
    assert _cuts(frames) == [4]


@pytest.mark.parametrize("speed", [0, 3, 12])
def test_a_pan_is_none(speed):
    assert _cuts([_view(ONE, 60 + speed * n) for n in range(6)]) == []


def test_a_flash_is_none():
    bright = cv2.add(_view(ONE, 103), 70)
    frames = [_view(ONE, 101), _view(ONE, 102), bright, _view(ONE, 104), _view(ONE, 105)]
    assert _cuts(frames) == []


def test_a_fade_to_black_is_none():
    fading = [(_view(ONE) * share).astype(np.uint8) for share in np.linspace(1, 0, 9)]
    assert _cuts(fading) == []


def test_a_dissolve_leaves_the_old_scene_at_some_time():
    shares = np.linspace(0, 1, 3)
    frames = [cv2.addWeighted(_view(OTHER), s, _view(ONE), 1 - s, 0) for s in shares]
    assert len(_cuts(frames)) <= 1


def test_noise_and_something_passing_are_none():
    rng = np.random.default_rng(5)
    frames = []
    for number in range(6):
        frame = _view(ONE).astype(np.float32) + rng.normal(0, 8, (SIDE, SIDE))
        frame[:, 14 * number : 14 * number + 24] = 30
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    assert _cuts(frames) == []
