from concurrent.futures import Future
from fractions import Fraction
from itertools import zip_longest

import numpy as np
import pytest

from paddleseg_u2net.inference import Pipeline, Preprocess
from paddleseg_u2net.io.video.types import Frame
from paddleseg_u2net.removal import Remover
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


class Later:
    """An executor whose work is done when it is told to."""

    def __init__(self):
        self.asked = []

    def submit(self, work, *given):
        future = Future()
        self.asked.append((future, work, given))
        if len(self.asked) == 1:  # which is waited for
            self.finish()
        return future

    def finish(self):
        future, work, given = self.asked[-1]
        future.set_result(work(*given))

    def shutdown(self, wait):
        self.ended = not wait


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


def _moved(number):
    """A texture that moves by two pixels a frame."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    x = x - 2 * number
    picture = 90 + 40 * np.sin(x / 3.1) * np.cos(y / 4.3) + 25 * np.sin(x / 7 + y / 5)
    picture[(x > 8) & (x < 26) & (y > 12) & (y < 36)] += 100
    return np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def test_frames_go_on_while_a_slow_network_works():
    clock, later = Clock(), Later()
    network = Network(clock, 0.1)
    settings = Settings(every=1, steady=0.0, **LIVE)
    live = LiveMatting(_remover(network), settings, 0.04, clock, later)
    found = [live(_moved(n), Fraction(n, 25)) for n in range(4)]
    # The first was waited for; the second was asked about, and the others have gone on.
    assert [matte.ran for matte in found] == [True, False, False, False] and len(later.asked) == 2
    later.finish()
    last = live(_moved(4), Fraction(4, 25))
    assert last.ran and (live.frames, live.ran) == (5, 2)
    # What was said of the second is where that is by now, three frames later.
    here = _remover().pipeline(_moved(4))[0] > 0.5
    middle = np.zeros_like(here)
    middle[8:-8, 16:-8] = True
    assert ((last.alpha > 127) == here)[middle].mean() > 0.95
    there = _remover().pipeline(_moved(1))[0] > 0.5
    assert ((last.alpha > 127) == there)[middle].mean() < 0.9
    assert len(later.asked) == 3  # and it is asked about the newest one
    live.close()
    assert later.ended


def test_a_network_with_time_enough_is_waited_for():
    clock = Clock()
    live = LiveMatting(_remover(Network(clock, 0.02)), Settings(every=2, **LIVE), 0.04, clock)
    ran = [live(_picture(n % 3), Fraction(n, 25)).ran for n in range(6)]
    assert ran == [True, False] * 3


@pytest.mark.parametrize(
    "network, rest, has_time",
    [([0.02], [0.01], True), ([0.03], [0.01], False), ([0.02, 0.02, 3.0], [0.01, 9.0, 0.01], True)],
)
def test_whether_there_is_time(network, rest, has_time):
    pace = LivePace(0.04)
    assert pace.has_time
    for seconds, others in zip_longest(network, rest):
        pace.measured(seconds, others)
    assert pace.has_time == has_time
    pace.interval = 1.0
    assert pace.has_time


def test_a_new_scene_waits_for_the_network():
    clock, later = Clock(), Later()
    settings = Settings(every=1, steady=0.0, **LIVE)
    live = LiveMatting(_remover(Network(clock, 0.1)), settings, 0.04, clock, later)
    for number in range(3):
        live(_moved(number), Fraction(number))
    assert len(later.asked) == 2
    later.submit = lambda work, *given: _done(work(*given))
    cut = live(np.ascontiguousarray(255 - _picture(3)), Fraction(3))
    assert cut.cut and cut.ran
    later.asked[-1][0].set_result(None)  # what it says of the scene before, nobody hears
    assert live(np.ascontiguousarray(255 - _picture(3)), Fraction(4)).cut is False


def _done(result):
    future = Future()
    future.set_result(result)
    return future


def test_a_network_that_fails_is_told_by_the_next_frame():
    later = Later()
    clock = Clock()
    settings = Settings(every=1, **LIVE)
    live = LiveMatting(_remover(Network(clock, 0.1)), settings, 0.04, clock, later)
    live(_picture(0), Fraction(0))
    live(_picture(1), Fraction(1))
    later.asked[-1][0].set_exception(RuntimeError("no such kernel"))
    with pytest.raises(RuntimeError, match="no such kernel"):
        live(_picture(2), Fraction(2))


def test_a_camera_that_is_turned_begins_anew():
    live = LiveMatting(_remover(), Settings(every=6, **LIVE))
    sizes = [(HEIGHT, WIDTH)] * 2 + [(WIDTH, HEIGHT)] * 2
    found = [live(_picture(n, size), Fraction(n)) for n, size in enumerate(sizes)]
    assert [matte.alpha.shape for matte in found] == sizes
    assert [matte.ran for matte in found] == [True, False, True, False]


def test_nothing_is_waited_for():
    with pytest.raises(ValueError, match="ahead: expected 0 of a camera, got 4"):
        LiveMatting(_remover(), Settings())
