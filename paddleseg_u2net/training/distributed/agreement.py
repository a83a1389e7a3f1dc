"""What the processes of a run must have in common, and a run with the one that it resumes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, Optional

import paddle

from paddleseg_u2net._version import __version__
from paddleseg_u2net.config import Config
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.log import logger
from paddleseg_u2net.onednn.library import library
from paddleseg_u2net.training.checkpoint import CheckpointError
from paddleseg_u2net.training.distributed import Distributed

_SAMPLES, _PROCESSES = "batch_size x processes", "processes"


class Disagreement(ValueError):
    """The processes of a run were started with different settings or data."""


def check_processes(
    distributed: Distributed, config: Config, options: Any, *datasets: Optional[PairDataset]
) -> None:
    """Raise a Disagreement in all processes where one has other settings, data or code."""
    if distributed.size == 1:
        return
    own = {"paddleseg_u2net": __version__, "Paddle": paddle.__version__}
    own["oneDNN"] = "no oneDNN" if library() is None else "oneDNN"
    own["configuration"] = str(config)
    own["flags"] = "\n".join(f"--{name} {value}" for name, value in asdict(options).items())
    for name in filter(os.path.isfile, config.plugins):
        digest = hashlib.sha256(Path(name).read_bytes()).hexdigest()
        own[f"plugin {name}"] = f"a file of SHA-256 {digest[:16]}"
    for name, dataset in zip(("train_dataset", "val_dataset"), datasets):
        names = [str(pair.name) for pair in dataset.pairs] if dataset else []
        own[name] = "\n".join([f"{len(names)} pairs", *names])
    first, *others = distributed.gather(own)
    for rank, other in enumerate(others, start=1):
        for key in {**first, **other}:
            if first.get(key) != other.get(key):
                ours, theirs = _first_difference(first.get(key), other.get(key))
                raise Disagreement(
                    f"process {rank} of {distributed.size} has {theirs} where process 0 has "
                    f"{ours} ({key}); start all with the same command, files and versions"
                )


def _first_difference(first: Optional[str], other: Optional[str]) -> List[str]:
    lines = [[*(text or "").splitlines()] for text in (first, other)]
    longest = max(map(len, lines))
    for pair in zip(*(part + [""] * (longest - len(part)) for part in lines)):
        if pair[0] != pair[1]:
            return [line.strip() or "nothing" for line in pair]
    return ["something", "something else"]


def check_resumed(folder: Path, then: Dict[str, Any], now: Dict[str, Any]) -> None:
    """Raise a CheckpointError where settings of a run are not those of the run it resumes. Another
    number of processes will do, where a step has as many samples.
    """
    then = {**now, **then}  # older checkpoints do not have all
    differ = [key for key in now if then[key] != now[key]]
    changed = [f"{key} was {then[key]}, is {now[key]}" for key in differ if key != _PROCESSES]
    if _SAMPLES in differ:
        changed[-1] += _repair(then[_SAMPLES], now[_PROCESSES])
    if changed:
        raise CheckpointError(
            f"{folder}: resuming needs the settings of that run, but " + "; ".join(changed)
        )
    if _PROCESSES in differ:
        logger.info(
            f"Of {then[_PROCESSES]} processes there are {now[_PROCESSES]} now: each step has the "
            "same samples, and sums are rounded in another order"
        )


def _repair(samples: int, processes: int) -> str:
    if samples % processes == 0:
        return f"; with {processes} processes give --batch_size {samples // processes}"
    fitting = [str(count) for count in range(1, samples + 1) if samples % count == 0]
    return f"; {samples} samples can be shared out to {', '.join(fitting)} processes only"


def of_run(config: Config, options: Any, processes: int, pairs: int) -> Dict[str, Any]:
    """What another value of would make a resumed run another run."""
    settings, samples = config.trainer, config.batch_size * processes
    return {
        "seed": options.seed,
        "use_ema": options.use_ema,
        "precision": options.precision,
        "amp_level": options.amp_level,
        "trainer.accumulate": settings.accumulate,
        "trainer.best_metric": settings.best_metric,
        "trainer.freeze": list(settings.freeze),
        "training pairs": pairs,
        _PROCESSES: processes,
        "samples that a BatchNorm sees at once (batch_size, times the processes with "
        "trainer.sync_batchnorm)": samples if settings.sync_batchnorm else config.batch_size,
        _SAMPLES: samples,
    }
