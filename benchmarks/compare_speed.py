"""Time and memory of the documented commands in two checkouts: did a change cost something?

    python benchmarks/compare_speed.py OTHER_CHECKOUT [--runs 5] [--only NAME ...]

Each row is run by both sides in turn, in new processes, on the same drawn images and the same
checkpoint (of the other side). Of a command the whole process is timed, start included; of
`import` the statement alone. Memory is the resident set of a command's largest process. Medians are
compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple, Sequence

HERE = Path(__file__).resolve().parents[1]
TIMED_IMPORT = (
    "import time; start = time.perf_counter(); import paddleseg_u2net; "
    "print(time.perf_counter() - start)"
)
TRAIN = "tools/train.py --config configs/RGB/U2Net/u2netp_own_data.yaml --save_interval 100"
OPTIONS = "--opts train_dataset.dataset_root=drawn val_dataset.dataset_root=drawn batch_size=2"

DRAW = "-m paddleseg_u2net draw --save_dir drawn --train 48 --val 48 --size 640 480"
CHECKPOINT = f"{TRAIN} --iters 1 --save_dir run {OPTIONS}"
MAPS = "tools/predict.py --model_path run/iter_1 --image_path drawn/images --save_dir maps"
JOBS = {
    "help": "-m paddleseg_u2net --help",
    "import": "",
    "training": f"{TRAIN} --iters 8 --save_dir SIDE/run {OPTIONS}",
    "folder": "tools/predict.py --model_path run/iter_1 --image_path drawn/images "
    "--save_dir SIDE/maps",
    "eval_maps": "tools/eval_maps.py --pred_dir maps/saliency --gt_dir drawn/masks --metrics all",
}


class Run(NamedTuple):
    seconds: float
    megabytes: float
    said: str


def run(checkout: Path, words: Sequence[str], folder: Path) -> Run:
    """Run Python with ``words`` in ``folder``, where tools and configs are the checkout's."""
    for name in ("tools", "configs"):
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(checkout / name)
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{checkout}: {' '.join(words)} failed:\n{said}")
    return Run(time.perf_counter() - start, usage.ru_maxrss / 1024, said)


def measured(job: str, checkout: Path, side: str, folder: Path) -> Run:
    if job == "import":
        done = run(checkout, ["-c", TIMED_IMPORT], folder)
        return done._replace(seconds=float(done.said))
    output = tempfile.mkdtemp(prefix=f"{side}_", dir=folder)
    return run(checkout, JOBS[job].replace("SIDE", output).split(), folder)


def compare(job: str, other: Path, runs: int, folder: Path) -> str:
    sides = (("other", other), ("here", HERE))
    pairs = [[measured(job, at, side, folder) for side, at in sides] for _ in range(runs + 1)]
    theirs, ours = zip(*pairs[1:])  # the first ones wrote byte code
    words = [job]
    for unit, digits in (("seconds", 2), ("megabytes", 0)):
        old, new = (statistics.median(getattr(r, unit) for r in side) for side in (theirs, ours))
        words.append(
            f"{unit}: other {old:.{digits}f}, here {new:.{digits}f}, ratio {new / old:.2f}"
        )
    return "; ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path, help="a checkout of another commit")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=JOBS, default=list(JOBS))
    arguments = parser.parse_args()
    other = arguments.other.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for line in (DRAW, CHECKPOINT, MAPS):
            run(other, line.split(), folder)
        for job in arguments.only:
            print(compare(job, other, arguments.runs, folder), flush=True)


if __name__ == "__main__":
    main()
