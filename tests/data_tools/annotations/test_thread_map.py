"""Work on many files in threads."""

import threading

import pytest

from paddleseg_u2net.data_tools.annotations.sample import thread_map


def _stop_at_third():
    results = thread_map(lambda number: number, range(1000), "numbers")
    for number in results:  # which the error's traceback keeps
        if number == 2:
            raise ValueError("third")


def test_no_thread_is_left_where_the_results_are_left():
    """Threads that end when garbage is collected can end in the middle of another's start."""
    before = threading.active_count()
    with pytest.raises(ValueError, match="third") as caught:
        _stop_at_third()
    assert caught.tb is not None and threading.active_count() == before
