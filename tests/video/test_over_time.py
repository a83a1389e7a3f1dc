"""Levels that move slowly, and a gate that does not flash."""

import numpy as np
import pytest

from paddleseg_u2net.inference.preprocess import minmax_normalise
from paddleseg_u2net.video.gate import Gate
from paddleseg_u2net.video.levels import Levels


def _map(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, 20, dtype=np.float32).reshape(4, 5)


def test_levels_of_strength_0_are_those_of_single_pictures():
    levels = Levels(0)
    for canvas in (_map(0.1, 0.9), _map(0.2, 0.3), _map(0.4, 0.4)):
        assert np.allclose(levels(canvas), minmax_normalise(canvas[None])[0], atol=1e-6)


def test_levels_move_a_tenth_of_the_way():
    levels = Levels(1)
    assert np.allclose(levels(_map(0, 1)), _map(0, 1))
    # The highest value was 1 and is 0.6 now: 0.96 is stretched to 1.
    assert np.allclose(levels(_map(0, 0.6)), _map(0, 0.6) / 0.96, atol=1e-6)
    assert np.allclose(levels(_map(0, 0.6), cut=True), _map(0, 1), atol=1e-6)


def test_what_is_unsure_all_over_stays_so():
    assert Levels(1)(_map(0, 0.05)).max() == pytest.approx(0.1)


def _shares(gate: Gate, presences: list) -> list:
    return [gate.push(presence) for presence in presences]


def test_one_odd_frame_does_not_open_or_close_the_gate():
    assert _shares(Gate(0.5), [0.1, 0.1, 0.9, 0.1, 0.1]) == [0, 0, 0, 0, 0]
    assert _shares(Gate(0.5), [0.9, 0.9, 0.1, 0.9, 0.9]) == [1, 1, 1, 1, 1]


def test_presences_about_the_least_do_not_flicker():
    gate = Gate(0.5)
    shares = _shares(gate, [0.9, *[0.45, 0.55] * 10])
    assert shares == [1] * 21
    assert np.all(np.diff(_shares(gate, [0.05] * 12)) <= 0) and gate.push(None) == 0


def test_a_cut_opens_it_at_once_and_no_least_always():
    gate = Gate(0.5)
    gate.push(0.1)
    assert gate.push(0.9, cut=True) == 1 and gate.found
    assert gate.push(0.1, cut=True) == 0 and not gate.found
    assert _shares(Gate(0), [0.0, None, 0.0]) == [1, 1, 1]
