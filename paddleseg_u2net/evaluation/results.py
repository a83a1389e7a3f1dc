"""Results as files: JSON of everything, CSV of every image."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Sequence

from paddleseg_u2net._version import __version__
from paddleseg_u2net.evaluation.plan import Job
from paddleseg_u2net.evaluation.run import DARK_MAPS, SOFT_MASKS, Outcome
from paddleseg_u2net.evaluation.tables import exact
from paddleseg_u2net.metrics import MetricReport, json_ready
from paddleseg_u2net.text import one_line, short_list


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
        images = self.report.images
        found = [
            _of_notes(what, names, images) for what, names in sorted(self.outcome.notes.items())
        ]
        if self.missing:
            found.append(
                f"{len(self.missing)} left out, no counterpart: "
                f"{short_list(map(one_line, self.missing))}"
            )
        if self.outcome.errors:
            names = [name for name, _ in self.outcome.errors]
            found.append(
                f"{len(names)} left out, could not be scored: {short_list(map(one_line, names))}"
            )
        if self.report.left_out:
            found.append(
                f"{self.report.left_out} of {images} images have no object and are left out of the "
                "saliency and boundary scores"
            )
        if self.report.takes_objects_for_fixations and not (
            self.job.truth.points_dir or self.job.truth.density_dir
        ):
            found.append("no fixations are given; in their scores the objects stand for them")
        found += _of_undefined(self.report)
        return [f"{self.job.method} on {self.job.dataset}: {text}" for text in found]


def as_json(results: Sequence[Result]) -> Dict[str, Any]:
    """Return all results as a tree that strict JSON can hold; NaN is null."""
    conventions = results[0].report.conventions
    return {
        "paddleseg_u2net": __version__,
        "conventions": {"preset": conventions.title, **asdict(conventions)},
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
                    name: json_ready({"x": x.tolist(), "y": y.tolist()})
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
            words = map(one_line, (result.job.dataset, result.job.method, name))
            writer.writerow([*words, *(exact(values[key]) for key in keys)])
    return stream.getvalue()


def _of_undefined(report: MetricReport) -> List[str]:
    """Return a sentence for all scores that as many images do not have."""
    by_count: Dict[int, List[str]] = {}
    for key, count in report.undefined().items():
        by_count.setdefault(count, []).append(key)
    return [
        f"not defined for {count} of {report.images} images: {', '.join(keys)}"
        + ("; means are of the others" if count < report.images else "")
        for count, keys in by_count.items()
    ]


def _of_notes(what: str, names: Sequence[str], images: int) -> str:
    if what == DARK_MAPS and len(names) == images:
        return f"all {images} {what}: if they were saved as 0 and 1, multiply them by 255"
    if what == SOFT_MASKS and len(names) == images:
        return f"all {images} {what}; did maps and masks change places?"
    return f"{len(names)} of {images} {what}: {short_list(map(one_line, names))}"
