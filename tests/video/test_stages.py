import subprocess
import sys
import threading
import time

import pytest

from paddleseg_u2net.video.stages import staged


def _counting(made, last=10**9):
    for number in range(last):
        made.append(number)
        yield number


def test_all_things_come_in_order_from_another_thread():
    threads = set()

    def things():
        for number in range(50):
            threads.add(threading.current_thread())
            yield number

    assert list(staged(staged(things(), 1), 3)) == list(range(50))
    assert len(threads) == 1 and threads != {threading.current_thread()}


def test_few_things_wait():
    made = []
    things = staged(_counting(made), 3)
    assert next(things) == 0
    deadline = time.monotonic() + 10
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.01)
    assert made == [0, 1, 2, 3, 4]  # one is taken, three wait, and one waits for its place
    things.close()


def test_an_error_comes_behind_what_was_made_before_it():
    def things():
        yield from (1, 2)
        raise OSError("the cable")

    came = []
    with pytest.raises(OSError, match="the cable"):
        for thing in staged(staged(things(), 1), 8):
            came.append(thing)
    assert came == [1, 2]


def test_closing_ends_the_threads_and_closes_what_they_read():
    before, closed = threading.active_count(), []

    def things():
        try:
            yield from _counting([])
        finally:
            closed.append(threading.current_thread())

    outer = staged(staged(things(), 2), 2)
    assert [next(outer) for _ in range(3)] == [0, 1, 2]
    outer.close()
    assert threading.active_count() == before
    assert closed and closed != [threading.current_thread()]


def test_nothing_runs_before_the_first_thing_is_asked_for():
    made = []
    things = staged(_counting(made), 2)
    time.sleep(0.005)
    assert made == []
    things.close()


def test_a_process_ends_though_nobody_closed_its_stages():
    """Threads that are stopped within a call of C++ would abort it."""
    code = """if True:
        import itertools, cv2, numpy as np
        from paddleseg_u2net.video.stages import staged
        picture = np.zeros((600, 800, 3), np.uint8)
        works = (cv2.GaussianBlur(picture, (0, 0), 3) for _ in itertools.count())
        kept = staged(staged(works, 1), 1)
        next(kept)
        import builtins
        builtins.kept = kept
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
