"""Results: tables' columns and rows, remarks, JSON of everything, CSV of every image."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence, Union

from paddleseg_u2net._version import __version__
from paddleseg_u2net.evaluation.clips import count_clips
from paddleseg_u2net.evaluation.pairing import MapFiles
from paddleseg_u2net.evaluation.plan import MethodOnDataset
from paddleseg_u2net.evaluation.run import DARK_MAPS, FAINT_MASKS, SOFT_MASKS, Outcome
from paddleseg_u2net.evaluation.tables import Column, DataSets, csv_text, exact
from paddleseg_u2net.io.files import write_text
from paddleseg_u2net.metrics import MetricReport, Score, json_ready, scores
from paddleseg_u2net.text import one_line, short_list

# What is said instead of the names where all files are so.
_ADVICE = {
    DARK_MAPS: ": if they were saved as 0 and 1, multiply them by 255",
    FAINT_MASKS: ": if they are labels, save the object as 255",
    SOFT_MASKS: "; did maps and masks change places?",
}


@dataclass(frozen=True, eq=False)
class Result:
    """One method on one data set: the files that were scored, and their scores."""

    of: MethodOnDataset
    items: Sequence[MapFiles]
    outcome: Outcome
    missing: Sequence[str] = ()  # names left out since map or ground truth is missing

    @property
    def report(self) -> MetricReport:
        """The scores."""
        return self.outcome.report

    def remarks(self) -> List[str]:
        """Return what a reader of the numbers has to know, a sentence each."""
        images = self.report.images
        found = []
        for what, names in sorted(self.outcome.notes.items()):
            which = f": {short_list(map(one_line, names))}"
            which = _ADVICE.get(what, which) if len(names) == images else which
            found.append(f"{len(names)} of {images} {what}{which}")
        if self.report.follows_frames:
            clips = count_clips(self.items)
            found.append(f"{len(self.items)} frames of {clips} clip{'s' * (clips > 1)}")
        failed = [name for name, _ in self.outcome.errors]
        for left, why in ((self.missing, "no counterpart"), (failed, "could not be scored")):
            if left:
                found.append(f"{len(left)} left out, {why}: {short_list(map(one_line, left))}")
        if self.report.left_out:
            found.append(
                f"{self.report.left_out} of {images} images have no object and are left out of the "
                "saliency and boundary scores"
            )
        if self.report.takes_objects_for_fixations and set(self.of.truth.truths()) == {"mask"}:
            found.append("no fixations are given; in their scores the objects stand for them")
        undefined = [f"{key} ({count})" for key, count in self.report.undefined().items()]
        if undefined:
            found.append(f"not defined for some of {images} images: {', '.join(undefined)}")
        return [f"{self.of}: {text}." for text in found]


def remarks(results: Sequence[Result]) -> List[str]:
    """Return what stands under a table: conventions, counts, and the remarks of every result."""
    conventions = results[0].report.conventions
    counts = ", ".join(
        f"{each.report.images} images of {each.of.dataset} by {each.of.method}" for each in results
    )
    about = [f"Conventions: {conventions.title} ({conventions.in_words()}).", f"Scored: {counts}."]
    return about + [text for result in results for text in result.remarks()]


def by_set(results: Sequence[Result]) -> Dict[str, Dict[str, Result]]:
    """Return the results by data set and method."""
    found: Dict[str, Dict[str, Result]] = {}
    for result in results:
        found.setdefault(result.of.dataset, {})[result.of.method] = result
    return found


def column(score: Score, digits: int) -> Column:
    """Return the column of a score in tables."""
    title = score.key.replace("_", " ")
    return Column(score.key, title, score.higher_is_better, digits, score.family)


def data_sets(results: Sequence[Result]) -> DataSets:
    """Return the scores by data set and method."""
    return {
        name: {method: result.report.values() for method, result in own.items()}
        for name, own in by_set(results).items()
    }


def as_json(results: Sequence[Result]) -> Dict[str, Any]:
    """Return all results as a tree that strict JSON can hold; NaN is null."""
    conventions = results[0].report.conventions
    return {
        "paddleseg_u2net": __version__,
        "conventions": {"preset": conventions.title, **asdict(conventions)},
        "definitions": {score.key: score.meaning for score in results[0].report.scores},
        "results": [
            {
                "method": result.of.method,
                "dataset": result.of.dataset,
                "map_dir": str(result.of.map_dir),
                "ground_truth": {k: str(v) for k, v in result.of.truth.truths().items()},
                "scores": json_ready(result.report.compute()),
                "undefined": result.report.undefined(),
                "without_object_left_out": result.report.left_out,
                "notes": result.outcome.notes,
                "missing": list(result.missing),
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
    return csv_text(
        ["dataset", "method", "name", *keys],
        (
            [result.of.dataset, result.of.method, name, *(exact(values[key]) for key in keys)]
            for result in results
            for name, values in result.outcome.rows
        ),
    )


def write_documentation(page: Union[str, Path]) -> None:
    """Replace the table of scores in a Markdown page by that of all registered scores."""
    before, _, rest = Path(page).read_text("utf-8").partition(scores.HEAD)
    write_text(page, before + scores.table() + rest[rest.index("\n\n") + 1 :])
