import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from paddleseg_u2net.io.video import Frame, Video, VideoError, VideoInfo
from paddleseg_u2net.video.live.cameras import LiveFrame, Played, Source
from paddleseg_u2net.video.live.delays import Delays
from paddleseg_u2net.video.live.newest import Newest

BLANK = np.zeros((4, 6, 3), np.uint8)


class Steps(Source):
    """Gives frames when it is told to; fails at the end, if it should."""

    name, size, rate = "camera 0", (6, 4), Fraction(25)

    def __init__(self, count, error=None):
        self.count, self.error, self.closed = count, error, False
        self.go = threading.Semaphore(0)

    def __iter__(self):
        for number in range(self.count):
            self.go.acquire()
            yield LiveFrame(Frame(BLANK, Fraction(number, 25), number), number / 25)
        if self.error:
            self.go.acquire()
            raise self.error

    def close(self):
        self.closed = True


def _until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def _number(frames):
    return next(frames).frame.number


def test_the_newest_wins_and_older_ones_are_counted():
    source = Steps(8)
    with Newest(source) as newest:
        frames = iter(newest)
        source.go.release()
        assert _number(frames) == 0
        source.go.release(4)
        _until(lambda: newest.came == 5)
        assert _number(frames) == 4
        assert newest.dropped == 3
        assert newest.interval == pytest.approx(1 / 25)
        source.go.release(3)
        _until(lambda: newest.came == 8)
        assert [came.frame.number for came in frames] == [7]  # the last one is never lost
        assert newest.dropped == 5
    assert source.closed


def test_an_error_comes_behind_the_last_frame():
    source = Steps(1, VideoError("camera 0", "it is gone"))
    with pytest.raises(VideoError, match="camera 0: it is gone"), Newest(source) as newest:
        source.go.release(2)
        for number, came in enumerate(newest):
            assert came.frame.number == number == 0
    assert source.closed


def test_nobody_waits_once_it_has_ended():
    source = Steps(1)
    with Newest(source) as newest:
        waiting = threading.Thread(target=lambda: list(newest))
        waiting.start()
        with newest.ended():
            pass
        waiting.join(10)
        assert not waiting.is_alive()
        source.go.release()


class Clip(Video):
    """Frames at these times, each of which takes so long to be read."""

    def __init__(self, times, clock, reading):
        super().__init__()
        self.info = VideoInfo(4, 6, Fraction(10), len(times), None, ())
        self.times, self.clock, self.reading = times, clock, reading

    def __iter__(self):
        for number, at in enumerate(self.times):
            self.clock[0] += self.reading
            yield Frame(BLANK, Fraction(at).limit_denominator(100), number)


@pytest.mark.parametrize("reading, came", [(0.02, [1.02, 1.12, 1.42]), (0.3, [1.3, 1.6, 1.9])])
def test_a_file_is_played_at_its_own_times(reading, came):
    clock = [1.0]

    def wait(seconds):
        clock[0] += seconds

    clip = Clip([0, 0.1, 0.4], clock, reading)
    with Played("clip.mp4", clip, lambda: clock[0], wait) as played:
        assert (played.size, played.rate) == ((6, 4), 10)
        assert [live.came for live in played] == pytest.approx(came)


def test_delays_are_told_as_mean_share_and_rate():
    clock = [0.0]
    delays = Delays(lambda: clock[0])
    for delay in [0.02] * 18 + [0.1, 30.0]:
        clock[0] += 0.04
        delays.add(clock[0] - delay)
    values = np.array([20] * 18 + [100, 10_000])
    for part in (0.5, 0.9, 0.95, 1.0):
        expected = np.percentile(values, 100 * part, method="inverted_cdf")
        assert delays.share(part) == expected
    assert delays.frames == 20 and delays.seconds == pytest.approx(0.8)
    assert delays.told() == "25.0 frames/s, 1523 ms behind (95 %: 100 ms)"
    assert Delays().told() == "no frame"
