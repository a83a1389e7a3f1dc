"""Results as files: JSON of everything, CSV of every image."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Sequence

from paddleseg_u2net import __version__
from paddleseg_u2net.metrics import MetricReport, json_ready
from paddleseg_u2net.scoring.plan import Job
from paddleseg_u2net.scoring.run import Outcome


@dataclass(frozen=True, eq=False)
class Result:
    """One method on one data set.

    Attributes:
        job: Which.
        outcome: What came of its images.
        missing: Names left out since map or ground truth is missing, as was asked for.
    """

    job: Job
    outcome: Outcome
    missing: List[str]

    @property
    def report(self) -> MetricReport:
        """The scores."""
        return self.outcome.report

    def remarks(self) -> List[str]:
        """Return what a reader of the numbers has to know, a sentence each."""
        found = [
            f"{len(names)} {what}: {_some(names)}"
            for what, names in sorted(self.outcome.notes.items())
        ]
        if self.missing:
            found.append(f"{len(self.missing)} left out, no counterpart: {_some(self.missing)}")
        if self.outcome.errors:
            names = [name for name, _ in self.outcome.errors]
            found.append(f"{len(names)} left out, could not be scored: {_some(names)}")
        if self.report.left_out:
            found.append(f"{self.report.left_out} without an object left out of saliency, boundary")
        for key, count in self.report.undefined().items():
            found.append(f"{key} is not defined for {count} images and is the mean of the others")
        return [f"{self.job.method} on {self.job.dataset}: {text}" for text in found]


def as_json(results: Sequence[Result]) -> Dict[str, Any]:
    """Return all results as a tree that strict JSON can hold; NaN is null."""
    conventions = results[0].report.conventions
    return {
        "paddleseg_u2net": __version__,
        "conventions": {"preset": conventions.preset, **asdict(conventions)},
        "definitions": {score.key: score.meaning for score in results[0].report.scores},
        "results": [
            {
                "method": result.job.method,
                "dataset": result.job.dataset,
                "map_dir": str(result.job.map_dir),
                "ground_truth": {k: str(v) for k, v in result.job.truth.truths().items()},
                "scores": json_ready(result.report.compute()),
                "undefined": result.report.undefined(),
                "without_object_left_out": result.report.left_out,
                "notes": result.outcome.notes,
                "missing": result.missing,
                "errors": [{"name": n, "error": e} for n, e in result.outcome.errors],
                "curves": {
                    name: {"x": x.tolist(), "y": y.tolist()}
                    for name, (x, y) in result.report.curves().items()
                },
            }
            for result in results
        ],
    }


def per_image_csv(results: Sequence[Result]) -> str:
    """Return a line for every image of every method and set, in full precision."""
    keys = [score.key for score in results[0].report.scores]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["dataset", "method", "name", *keys])
    for result in results:
        for name, values in result.outcome.rows:
            cells = ["" if values[key] != values[key] else repr(values[key]) for key in keys]
            writer.writerow([result.job.dataset, result.job.method, name, *cells])
    return stream.getvalue()


def _some(names: Sequence[str], shown: int = 3) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")
