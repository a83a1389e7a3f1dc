"""All examinations of a configuration, one after the other, and their report."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Dict, List, Tuple

from paddleseg_u2net.config import Config
from paddleseg_u2net.io import files
from paddleseg_u2net.log import logger
from paddleseg_u2net.training.diagnosis import examinations, report  # noqa: F401  (registers them)
from paddleseg_u2net.training.diagnosis.examination import EXAMINATIONS, Examination, Result
from paddleseg_u2net.training.diagnosis.finding import CERTAIN, ERROR, Finding
from paddleseg_u2net.training.diagnosis.report import Diagnosis
from paddleseg_u2net.training.diagnosis.subject import Subject

FOLDER = "diagnosis"  # in the run's folder


def diagnose(
    config: Config,
    save_dir: Path,
    minutes: float = 3.5,
    seed: int = 0,
    num_workers: int = 0,
    do_eval: bool = False,
) -> Diagnosis:
    """Examine a configuration before it is trained, and write ``diagnosis/`` into ``save_dir``.

    Args:
        config: what would be trained; its data is read, nothing of it is changed.
        save_dir: the run's folder; only files of its folder ``diagnosis`` are written.
        minutes: about as long as all examinations may take; steps are left out, if it is short.
        seed: draws pairs, weights and augmentation.
        num_workers: processes that read, where the throughput is measured.
        do_eval: whether training would validate, so that it needs ``val_dataset``.

    Raises:
        ValueError: the data set cannot be read or the network not be made; the message says why.
    """
    folder = save_dir / FOLDER
    files.check_writable(folder, folder=True, name=f"--save_dir {save_dir}")
    started = time.monotonic()
    logger.info("[1] reading pairs")
    subject = Subject(config, seed, num_workers, 60 * minutes, do_eval)
    made: List[Tuple[Examination, Result]] = []
    for number, examination in enumerate(_in_order(), start=2):
        logger.info(f"[{number}] {examination.looks_at}")
        made.append((examination, _made(examination, subject)))
        logger.info(f"    {made[-1][1].seen}")
    diagnosis = Diagnosis(made, str(config), time.monotonic() - started)
    for name, content in {**_pictures(made), **diagnosis.files()}.items():
        files.write_bytes(folder / name, content)
    return diagnosis


def _in_order() -> List[Examination]:
    return sorted(EXAMINATIONS.values(), key=lambda examination: examination.place)


def _made(examination: Examination, subject: Subject) -> Result:
    """What came of an examination; what stops it stops training too."""
    try:
        return examination.run(subject)
    except Exception as error:  # of anybody's network, loss or transforms
        if os.environ.get("U2NET_DEBUG"):
            raise
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        finding = Finding("examination_failed", ERROR, CERTAIN, f"It stopped with {text}")
        return Result("It could not be made.", [finding])


def _pictures(made: List[Tuple[Examination, Result]]) -> Dict[str, bytes]:
    return {name: png for _, result in made for name, png in result.pictures.items()}
