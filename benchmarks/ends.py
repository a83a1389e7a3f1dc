"""Training runs, ended by signals at random moments: none hangs, all resume to the same bits.

    python benchmarks/ends.py [--ends 200] [--signals SIGTERM SIGINT] [--parallel 2]

Runs of ``tools/train.py`` with 0 and 2 workers, with and without ``--save_on_term``, on drawings. A
third of the signals comes while Paddle is loaded, the others come in training, validation and
saving; half go to the process alone, half to its whole group as Ctrl-C does. Each run is resumed
and ended again until it is through; then its last checkpoint and best models are compared with
those of a run that nobody disturbed. Linux only; the exit code is 1 if anything was not as it
should be.
"""

import argparse
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from paddleseg_u2net.datasets.synthetic import draw_dataset

ROOT = Path(__file__).resolve().parents[1]
ITERS, SAVE_INTERVAL = 60, 6
CONFIG = """
batch_size: 2
iters: {iters}
model:
  type: U2Net
  num_classes: 1
  stages: {{encoder: [[3, 2, 4], [2F, 2, 4]], decoder: [[3, 2, 4]]}}
preprocess: {{size: [32, 32]}}
train_dataset:
  type: PairDataset
  dataset_root: {data}
  train_path: train_list.txt
  transforms: [{{type: Resize, target_size: [40, 40]}}, {{type: RandomCrop, crop_size: [32, 32]}}]
val_dataset: {{type: PairDataset, dataset_root: {data}, val_path: val_list.txt}}
optimizer: {{type: Adam}}
lr_scheduler: {{type: PolynomialDecay, learning_rate: 0.01, power: 0.9, end_lr: 0}}
loss: {{types: [{{type: DeepSupervisionLoss}}], coef: [1, 1, 1]}}
"""
# The last line before the first step.
_STARTS = "val: 4 pairs"
_TRAINED = re.compile(r"\[TRAIN\].* iter: (\d+)/")


class Cell(NamedTuple):
    """One kind of run, which is ended ``ends`` times."""

    signal: str
    workers: int
    saves: bool
    ends: int


class Process:
    """A run of ``tools/train.py`` in a session of its own, and what it says."""

    def __init__(self, folder: Path, config: Path, workers: int, saves: bool) -> None:
        command = [sys.executable, str(ROOT / "tools/train.py"), "--config", str(config)]
        command += ["--save_dir", str(folder), "--do_eval", "--use_ema", "--device", "cpu"]
        command += ["--save_interval", str(SAVE_INTERVAL), "--num_workers", str(workers)]
        command += ["--log_iters", "1"]
        command += ["--save_on_term"] if saves else []
        if list(folder.glob("iter_*")):
            command += ["--resume_model", str(folder)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )
        self.began, self.trains = time.monotonic(), threading.Event()
        self.said: List[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if _STARTS in line:
                self.trains.set()
        self.trains.set()

    def wait(self, seconds: Optional[float]) -> Optional[int]:
        """The exit code as a shell has it; None if it still runs."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return code if code >= 0 else 128 - code

    def others(self) -> List[int]:
        """Processes of its session, it aside."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = (
                    stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                )
            except OSError:
                continue
            if int(fields[3]) == self.process.pid and fields[0] != "Z":
                found.append(int(stat.parent.name))
        return [pid for pid in found if pid != self.process.pid]

    def left_over(self) -> bool:
        """Whether processes live on after it has ended; 3 s are theirs to notice it."""
        end = time.monotonic() + 3
        while self.others() and time.monotonic() < end:
            time.sleep(0.05)
        return bool(self.others())

    def kill(self) -> None:
        for pid in [self.process.pid, *self.others()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def text(self) -> str:
        self._reader.join(5)
        return "".join(self.said)


class Trial:
    """All ends of a cell, and what came of them."""

    def __init__(self, cell: Cell, place: Path, limit: float, seconds: Dict[str, float]) -> None:
        self.cell, self.place, self.limit, self.seconds = cell, place, limit, seconds
        self.random = random.Random(repr(cell))
        self.counts: Counter = Counter()
        self.slowest = 0.0
        self.faults: List[str] = []

    def run(self) -> "Trial":
        run = 0
        while self.counts["ends"] < self.cell.ends or not self._is_through(run):
            if self._is_through(run):
                self._compare(run)
                run += 1
            self._once(run)
        self._compare(run)
        return self

    def _folder(self, run: int) -> Path:
        return self.place / f"{self.cell.signal}_{self.cell.workers}_{self.cell.saves}_{run}"

    def _is_through(self, run: int) -> bool:
        """Whether the last checkpoint is there, and its validation is not owed any more."""
        state = self._folder(run) / f"iter_{ITERS}" / "state.json"
        return state.is_file() and json.loads(state.read_text("utf-8"))["validated"]

    def _once(self, run: int) -> None:
        folder, number = self._folder(run), getattr(signal, self.cell.signal)
        process = Process(folder, self.place / "config.yml", self.cell.workers, self.cell.saves)
        if self.counts["ends"] >= self.cell.ends:  # enough of it: the run is brought to its end
            if (code := process.wait(600)) != 0:
                self._fault(process, f"exit code {code} of a run that nobody disturbed")
                raise SystemExit("\n".join(self.faults))
            return
        in_training = self.random.random() < 2 / 3
        if in_training:
            process.trains.wait(120)
            time.sleep(self.random.uniform(0, 0.6 * self.seconds["training"]))
        else:
            time.sleep(self.random.uniform(0, self.seconds["start"]))
        to_all = self.random.random() < 0.5
        sent = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if to_all else os.kill)(process.process.pid, number)
        code = process.wait(self.limit)
        took = time.monotonic() - sent
        if code == 0 and self._is_through(run):
            return  # the signal came too late
        if "init_import_site" in process.text():
            return  # too early: Python itself was not there, and answers with an error of its own
        self.counts["ends"] += 1
        if code is None:
            self.counts["hung"] += 1
            self._fault(process, f"still runs {self.limit:.0f} s after {self.cell.signal}")
            process.kill()
            process.wait(None)
            return
        self.slowest = max(self.slowest, took)
        if code != 128 + number:
            self.counts["wrong code"] += 1
            self._fault(process, f"exit code {code}, expected {128 + number}")
        if process.left_over():
            self.counts["left over"] += 1
            self._fault(process, f"its processes {process.others()} live on")
            process.kill()
        text = process.text()
        # Before the command is there, Ctrl-C is answered by Python's own traceback.
        if "Traceback" in text and process.process.returncode > 0:
            self.counts["tracebacks"] += 1
            self._fault(process, "a traceback")
        trained = _TRAINED.findall(text)
        if trained and self.cell.saves:
            self.counts["saved"] += 1
            if max(map(checkpoint_number, folder.glob("iter_*")), default=0) != int(trained[-1]):
                self.counts["not saved"] += 1
                self._fault(process, f"iteration {trained[-1]} is not saved")

    def _compare(self, run: int) -> None:
        self.counts["runs"] += 1
        found = _outcome(self._folder(run))
        expected = _outcome(self.place / f"whole_{self.cell.workers}")
        if found != expected:
            self.counts["other bits"] += 1
            self.faults.append(f"{self.cell}: other bits: {found}, expected {expected}")

    def _fault(self, process: Process, what: str) -> None:
        self.faults.append(f"{self.cell}: {what}; it said last:\n{process.text()[-6000:]}")


def checkpoint_number(folder: Path) -> int:
    """N of iter_N."""
    return int(folder.name[5:])


def _outcome(run: Path) -> List[object]:
    """The states of the last checkpoint and the best models, with the SHA-256 of their files."""
    names = (f"iter_{ITERS}", "best_model", "ema_best_model")
    return [json.loads((run / name / "state.json").read_text("utf-8")) for name in names]


def _undisturbed(place: Path, workers: int) -> Dict[str, float]:
    """Make the run that others are compared with; seconds of its start and of its training."""
    folder = place / f"whole_{workers}"
    process = Process(folder, place / "config.yml", workers, False)
    process.trains.wait(300)
    start = time.monotonic() - process.began
    if process.wait(600) != 0:
        raise SystemExit(process.text())
    return {"start": start, "training": time.monotonic() - process.began - start}


_COLUMNS = ("ends", "hung", "wrong code", "left over", "tracebacks", "saved", "not saved", "runs",
            "other bits")  # fmt: skip


def _table(trials: List[Trial]) -> str:
    head = ["signal", "workers", "save_on_term", *_COLUMNS, "slowest, s"]
    rows = [head]
    for trial in trials:
        cell, counts = trial.cell, trial.counts
        rows.append(
            [cell.signal, str(cell.workers), "yes" if cell.saves else "no"]
            + [str(counts[name]) for name in _COLUMNS]
            + [f"{trial.slowest:.1f}"]
        )
    sums = [str(sum(trial.counts[name] for trial in trials)) for name in _COLUMNS]
    slowest = f"{max(trial.slowest for trial in trials):.1f}"
    rows.append(["together", "", "", *sums, slowest])
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join("  ".join(text.ljust(n) for text, n in zip(row, widths)) for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ends", type=int, default=200, help="of each signal")
    parser.add_argument("--signals", nargs="+", default=["SIGTERM", "SIGINT"])
    parser.add_argument("--parallel", type=int, default=2, help="runs at a time")
    parser.add_argument("--limit", type=float, default=60, help="seconds until a run hangs")
    arguments = parser.parse_args()
    # What a background job ignores, the runs would ignore, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        draw_dataset(place / "data", train=8, val=4, size=(64, 64))
        config = CONFIG.format(iters=ITERS, data=place / "data")
        (place / "config.yml").write_text(config, encoding="utf-8")
        seconds = {workers: _undisturbed(place, workers) for workers in (0, 2)}
        for workers, took in seconds.items():
            print(f"{workers} workers: {took['start']:.1f} s to start, "
                  f"{took['training']:.1f} s of {ITERS} iterations", flush=True)  # fmt: skip
        kinds = [
            (name, workers, saves)
            for name in arguments.signals
            for workers in (0, 2)
            for saves in (False, True)
        ]
        share = -(-arguments.ends * len(arguments.signals) // len(kinds))
        trials = [
            Trial(Cell(*kind, share), place, arguments.limit, seconds[kind[1]]) for kind in kinds
        ]
        with ThreadPoolExecutor(arguments.parallel) as pool:
            done = list(pool.map(Trial.run, trials))
    for fault in [fault for trial in done for fault in trial.faults]:
        print(fault + "\n")
    print(_table(done))
    sys.exit(any(trial.faults for trial in done))


if __name__ == "__main__":
    main()
