"""How the process uses the machine; called before paddle is loaded."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Iterator

from paddleseg_u2net.log import logger

_MKL = "MKL_DEBUG_CPU_TYPE"
# Signals that Paddle takes, where they are, and more than C's description of a handler needs.
_TAKEN = [
    getattr(signal, name)
    for name in ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGTERM")
    if hasattr(signal, name)
]
_STRUCT_SIGACTION = 1024
# Of <malloc.h>, and the most that glibc takes for the first.
_TRIM, _MAPPED, _LARGEST = -1, -3, 32 * 2**20


def cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_memory(most: int = 2**28) -> None:
    """Let glibc keep what is freed, up to so many bytes for each thread, for the next array.

    Otherwise it goes back to the system, and a photograph's pages are fetched and cleared again for
    each step of the next one, which takes longer than to decode it. What users set for it stays.
    """
    known = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if sys.platform != "linux" or known:
        return
    with contextlib.suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MAPPED, _LARGEST)
        mallopt(_TRIM, most)


def is_first_process() -> bool:
    """Whether this is the one that logs, of those that ``paddle.distributed.launch`` started."""
    return os.environ.get("PADDLE_TRAINER_ID", "0") == "0"


def processes() -> int:
    """The number of processes that ``paddle.distributed.launch`` started, this one among them."""
    return max(1, int(os.environ.get("PADDLE_TRAINERS_NUM", "1")))


def load_paddle(with_paddleseg: bool = True) -> None:
    """Import paddle with a thread for every core that this process may use, and PaddleSeg.

    What the user has set (``OMP_NUM_THREADS``, ``MKL_DEBUG_CPU_TYPE``) is kept, and signals stay
    with whom they were; where paddle has been imported before, all is as it is.
    """
    chosen = "paddle" not in sys.modules and _set_environment()
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _handlers_kept() if "paddle" not in sys.modules else contextlib.nullcontext():
            import paddle  # noqa: F401

        if with_paddleseg:
            import paddleseg  # noqa: F401
    if chosen:
        logger.info(
            f"{_MKL}=5 is set: without, Paddle's MKL takes its slowest kernels on AMD "
            "processors. It changes the last bits of results; set it to 0 to keep them"
        )
    # Paddle 3 says this once a process, whatever one sets.
    warnings.filterwarnings("ignore", message="When training, we now always track")


def _set_environment() -> bool:
    """Whether MKL's kernels were chosen."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // processes())))
    # OpenMP's threads spin for 0.2 s after each operator, in the way of whoever has work.
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    if _MKL in os.environ or not _is_amd_with_avx2():
        return False
    os.environ[_MKL] = "5"
    return True


def _is_amd_with_avx2() -> bool:
    """By what Linux says of the cores; False elsewhere."""
    try:
        words = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False
    return {"AuthenticAMD", "avx2"} <= set(words)


@contextlib.contextmanager
def _handlers_kept() -> Iterator[None]:
    """Leave all signals to those who had them.

    Paddle allocates memory in its handler: a SIGTERM in the middle of an allocation then waits for
    its own lock for ever. C's own call is asked, since a Predictor may be made in any thread, and
    handlers such as faulthandler's are not Python's.
    """
    if os.name != "posix":
        yield
        return
    sigaction = ctypes.CDLL(None).sigaction
    before = {number: ctypes.create_string_buffer(_STRUCT_SIGACTION) for number in _TAKEN}
    for number, action in before.items():
        sigaction(int(number), None, action)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        for number, action in before.items():
            sigaction(int(number), action, None)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
