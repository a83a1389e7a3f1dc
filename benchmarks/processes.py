"""Training by N processes of one thread against one process of N threads, the same samples a step.

    python benchmarks/processes.py [--processes 2] [--model U2NetP] [--batch 2] [--rounds 2]
                                   [--size 160] [--steps 12]
                                   [--curve_steps 100] [--curve_size 64] [--curve_rate 0.01]
                                   [--pretrained WEIGHTS]

``--batch`` is that of one of the processes; the one process has N times as many. Both are whole
runs of ``Trainer`` on drawings. Times are those of float32, in turn, the median step of the better
round. Loss curves: of a small U2Net in float64, where both sides have to agree, and of ``--model``
in float32, from random weights or ``--pretrained`` ones. Beside the latter stand controls, which no
second process has any part in: the one process with the images of every batch in reverse order, and
with one thread; the same sums otherwise rounded. How far these are apart is what float32 leaves
open.
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
from typing import Any, Dict, Iterator, List

import machine
import numpy as np

from paddleseg_u2net.env import cores, load_paddle

_FIRST_STEPS = 3  # that are not timed
_SMALL = {
    "type": "U2Net",
    "stages": {"encoder": [[3, 2, 4], ["2F", 2, 4]], "decoder": [[3, 2, 4]]},
}


def _config(
    model: Dict[str, Any], data: Path, batch: int, size: int, steps: int, rate: float
) -> Dict[str, Any]:
    here = {"type": "PairDataset", "dataset_root": str(data)}
    return {
        "batch_size": batch,
        "iters": steps,
        "model": {"num_classes": 1, **model},
        "preprocess": {"size": [size, size]},
        "train_dataset": {**here, "train_path": "train_list.txt"},
        "optimizer": {"type": "SGD"},
        "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": rate, "end_lr": 0},
        "loss": {"types": [{"type": "CrossEntropyOfAnyPrecision"}], "coef": [1]},
    }


def _change_batches(is_double: bool, is_reversed: bool) -> None:
    """Networks are made, and see images, in float64; batches have their images in reverse order."""
    import paddle

    from paddleseg_u2net.training import trainer

    precision = "float64" if is_double else "float32"
    paddle.set_default_dtype(precision)
    loader = trainer.train_loader

    def changed(*arguments: Any) -> Iterator[Any]:
        for images, labels in loader(*arguments):
            images = images.astype(precision)
            yield (images.flip(0), labels.flip(0)) if is_reversed else (images, labels)

    trainer.train_loader = changed


def _add_loss() -> None:
    """Register a loss that does not end in float32, as this project's does."""
    import paddle
    from paddleseg.cvlibs import manager

    class CrossEntropyOfAnyPrecision(paddle.nn.Layer):
        def forward(self, logits: Any, label: Any) -> Any:
            target = label.astype(logits.dtype)
            return paddle.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], target)

    manager.LOSSES.add_component(CrossEntropyOfAnyPrecision)


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
    _add_loss()
    _change_batches(content["is_double"], content["is_reversed"])
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
    add("--batch", type=int, default=2)
    add("--rounds", type=int, default=2)
    add("--size", type=int, default=160)
    add("--steps", type=int, default=12)
    add("--curve_steps", type=int, default=100)
    add("--curve_size", type=int, default=64)
    add("--curve_rate", type=float, default=0.01)
    add("--pretrained", type=Path)
    add("--job", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        _train(arguments.job)
        return
    if min(arguments.steps, arguments.curve_steps) <= _FIRST_STEPS:
        parser.error(f"--steps and --curve_steps are to be more than {_FIRST_STEPS}")
    load_paddle()
    from paddleseg_u2net.datasets.synthetic import draw_dataset

    count, samples = arguments.processes, arguments.processes * arguments.batch
    sides = {"one process": (1, count, samples), f"{count} processes": (count, 1, arguments.batch)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)

        def run(
            kind: str, side: str, is_reversed: bool = False, is_single: bool = False
        ) -> Dict[str, Any]:
            size = arguments.size if kind == "speed" else arguments.curve_size
            rate = arguments.curve_rate if kind == "float32" else 0.01
            steps = arguments.steps if kind == "speed" else arguments.curve_steps
            is_double = kind == "float64"
            model = _SMALL if is_double else {"type": arguments.model}
            if kind == "float32" and arguments.pretrained:
                model = {**model, "pretrained": str(arguments.pretrained.resolve())}
            data = folder / f"drawn{size}"
            if not data.is_dir():
                draw_dataset(data, train=8 * samples, val=1, size=(size, size))
            of_side, threads, batch = sides[side]
            job = folder / f"{kind}_{of_side}.json"
            config = _config(model, data, batch, size, steps, rate)
            save_dir = tempfile.mkdtemp(dir=folder)
            content = {"config": config, "folder": save_dir, "is_double": is_double}
            job.write_text(json.dumps({**content, "is_reversed": is_reversed}))
            return _run(job, of_side, 1 if is_single else threads)

        speeds = dict.fromkeys(sides, 0.0)
        for _ in range(arguments.rounds):
            for side in sides:
                step = run("speed", side)["step"]
                speeds[side] = max(speeds[side], samples / step)
        one, several = sides
        exact = [run("float64", side)["losses"] for side in sides]
        rounded = [run("float32", side)["losses"] for side in sides]
        reverse = run("float32", one, is_reversed=True)["losses"]
        single = run("float32", one, is_single=True)["losses"]
    print(f"{arguments.model} {arguments.size}x{arguments.size}, {samples} samples a step, "
          f"{cores()} cores; {machine.arithmetic()}")  # fmt: skip
    for side, (_, threads, _) in sides.items():
        print(f"{side:12} of {threads} thread(s) {speeds[side]:8.2f} images/s")
    print(f"ratio: {speeds[several] / speeds[one]:.3f}")
    print(f"Losses of {several} against {one}, the largest difference up to a step, relative:")
    _print_apart("small U2Net, float64", *exact)
    _print_apart(f"{arguments.model}, float32", *rounded)
    _print_apart("control: batches reversed", rounded[0], reverse)
    _print_apart("control: one thread", rounded[0], single)


def _print_apart(name: str, expected: List[float], found: List[float]) -> None:
    apart = np.abs(np.array(found) / expected - 1)
    last = len(apart)
    shown = sorted({1, 2, 3, 5, last // 10, last // 2, last} & {*range(1, last + 1)})
    print(f"{name:25}", *(f"{step}: {apart[:step].max():.1e}" for step in shown), sep="  ")


if __name__ == "__main__":
    main()
