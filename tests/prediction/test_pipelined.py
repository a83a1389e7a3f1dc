"""Steps of many items at once: order, look-ahead, errors, an early end."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from paddleseg_u2net.prediction.run import pipelined

SOON = 20  # seconds after which a test fails that would wait for ever


class Recorder:
    """Steps that write down what is done, and can be made to wait or fail."""

    def __init__(self, weights=None):
        self.weights = weights or {}
        self.lock = threading.Lock()
        self.events = []
        self.happened = {}

    def note(self, step, item):
        with self.lock:
            self.events.append((step, item))
            self.happened.setdefault((step, item), threading.Event()).set()

    def wait_for(self, step, item):
        with self.lock:
            event = self.happened.setdefault((step, item), threading.Event())
        assert event.wait(SOON), f"{step} of {item} did not happen meanwhile"

    def weight(self, item):
        return self.weights.get(item, 1)

    def read(self, item):
        self.note("read", item)
        return item

    def compute(self, item):
        self.note("compute", item)
        return item

    def write(self, item, computed):
        assert computed == item
        self.note("write", item)

    def of(self, step):
        return [item for name, item in self.events if name == step]


def ends(outcomes):
    with closing(outcomes):
        return [(item, repr(error) if error else None) for item, error in outcomes]


@pytest.mark.parametrize("count, threads", [(0, None), (1, 5), (100, 1), (100, None)])
def test_every_item_goes_through_every_step_in_order(count, threads):
    items = list(range(count))
    steps = Recorder()
    assert ends(pipelined(items, steps, 100, threads)) == [(item, None) for item in items]
    assert steps.of("compute") == items
    assert sorted(steps.of("read")) == sorted(steps.of("write")) == items


@pytest.mark.parametrize("threads", [1, 3])
def test_reading_runs_ahead_and_writing_behind(threads):
    class Steps(Recorder):
        def compute(self, item):
            assert threading.current_thread() is threading.main_thread()
            if item < 9:
                self.wait_for("read", item + 1)
            if item > 0:
                self.wait_for("write", item - 1)
            return super().compute(item)

    found = ends(pipelined(range(10), Steps(), 100, threads))
    assert found == [(item, None) for item in range(10)]


class Counted(Recorder):
    """Weighs what is begun and not yet told."""

    def __init__(self, weights=None):
        super().__init__(weights)
        self.most_items = self.most_weight = 0
        self.open = {}

    def read(self, item):
        with self.lock:
            self.open[item] = self.weight(item)
            self.most_items = max(self.most_items, len(self.open))
            self.most_weight = max(self.most_weight, sum(self.open.values()))
        return super().read(item)

    def write(self, item, computed):
        super().write(item, computed)
        with self.lock:
            del self.open[item]


@pytest.mark.parametrize("threads", [1, 2])
def test_only_so_many_items_are_begun(threads):
    class Slow(Counted):
        def compute(self, item):
            if item == 0:
                self.wait_for("read", 4 * threads - 1)
            return super().compute(item)

    steps = Slow()
    ends(pipelined(range(50), steps, 10**9, threads))
    assert steps.most_items == 4 * threads


def test_an_item_above_the_limit_is_alone():
    alone = []

    class Steps(Counted):
        def compute(self, item):
            alone.append((item, len(self.open)))
            return super().compute(item)

    steps = Steps({5: 101})
    assert len(ends(pipelined(range(20), steps, 100, 2))) == 20
    assert (5, 1) in alone
    before = steps.events.index(("read", 5))
    assert {item for step, item in steps.events[:before] if step == "write"} == set(range(5))


def test_no_step_begins_after_an_early_end():
    steps = Recorder()
    threads = threading.active_count()
    with closing(pipelined(range(100), steps, 100, 2)) as outcomes:
        for item, _ in outcomes:
            if item == 10:
                break
    assert threading.active_count() == threads
    events = list(steps.events)
    assert set(range(11)) <= set(steps.of("write"))
    assert len(steps.of("read")) <= 11 + 8
    assert steps.events == events
