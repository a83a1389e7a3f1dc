import numpy as np
import pytest

from paddleseg_u2net.video.flow import Flow, Motion, Step, grid
from paddleseg_u2net.video.pace import Pace, unknown
from paddleseg_u2net.video.settings import Settings, parse_every

BEGINNING, CUT = Step(None, None, False), Step(None, None, True)


def _step(confidence):
    motion = Motion(grid(*confidence.shape), confidence.astype(np.float32))
    return Step(motion, motion, False)


SURE, UNSURE = _step(np.ones((40, 40))), _step(np.zeros((40, 40)))


def _asked(every, steps):
    pace = Pace(every)
    return [pace(step) for step in steps]


def test_a_number_is_every_nth_frame_of_a_scene():
    steps = [BEGINNING, *[UNSURE] * 6, CUT, *[SURE] * 3]
    assert _asked(1, steps) == [True] * 11
    assert _asked(3, steps) == [t == "x" for t in "x..x..xx..x"]


def test_auto_asks_where_the_motion_is_not_trusted():
    for step, gap in ((UNSURE, 2), (_step(np.full((40, 40), 0.7)), 3), (SURE, 4)):
        asked = _asked("auto", [BEGINNING, *[step] * 12])
        assert asked == [number % gap == 0 for number in range(13)]


def test_auto_asks_at_cuts():
    assert _asked("auto", [BEGINNING, SURE, CUT, SURE]) == [True, False, True, False]


def test_what_is_told_is_the_worst_tenth():
    confidence = np.ones((100, 100), np.float32)
    confidence[:20, :50] = 0
    assert unknown(confidence) == pytest.approx(1)
    confidence[:20, 25:50] = 1
    assert unknown(confidence) == pytest.approx(0.5, abs=0.05)
    assert unknown(np.ones((7, 9), np.float32)) == 0


def test_a_turning_thing_is_seen_more_often_than_a_still_one():
    rng = np.random.default_rng(3)
    still = rng.integers(0, 256, (12, 12), np.uint8).repeat(8, 0).repeat(8, 1)
    flow, pace = Flow(), Pace("auto")
    calm = sum(pace(flow.push(still)) for _ in range(12))
    flow, pace = Flow(), Pace("auto")
    wild = 0
    for _ in range(12):
        frame = still.copy()
        frame[24:72, 24:72] = rng.integers(0, 256, (6, 6), np.uint8).repeat(8, 0).repeat(8, 1)
        wild += pace(flow.push(frame))
    assert calm == 3 and wild == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"every": 0}, "every: expected auto, or a whole number"),
        ({"every": "often"}, "every: .* got 'often'"),
        ({"every": True}, "every"),
        ({"steady": 1.5}, "steady: expected a number of 0"),
        ({"ahead": -1}, "ahead: expected a whole number of frames"),
        ({"presence": "x"}, "presence: expected a number"),
        ({"networks": -1}, "networks: expected"),
    ],
)
def test_settings_are_checked(words, message):
    with pytest.raises(ValueError, match=message):
        Settings(**words)


def test_words_of_every():
    assert [parse_every(text) for text in ("auto", "3", "x")] == ["auto", 3, "x"]
