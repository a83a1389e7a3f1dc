"""How the process uses the machine; called before paddle is loaded."""

from __future__ import annotations

import contextlib
import io
import os
import warnings


def cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processes() -> int:
    """The number of processes that ``paddle.distributed.launch`` started, this one among them."""
    return max(1, int(os.environ.get("PADDLE_TRAINERS_NUM", "1")))


def load_paddle(with_paddleseg: bool = True) -> None:
    """Import paddle with a thread for every core that this process may use, and PaddleSeg unless
    told otherwise.

    Paddle uses one thread unless ``OMP_NUM_THREADS`` says otherwise, and prints a warning where it
    does; a value that the user has set is kept. Under ``paddle.distributed.launch`` the cores are
    shared among the processes.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // processes())))
    # OpenMP's threads spin for 0.2 s after each operator, in the way of whoever has work.
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import paddle  # noqa: F401

        if with_paddleseg:
            import paddleseg  # noqa: F401
    # Paddle 3 says this once a process, whatever one sets.
    warnings.filterwarnings("ignore", message="When training, we now always track")
