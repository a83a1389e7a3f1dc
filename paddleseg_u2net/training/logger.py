"""Logging of a run: lines, a progress bar, and what experiment loggers are given."""

from __future__ import annotations

import io
import sys
import time
from typing import Callable, Dict, List, Sequence

import numpy as np
from PIL import Image

from paddleseg_u2net import render, signals
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.log import logger
from paddleseg_u2net.metrics import MetricReport
from paddleseg_u2net.progress import Progress
from paddleseg_u2net.render import charts
from paddleseg_u2net.render.contact_sheet import contact_sheet, picture_cells
from paddleseg_u2net.training.loggers import RunLogger

SCORES = "Evaluate/"  # before the names of scores
# VisualDL shows images 360 pixels wide and 240 high: letters have to be large in them.
_CURVE, _CURVE_DPI = (2.6, 1.5), 200
# Seconds between two lines at most, where there is no bar.
_SILENCE = 30
_CELL = 160  # pixels of each image beside the others


class TrainingLogger:
    """Costs and losses between two log lines, and where they are written.

    ``batch_size`` are samples per step of this process, ``per_epoch`` steps per epoch, ``records``
    those of experiment loggers.
    """

    def __init__(
        self,
        iters: int,
        batch_size: int,
        per_epoch: float,
        log_iters: int,
        first: bool,
        start: int,
        records: Sequence[RunLogger] = (),
    ) -> None:
        self.iters, self.batch_size, self.per_epoch = iters, batch_size, per_epoch
        self.log_iters = log_iters
        self.records = list(records)
        self.bar = Progress(iters, "training", "iters", start, shown=first, lines=False)
        self._clear()

    def _clear(self) -> None:
        self._said = time.perf_counter()
        self._reader = self._batch = 0.0
        self._losses: List[np.ndarray] = []
        self._since = time.perf_counter()

    def data_read(self) -> None:
        """Note that a batch was read."""
        self._reader += time.perf_counter() - self._since

    def step(self, iteration: int, losses: np.ndarray, rate: float) -> None:
        """Note that a step has ended; ``losses`` are the total and each head's."""
        self._batch += time.perf_counter() - self._since
        self._losses.append(losses)
        self.bar.update()
        silent = time.perf_counter() - self._said > _SILENCE and not self.bar.is_bar
        if iteration % self.log_iters == 0 or iteration == self.iters or silent:
            self._write(iteration, rate)
            self._clear()
        self._since = time.perf_counter()

    def _write(self, iteration: int, rate: float) -> None:
        steps = len(self._losses)
        losses = np.mean(self._losses, axis=0)
        batch, reader = self._batch / steps, self._reader / steps
        seconds = int((self.iters - iteration) * batch + 0.5)
        eta = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        logger.info(
            f"[TRAIN] epoch: {int((iteration - 1) / self.per_epoch) + 1}, "
            f"iter: {iteration}/{self.iters}, loss: {losses[0]:.4f}, lr: {rate:.6f}, "
            f"batch_cost: {batch:.4f}, reader_cost: {reader:.5f}, "
            f"ips: {self.batch_size / batch:.4f} samples/sec | ETA {eta}"
        )
        scalars = {"loss": losses[0], "lr": rate, "batch_cost": batch, "reader_cost": reader}
        scalars.update({f"loss_{head}": value for head, value in enumerate(losses[1:])})
        self._scalars("Train/", scalars, iteration)

    def evaluated(self, report: MetricReport, iteration: int, prefix: str = "") -> None:
        """Record the scores of a validation and their curves."""
        if not self.records:
            return
        self._scalars(f"{SCORES}{prefix}", report.values(), iteration)
        for panel in charts.panels({prefix + "model": report.curves()}):
            png = charts.as_png(charts.draw([panel], _CURVE), _CURVE_DPI)
            picture = np.array(Image.open(io.BytesIO(png)).convert("RGB"))
            self._picture(f"Curves/{prefix}{panel.title}", picture, iteration)

    def pictures(
        self, pipeline: Pipeline, dataset: PairDataset, count: int, iteration: int
    ) -> None:
        """Record the first ``count`` validation images, their masks and their maps."""
        if not self.records:
            return
        for index in range(min(count, len(dataset))):
            image, label = dataset.read(index)
            # the foreground, or the certainty that it is not class 0
            probability = pipeline(image)
            shown = probability[0] if len(probability) == 1 else 1 - probability[0]
            ignored = label == dataset.ignore_index
            mask = np.where(ignored, 128, np.clip(label, 0, 1) * 255).astype(np.uint8)
            name, pictures = dataset.pairs[index].name, [image, mask, render.saliency(shown)]
            # Tags are cut after some 25 letters, so the name is in the image.
            headings = ["image", "ground truth", "map"]
            sheet = contact_sheet([picture_cells(name, pictures, _CELL)], headings, _CELL)
            self._picture(f"Images/{index + 1}", sheet, iteration)

    def go_on(self) -> None:
        """Training continues; the time since the last step is not part of the next one."""
        self._since = time.perf_counter()

    def _scalars(self, group: str, scalars: Dict[str, float], iteration: int) -> None:
        values = {f"{group}{name}": float(value) for name, value in scalars.items()}
        self._each(lambda record: record.scalars(values, iteration))

    def _picture(self, name: str, picture: np.ndarray, iteration: int) -> None:
        self._each(lambda record: record.picture(name, picture, iteration))

    def _each(self, write: Callable[[RunLogger], None]) -> None:
        """Write to all records. One that fails (a server that is gone) ends; training goes on."""
        with signals.held():  # a database that is cut in the middle of a request stays locked
            for record in list(self.records):
                try:
                    write(record)
                except Exception as error:
                    self.records.remove(record)
                    words = " ".join(f"{type(error).__name__}: {error}".split())
                    logger.error(f"{type(record).__name__} is left out from here on: {words}")

    def close(self) -> None:
        """Close the bar and the records."""
        self.bar.close()
        failed = sys.exc_info()[0] is not None  # this is the end of a `finally`
        self._each(lambda record: record.close(failed))
