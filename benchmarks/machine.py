"""What the benchmarks share: which machine this is, calls in turn, a process and its memory."""

import contextlib
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Sequence

from paddleseg_u2net.env import cores

# What engines for this network make use of, as Linux names it.
_INSTRUCTIONS = ["sse4_1", "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16"]
_INSTRUCTIONS += ["avx512_fp16", "amx_bf16", "amx_int8", "amx_fp16", "asimddp", "i8mm", "bf16"]


def _cpuinfo(key: str) -> str:
    try:
        content = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(rf"^{key}\s*: (.*)$", content, re.M)
    return found.group(1) if found else ""


def instruction_sets() -> List[str]:
    """Those of this processor that matter here; none where Linux does not say."""
    flags = set((_cpuinfo("flags") or _cpuinfo("Features")).split())
    return [name for name in _INSTRUCTIONS if name in flags]


def has_newer_than_avx2() -> bool:
    """Whether there is something that ``ONEDNN_MAX_CPU_ISA=AVX2`` switches off."""
    return any(name.startswith(("avx512", "amx", "avx_vnni")) for name in instruction_sets())


def describe() -> str:
    """The processor, its cores and instruction sets, and how busy the machine is."""
    name = _cpuinfo("model name") or platform.processor() or platform.machine()
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    return (
        f"{name}, {cores()} cores, {' '.join(instruction_sets()) or 'instruction sets not known'}\n"
        f"load average {load}: above {cores()} beforehand, times are worth little, ratios something"
    )


def arithmetic() -> str:
    """What changes the speed and the last bits of Paddle, which is loaded."""
    names = ("OMP_NUM_THREADS", "MKL_DEBUG_CPU_TYPE")
    settings = ", ".join(f"{name}={os.environ.get(name, 'not set')}" for name in names)
    return f"{settings}, the same for all that is compared"


def in_turn(calls: Dict[str, Callable[[], object]], rounds: int) -> Dict[str, List[float]]:
    """Seconds of each call, in turn for ``rounds`` rounds; a first one is not counted, in which
    engines plan and allocate.
    """
    times: Dict[str, List[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if number:
                times[name].append(time.perf_counter() - started)
    return times


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


class Run(NamedTuple):
    """A process that ended: wall time, its own peak memory, that of it and its children together
    where it had any, and the seconds that it and they kept the processor busy.
    """

    seconds: float
    peak: int
    peak_of_all: int
    processor: float


# A process begins with the memory of the one that started it as its peak, so that it is started by
# a small one, which writes wall time, peak (KiB, on macOS bytes) and processor's time to the file
# of its argument.
_STARTER = """
import os, sys, time
started = time.perf_counter()
number = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(number, 0)
with open(sys.argv[1], "w") as file:
    busy = usage.ru_utime + usage.ru_stime
    print(time.perf_counter() - started, usage.ru_maxrss, busy, file=file)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(command: Sequence[object], env: Dict[str, str]) -> Run:
    """Run a command to its end; what it says is shown only if it fails."""
    words = list(map(str, command))
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "result"
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _STARTER, str(result), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
        watch = _Watch(process.pid)
        follower = threading.Thread(target=watch.follow, daemon=True)
        follower.start()
        output = process.communicate()[0]
        watch.ended.set()
        follower.join()
        if process.returncode:
            text = output.decode(errors="replace")[-4000:]
            sys.exit(f"{' '.join(words)}: ended with {process.returncode}:\n{text}")
        seconds, peak, busy = result.read_text().split()
    peak_bytes = int(peak) * (1 if sys.platform == "darwin" else 1024)
    return Run(float(seconds), peak_bytes, max(peak_bytes, watch.peak_of_all), float(busy))


class _Watch:
    """Adds up the memory of several processes of a session, which the kernel's own peak does not;
    the first one, which only starts the others, is left out.
    """

    def __init__(self, session: int) -> None:
        self.session, self.ended = session, threading.Event()
        self.peak_of_all = 0

    def follow(self) -> None:
        while not self.ended.wait(0.1):
            sizes = [size for size in map(self._size, Path("/proc").glob("[0-9]*")) if size]
            if len(sizes) > 1:
                self.peak_of_all = max(self.peak_of_all, sum(sizes))

    def _size(self, folder: Path) -> int:
        """Bytes of one process, its share only of what it shares; 0 for those of others."""
        with contextlib.suppress(OSError, IndexError):  # it may end at any moment
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == self.session != int(folder.name):
                content = (folder / "smaps_rollup").read_text()
                return 1024 * int(content.split("Pss:", 1)[1].split()[0])
        return 0
