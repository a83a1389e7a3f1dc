"""Maps made steady: numbers, order, what strength 0 keeps, what skipped frames get."""

import numpy as np
import pytest

from paddleseg_u2net.video.flow import Flow, Motion, Step, grid
from paddleseg_u2net.video.steadier import Steadier

SHAPE = (48, 64)


def _still() -> Step:
    """A scene at rest that is seen all over."""
    motion = Motion(grid(*SHAPE).copy(), np.ones(SHAPE, np.float32))
    return Step(motion, motion, False)


def _steps(count: int) -> list:
    return [Step(None, None, False)] + [_still() for _ in range(count - 1)]


def _maps(count: int, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    return [(0.5 + rng.normal(0, 0.02, SHAPE)).clip(0, 1).astype(np.float32) for _ in range(count)]


def _run(steadier: Steadier, maps: list, steps: list) -> dict:
    found = {}
    for number, (canvas, step) in enumerate(zip(maps, steps)):
        found.update(steadier.push(number, canvas, step))
    found.update(steadier.flush())
    return found


@pytest.mark.parametrize("ahead", [0, 2])
def test_strength_0_keeps_maps_bit_for_bit(ahead):
    maps = _maps(6)
    found = _run(Steadier(0, ahead), maps, _steps(6))
    assert all(np.array_equal(found[number], canvas) for number, canvas in enumerate(maps))


def test_a_map_waits_for_as_many_as_are_asked_for():
    steadier, given = Steadier(0.5, 2), []
    for number, (canvas, step) in enumerate(zip(_maps(7), _steps(7))):
        given.append([ready for ready, _ in steadier.push(number, canvas, step)])
    assert given == [[], [], [], [0, 1], [], [2, 3], []]
    assert [ready for ready, _ in steadier.flush()] == [4, 5, 6]


def test_skipped_maps_come_from_neighbours():
    maps = _maps(5)
    for ahead in (0, 2):
        found = _run(Steadier(0, ahead), [maps[0], None, maps[2], None, maps[4]], _steps(5))
        assert np.abs(found[1] - maps[0]).max() < 0.2
        assert np.array_equal(found[2], maps[2])


@pytest.mark.parametrize("ahead", [0, 99])
def test_maps_of_a_scene_at_rest_are_their_weighted_mean(ahead):
    rng = np.random.default_rng(4)
    values = rng.uniform(0.2, 0.8, 8)
    kept = 1 - 1 / 6
    found = _run(Steadier(0.5, ahead), [np.full(SHAPE, v, np.float32) for v in values], _steps(8))
    for at, own in enumerate(values):
        seen = slice(0, 8 if ahead else at + 1)
        weights = kept ** np.abs(np.arange(8) - at)[seen]
        mean = (weights * values[seen]).sum() / weights.sum()
        vote = mean + min(1, weights.sum() - 1) * (3 * mean**2 - 2 * mean**3 - mean)
        assert np.allclose(found[at], own + 0.5 * (vote - own), atol=1e-5)


def test_an_outline_a_pixel_off_is_left_alone():
    maps = []
    for number in range(7):
        canvas = np.zeros(SHAPE, np.float32)
        canvas[:, : 30 + number % 2] = 1
        maps.append(canvas)
    found = _run(Steadier(1, 3), maps, _steps(7))
    assert all(np.abs(found[n] - maps[n]).max() < 0.3 for n in range(7))


def test_a_patch_of_one_frame_goes():
    maps = [np.zeros(SHAPE, np.float32) for _ in range(7)]
    maps[3][10:30, 10:30] = 1
    found = _run(Steadier(1, 3), maps, _steps(7))
    assert found[3].max() < 0.2


def test_a_skipped_map_moves_with_the_picture():
    # Everything goes 3 pixels to the right from frame to frame.
    back, forth = grid(*SHAPE).copy(), grid(*SHAPE).copy()
    back[..., 0] -= 3
    forth[..., 0] += 3
    sure = np.ones(SHAPE, np.float32)
    step = Step(Motion(back, sure), Motion(forth, sure), False)
    canvas = np.zeros(SHAPE, np.float32)
    canvas[10:30, 20:40] = 1
    found = _run(Steadier(1, 0), [canvas, None], [Step(None, None, False), step])
    assert np.array_equal(found[1], np.roll(canvas, 3, 1))
    later = _run(Steadier(1, 2), [None, canvas], [Step(None, None, False), step])
    assert np.array_equal(later[0], np.roll(canvas, -3, 1))


def test_a_scene_without_any_map_is_told():
    with pytest.raises(ValueError, match="frame 0: it has no map, and no neighbour"):
        _run(Steadier(1, 0), [None], _steps(1))


def test_a_cut_leaves_nothing_of_the_old_scene():
    old, new = np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    steps = _steps(6)
    steps[3] = Step(None, None, True)
    found = _run(Steadier(1, 3), [old] * 3 + [new] * 3, steps)
    assert all(np.array_equal(found[n], old if n < 3 else new) for n in range(6))


def test_a_moving_picture_is_followed():
    rng = np.random.default_rng(1)
    texture = np.kron(rng.integers(0, 255, (30, 30)), np.ones((4, 4))).astype(np.uint8)
    flow = Flow()
    flow.push(texture[20:84, 20:84].copy())
    step = flow.push(texture[18:82, 23:87].copy())
    inner = (slice(10, -10), slice(10, -10))
    assert not step.cut
    assert np.abs(np.median(step.back.flow[inner], (0, 1)) - (3, -2)).max() < 0.3
    assert np.abs(np.median(step.forth.flow[inner], (0, 1)) - (-3, 2)).max() < 0.3
    assert np.median(step.back.confidence[inner]) > 0.8
