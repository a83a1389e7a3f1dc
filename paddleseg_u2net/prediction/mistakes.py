"""Pictures of where a model is right and wrong on a data set, a table of its images, the worst
first, and a sheet of those.
"""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np

from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.io.files import check_writable, write_text
from paddleseg_u2net.io.images import read_image, write_png
from paddleseg_u2net.metrics import MetricReport
from paddleseg_u2net.metrics.report import most_probable
from paddleseg_u2net.prediction.jobs import PSEUDO, Job, output_names
from paddleseg_u2net.render.contact_sheet import Cell, LegendEntry, contact_sheet
from paddleseg_u2net.render.mask_overlay import class_colors, fitted, masked
from paddleseg_u2net.render.mistakes import (
    COLORS,
    FALSE,
    HIT,
    IGNORED,
    MEANINGS,
    MISSED,
    OTHER,
    kinds,
    mistakes,
)
from paddleseg_u2net.text import class_names, one_line

_CELL = 256  # pixels of a picture on the sheet
_MOST_NAMED = 20  # classes in the legend
_PNG_LEVEL = 1  # a fifth of the time of the usual 6
FOLDER, TABLE, SHEET = "mistakes", "images.csv", "worst.png"


class Mistakes:
    """Writes a picture of each image that it is told of; then, of all of them, table and sheet.

    Args:
        dataset: the images and their masks.
        folder: where to; pictures are in ``mistakes``, with the names that `predict` gives.
        report: whose conventions say what counts as found.
    """

    def __init__(self, dataset: PairDataset, folder: Path, report: MetricReport) -> None:
        self._dataset, self.folder = dataset, folder
        self._report = MetricReport(
            dataset.num_classes, dataset.ignore_index, ["mIoU"], report.conventions
        )
        top = os.path.commonpath([pair.image.absolute().parent for pair in dataset.pairs])
        jobs = [Job(pair.image, pair.image.absolute().relative_to(top)) for pair in dataset.pairs]
        self._images = [job.name.as_posix() for job in jobs]
        self._names = [Path(FOLDER) / name[PSEUDO] for name in output_names(jobs)]
        self._counts: Dict[int, np.ndarray] = {}
        check_writable(folder, folder=True, name=f"--overlays {folder}")
        own = {path.resolve() for pair in dataset.pairs for path in (pair.image, pair.mask)}
        for path in (folder / name for name in (*self._names, Path(TABLE), Path(SHEET))):
            if path.resolve() in own:
                raise ValueError(
                    f"--overlays {folder}: {path} is of the data set and would be overwritten; "
                    "name another folder"
                )

    def __call__(self, index: int, probability: np.ndarray, label: np.ndarray) -> None:
        """Draw image ``index``, by probabilities (H, W) or (C, H, W) and its label (H, W)."""
        one = self._report.fresh()
        one.update(probability, label)
        counts = one.confusion
        assert counts is not None
        self._counts[index] = counts
        ignored = label == self._dataset.ignore_index
        if self._dataset.num_classes == 1:
            predicted = probability >= self._report.conventions.threshold
            label = np.where(ignored, label, label >= 0.5)
        else:
            predicted = most_probable(probability)
        kind = kinds(predicted.astype(np.uint8), label, self._dataset.ignore_index)
        picture = mistakes(self._dataset.image(index), kind)
        write_png(self.folder / self._names[index], picture, level=_PNG_LEVEL)

    def state(self) -> Dict[str, np.ndarray]:
        """What this process has counted: numbers of images, and a matrix for each."""
        size = max(self._dataset.num_classes, 2)
        matrices = [*self._counts.values()]
        return {
            "index": np.array([*self._counts], np.int64),
            "counts": np.array(matrices, np.int64).reshape(-1, size, size),
        }

    def finish(self, states: Sequence[Dict[str, Any]], worst: int, title: str) -> None:
        """Write the table and the sheet of the ``worst`` images by the states of all processes."""
        found = [pair for state in states for pair in zip(state["index"], state["counts"])]
        rows = [_Row(int(index), counts, self._report) for index, counts in found]
        rows.sort(key=lambda row: (np.isnan(row.miou), row.miou, -row.wrong, row.index))
        write_text(self.folder / TABLE, self._table(rows))
        scored = [row for row in rows if row.miou == row.miou][:worst]
        if scored:
            head = [title, f"The worst {len(scored)} of {len(rows)} images by their mIoU"]
            write_png(self.folder / SHEET, self._sheet(scored, head))

    def _table(self, rows: Sequence[_Row]) -> str:
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        names = class_names(self._dataset.classes, len(rows[0].iou))
        head = ["image", "picture", "mIoU", "pixels", "right", "false", "missed", "other_class"]
        writer.writerow([*head, *(f"IoU {one_line(name)}" for name in names)])
        for row in rows:
            numbers = [row.pixels, row.of[HIT], row.of[FALSE], row.of[MISSED], row.of[OTHER]]
            scores = ["" if value != value else repr(float(value)) for value in row.iou]
            miou = "" if row.miou != row.miou else repr(row.miou)
            names_of = [one_line(self._images[row.index]), self._names[row.index].as_posix()]
            writer.writerow([*map(one_line, names_of), miou, *numbers, *scores])
        return stream.getvalue()

    def _sheet(self, rows: Sequence[_Row], title: Sequence[str]) -> np.ndarray:
        several = self._dataset.num_classes > 2
        shown = [HIT, FALSE, MISSED, *([OTHER] if several else [])]
        legend: List[LegendEntry] = [(COLORS[kind], MEANINGS[kind]) for kind in shown]
        legend.append((None, MEANINGS[IGNORED]))
        if several:
            names = class_names(self._dataset.classes, self._dataset.num_classes)
            colors = class_colors(len(names)).tolist()
            legend += [
                (tuple(colors[number]), f"ground truth: {names[number]}")
                for number in range(1, min(len(names), _MOST_NAMED))
            ]
        cells = [self._cells(row) for row in rows]
        return contact_sheet(cells, ["image", "ground truth", "prediction"], _CELL, title, legend)

    def _cells(self, row: _Row) -> List[Cell]:
        image, label = self._dataset.read(row.index)
        colors = class_colors(max(self._dataset.num_classes, 2))
        truth = masked(image, label, _CELL, colors, self._dataset.ignore_index)
        name, score = self._images[row.index], f"mIoU {row.miou:.4f}"
        wrong = f"{100 * row.wrong / row.pixels:.2f} % of its pixels are wrong"
        try:
            drawn = fitted(read_image(self.folder / self._names[row.index], 3), _CELL)
        except (ValueError, OSError) as error:  # processes of several machines, a disk for each
            return [Cell(fitted(image, _CELL), (name,)), Cell(truth), Cell(None, error=str(error))]
        return [Cell(fitted(image, _CELL), (name,)), Cell(truth), Cell(drawn, (score, wrong))]


class _Row:
    """An image's counts."""

    def __init__(self, index: int, counts: np.ndarray, report: MetricReport) -> None:
        self.index, self.pixels = index, int(counts.sum())
        one = report.fresh()
        one.load_state({**one.state(), "ConfusionMatrix.counts": counts})
        scores: Dict[str, Any] = one.compute()
        self.miou, self.iou = float(scores["mIoU"]), list(scores["class_iou"])
        right = int(np.trace(counts))
        self.wrong = self.pixels - right
        self.of = {
            HIT: right - int(counts[0, 0]),
            FALSE: int(counts[0, 1:].sum()),
            MISSED: int(counts[1:, 0].sum()),
        }
        self.of[OTHER] = self.wrong - self.of[FALSE] - self.of[MISSED]
