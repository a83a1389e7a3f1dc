from fractions import Fraction

import numpy as np
import pytest

from paddleseg_u2net.inference import Pipeline, Preprocess
from paddleseg_u2net.io.video.types import Frame
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.video.flow import Motion, Step
from paddleseg_u2net.video.live import LiveMatting
from paddleseg_u2net.video.live.pace import LivePace
from paddleseg_u2net.video.mattes import mattes
from paddleseg_u2net.video.settings import Settings

HEIGHT, WIDTH, COUNT = 48, 64, 10
LIVE = {"ahead": 0, "presence": 0.0, "live": True}


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self):
        return self.now


class Network:
    """Says that what is bright is the foreground; takes its time."""

    output_type = "probability"

    def __init__(self, clock=None, seconds=0.0):
        self.clock, self.seconds, self.seen = clock, seconds, 0

    def __call__(self, batch):
        self.seen += 1
        if self.clock:
            self.clock.now += self.seconds
        return (batch.mean(1, keepdims=True) > 0.3).astype(np.float32) * 0.9 + 0.05


def _picture(number, size=(HEIGHT, WIDTH)):
    y, x = np.mgrid[: size[0], : size[1]]
    picture = np.empty((*size, 3), np.uint8)
    picture[...] = (40 + 30 * np.sin(x / 3) * np.cos(y / 4))[..., None]
    picture[(x - 20 - 2 * number) ** 2 + (y - 24) ** 2 < 100] = 230
    return picture


def _remover(network=None):
    return Remover(Pipeline(network or Network(), Preprocess(size=(40, 40))))


def test_frames_get_what_a_video_without_look_ahead_gives():
    settings = Settings(every=1, steady=0.7, **LIVE)
    frames = [Frame(_picture(n), Fraction(n, 25), n) for n in range(COUNT)]
    live = LiveMatting(_remover(), settings, clock=Clock())
    for frame, expected in zip(frames, mattes(iter(frames), _remover(), settings)):
        found = live(frame.picture, frame.time)
        assert (found.frame.number, found.frame.time) == (frame.number, frame.time)
        assert found.ran and found.found == expected.found
        np.testing.assert_array_equal(found.alpha, expected.alpha)


def test_a_slow_network_runs_less_often():
    clock = Clock()
    network = Network(clock, 0.1)
    live = LiveMatting(_remover(network), Settings(every=1, **LIVE), 0.04, clock)
    ran = [live(_picture(n % 3), Fraction(n, 25)).ran for n in range(13)]
    # In 3 intervals of 40 ms, of which 90 % may be used, there are 108 ms.
    assert ran == [n % 3 == 0 for n in range(13)]
    assert live.pace.every == 3 and network.seen == 5
    live.pace.interval = 1.0
    assert all(live(_picture(n % 3), Fraction(n)).ran for n in range(3))


@pytest.mark.parametrize(
    "network, rest, every",
    [(0.02, 0.01, 1), (0.03, 0.01, 2), (0.1, 0.01, 4), (9.0, 0.01, 6), (0.001, 0.05, 6)],
)
def test_how_often_there_is_time(network, rest, every):
    pace = LivePace(1, 0.04)
    assert pace.every == 1
    pace.measured(network, rest)
    pace.measured(None, rest)
    assert pace.every == every


def test_one_slow_frame_changes_nothing():
    pace = LivePace(1, 0.04)
    for seconds in (0.02, 0.02, 3.0, 0.02):
        pace.measured(seconds, 0.01)
    assert pace.every == 1


def test_scenes_begin_with_the_network_however_slow_it_is():
    pace = LivePace(1, 0.04)
    sure = Motion(np.zeros((4, 4, 2), np.float32), np.ones((4, 4), np.float32))
    assert pace(Step(None, None, False))
    pace.measured(9.0, 0.01)
    assert not pace(Step(sure, sure, False))
    assert pace(Step(None, None, True))


def test_a_camera_that_is_turned_begins_anew():
    live = LiveMatting(_remover(), Settings(every=6, **LIVE))
    sizes = [(HEIGHT, WIDTH)] * 2 + [(WIDTH, HEIGHT)] * 2
    found = [live(_picture(n, size), Fraction(n)) for n, size in enumerate(sizes)]
    assert [matte.alpha.shape for matte in found] == sizes
    assert [matte.ran for matte in found] == [True, False, True, False]


def test_nothing_is_waited_for():
    with pytest.raises(ValueError, match="ahead: expected 0 of a camera, got 4"):
        LiveMatting(_remover(), Settings())
