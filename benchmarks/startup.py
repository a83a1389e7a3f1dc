"""How long it takes to begin: ``python -m paddleseg_u2net --help``, and importing the package.

python benchmarks/startup.py OTHER_CHECKOUT [--runs 10]

Both sides in turn, each time in a new process: this checkout and the other one. Of the command the
whole process is timed, of the import the statement alone, without Python's own start.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
TIMED_IMPORT = (
    "import time; start = time.perf_counter(); import paddleseg_u2net; "
    "print(time.perf_counter() - start)"
)


def run(root: Path, *arguments: str) -> tuple[float, str]:
    """Seconds that a process took which finds the package in ``root``, and what it said."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - start, done.stdout


def help_seconds(root: Path) -> float:
    return run(root, "-m", "paddleseg_u2net", "--help")[0]


def import_seconds(root: Path) -> float:
    return float(run(root, "-c", TIMED_IMPORT)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="a checkout of another commit")
    parser.add_argument("--runs", type=int, default=10)
    arguments = parser.parse_args()
    other = arguments.other.resolve()
    for name, measure in (
        ("python -m paddleseg_u2net --help", help_seconds),
        ("import paddleseg_u2net", import_seconds),
    ):
        measure(other), measure(HERE)  # byte code is written
        pairs = [(measure(other), measure(HERE)) for _ in range(arguments.runs)]
        theirs, ours = (statistics.median(side) for side in zip(*pairs))
        print(
            f"{name}: {other} {1000 * theirs:.1f} ms, here {1000 * ours:.1f} ms, "
            f"ratio {ours / theirs:.2f}"
        )


if __name__ == "__main__":
    main()
