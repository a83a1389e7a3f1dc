"""Steps of many items at once: in order, with reading ahead and writing behind."""

from __future__ import annotations

import threading

import pytest

from paddleseg_u2net.prediction.pipelining import pipelined

SOON = 20  # seconds after which a test fails that would wait for ever


class Steps:
    """Computing an item waits until the next one is read and the last one written."""

    def __init__(self, count):
        self.count, self.computed = count, []
        steps = [(step, item) for step in ("read", "write") for item in range(count)]
        self.happened = {step: threading.Event() for step in steps}

    def weight(self, item):
        return 1

    def read(self, item):
        self.happened["read", item].set()
        return item

    def compute(self, item):
        assert threading.current_thread() is threading.main_thread()
        assert item + 1 == self.count or self.happened["read", item + 1].wait(SOON)
        assert item == 0 or self.happened["write", item - 1].wait(SOON)
        self.computed.append(item)
        return item

    def write(self, item, computed):
        assert computed == item
        self.happened["write", item].set()


@pytest.mark.parametrize("count, threads", [(0, None), (1, 5), (10, 1), (50, None)])
def test_reading_runs_ahead_and_writing_behind(count, threads):
    steps = Steps(count)
    found = list(pipelined(range(count), steps, 100, threads))
    assert found == [(item, None) for item in range(count)]
    assert steps.computed == list(range(count))
