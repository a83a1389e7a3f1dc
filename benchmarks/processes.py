"""Training by N processes of one thread against one process of N threads, the same samples a step.

    python benchmarks/processes.py [--processes 2] [--model U2NetP] [--size 160] [--batch 2]
                                   [--steps 100] [--rounds 2] [--no_sync_batchnorm]

``--batch`` is that of one of the processes; the one process has N times as many. Both are whole
runs of ``Trainer`` on drawings, by plain SGD, in turn; the median step of the better round counts.
The loss curves are compared to the last printed digit, relative to the loss.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

import machine
import numpy as np

from paddleseg_u2net.env import cores, load_paddle

_FIRST_STEPS = 3  # that are not timed


def _config(arguments: argparse.Namespace, data: Path, batch: int) -> Dict[str, Any]:
    size, here = [arguments.size] * 2, {"type": "PairDataset", "dataset_root": str(data)}
    return {
        "batch_size": batch,
        "iters": arguments.steps,
        "model": {"type": arguments.model, "num_classes": 1},
        "preprocess": {"size": size},
        "train_dataset": {**here, "train_path": "train_list.txt"},
        "optimizer": {"type": "SGD"},
        "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.01, "end_lr": 0},
        "loss": {"types": [{"type": "DeepSupervisionLoss"}], "coef": [1] * 7},
        "trainer": {"sync_batchnorm": not arguments.no_sync_batchnorm},
    }


def _train(job: Path) -> None:
    """Train what a file says in this process, one of several or alone; losses and times go back."""
    load_paddle()
    from paddleseg_u2net.config import Config
    from paddleseg_u2net.training.distributed import Distributed
    from paddleseg_u2net.training.logger import TrainingLogger
    from paddleseg_u2net.training.options import RunOptions
    from paddleseg_u2net.training.trainer import Trainer

    losses: List[float] = []
    times: List[float] = []
    logged = TrainingLogger.step

    def note(self: TrainingLogger, iteration: int, values: np.ndarray, rate: float) -> None:
        losses.append(float(values[0]))
        times.append(time.perf_counter())
        logged(self, iteration, values, rate)

    TrainingLogger.step = note  # type: ignore[method-assign]
    content = json.loads(job.read_text())
    with Distributed() as distributed:
        Trainer(Config(content["config"]), RunOptions(save_dir=content["folder"])).run()
        if distributed.is_first:
            step = statistics.median(np.diff(times)[_FIRST_STEPS - 1 :])
            job.with_suffix(".out").write_text(json.dumps({"losses": losses, "step": step}))


def _run(job: Path, count: int, threads: int) -> Dict[str, Any]:
    words = [sys.executable]
    if count > 1:
        logs = ["--log_dir", str(job.with_suffix(".logs"))]
        words += ["-m", "paddle.distributed.launch", "--nproc_per_node", str(count), *logs]
    words += [__file__, "--job", str(job)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
    return json.loads(job.with_suffix(".out").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--processes", type=int, default=2)
    add("--model", choices=("U2Net", "U2NetP"), default="U2NetP")
    add("--size", type=int, default=160)
    add("--batch", type=int, default=2)
    add("--steps", type=int, default=100)
    add("--rounds", type=int, default=2)
    add("--no_sync_batchnorm", action="store_true")
    add("--job", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        _train(arguments.job)
        return
    load_paddle()
    from paddleseg_u2net.datasets.synthetic import draw_dataset

    count, samples = arguments.processes, arguments.processes * arguments.batch
    sides = {"one process": (1, count, samples), f"{count} processes": (count, 1, arguments.batch)}
    results: Dict[str, List[Dict[str, Any]]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        size = (arguments.size, arguments.size)
        draw_dataset(folder / "data", train=8 * samples, val=1, size=size)
        for number in range(arguments.rounds):
            for side, (of_side, threads, batch) in sides.items():
                job = folder / f"{of_side}_{number}.json"
                config = _config(arguments, folder / "data", batch)
                job.write_text(json.dumps({"config": config, "folder": str(job.with_suffix(""))}))
                results[side].append(_run(job, of_side, threads))
    print(f"{arguments.model} {arguments.size}x{arguments.size}, {samples} samples a step, "
          f"{cores()} cores; {machine.arithmetic()}")  # fmt: skip
    speeds = {}
    for side, (_, threads, _) in sides.items():
        speeds[side] = samples / min(result["step"] for result in results[side])
        print(f"{side:12} of {threads} thread(s) {speeds[side]:8.2f} images/s")
    one, several = speeds.values()
    print(f"ratio: {several / one:.3f}")
    curves = [np.array(of_side[0]["losses"]) for of_side in results.values()]
    apart = np.abs(curves[1] / curves[0] - 1)
    print(f"losses of {len(apart)} steps differ by {apart.max():.1e} at most, relative to the loss")
    for step in sorted({1, 2, len(apart) // 10, len(apart) // 2, len(apart)} - {0}):
        print(f"step {step:4}: {curves[0][step - 1]:.7f}, up to here {apart[:step].max():.1e}")


if __name__ == "__main__":
    main()
