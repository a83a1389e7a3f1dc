"""Folders of saliency maps in; tables, files, curves and a page out: all methods on all sets."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from paddleseg_u2net.evaluation import results as of
from paddleseg_u2net.evaluation.clips import in_clips
from paddleseg_u2net.evaluation.page import galleries, page, photographs
from paddleseg_u2net.evaluation.pairing import MapFiles, pair_maps, with_images
from paddleseg_u2net.evaluation.plan import MethodOnDataset, choose_scores
from paddleseg_u2net.evaluation.results import Result
from paddleseg_u2net.evaluation.run import Task, fixated_by_all, score
from paddleseg_u2net.evaluation.tables import (
    Column,
    csv_table,
    latex_table,
    markdown_table,
    text_table,
)
from paddleseg_u2net.io.files import check_writable, write_text
from paddleseg_u2net.metrics import Conventions, Curves, MetricReport
from paddleseg_u2net.render import charts
from paddleseg_u2net.text import one_line, short_lines

_ERRORS_SHOWN = 20  # of one method on one set
_OF_FIXATIONS = ("AUC_Judd", "sAUC", "NSS", "CC", "SIM", "KLD")
# What papers compare methods by, in as few columns as print side by side.
_PAPER = ("MAE", "maxF", "wF", "S", "meanE", *_OF_FIXATIONS)
# What fits a line of 80 letters.
_TERMINAL = ("mIoU", *_PAPER[:5], "relaxF", "BIoU", *_OF_FIXATIONS)


@dataclass(frozen=True)
class Outputs:
    """What is written, and how."""

    # By kind: json, csv, per_image, latex, markdown, html, pr are files, curves is a folder.
    files: Mapping[str, Path] = field(default_factory=dict)
    digits: int = 3  # behind the point, in tables
    gallery: int = 5  # worst and best images on the page
    limits: Tuple[Tuple[float, float], ...] = ()  # ends of the axes of pr: recall, precision
    all_columns: bool = False  # every table has all scores, not only those it has room for

    @property
    def needs_rows(self) -> bool:
        """Whether the scores of every image are needed."""
        return bool({"per_image", "html"} & set(self.files))

    def check(self, report: MetricReport) -> None:
        """Refuse at once what could not be written when all is scored: ValueError or OSError."""
        if {"html", "pr", "curves"} & set(self.files):
            importlib.import_module("matplotlib")
        if "html" in self.files:
            importlib.import_module("jinja2")
        seen: Dict[Path, str] = {}
        for key, path in self.files.items():
            first = seen.setdefault(path.resolve(), key)
            if first != key:
                raise ValueError(f"{path}: --{first} and --{key} would both be written here")
            check_writable(path, folder=key == "curves", name=f"--{key} {path}")
        if "pr" in self.files and "PR" not in report.curves():
            raise ValueError("--pr: none of the scores has this curve; add maxF")
        if "curves" in self.files and not report.curves():
            raise ValueError("--curves: none of the scores has a curve; add maxF, maxE or AUC")

    def _columns(self, results: Sequence[Result], usual: Sequence[str] = ()) -> List[Column]:
        scores = results[0].report.scores
        chosen = [each for each in scores if each.key in usual and not self.all_columns] or scores
        return [of.column(score, self.digits) for score in chosen]

    def show(self, results: Sequence[Result]) -> None:
        """Print the table and what a reader has to know."""
        columns, data_sets = self._columns(results, _TERMINAL), of.data_sets(results)
        print(text_table(data_sets, columns), end="")
        if any(len(methods) > 1 for methods in data_sets.values()):
            print("* the best of its set, as the numbers are printed")
        more = len(results[0].report.scores) - len(columns)
        if more:
            print(f"{more} more scores: --metrics all shows them; --html, --csv, --json have them")
        for line in of.remarks(results):
            print(line)

    def write(self, results: Sequence[Result]) -> None:
        """Write all files."""
        data_sets, paper = of.data_sets(results), self._columns(results, _PAPER)
        lines = [one_line(line) for line in of.remarks(results)]
        writers: Dict[str, Callable[[], str]] = {
            "json": lambda: json.dumps(of.as_json(results), indent=1, allow_nan=False) + "\n",
            "csv": lambda: csv_table(data_sets, self._columns(results)),
            "per_image": lambda: of.per_image_csv(results),
            "latex": lambda: (
                latex_table(data_sets, paper) + "".join(f"% {line}\n" for line in lines)
            ),
            "markdown": lambda: (
                markdown_table(data_sets, paper) + "".join(f"\n{line}\n" for line in lines)
            ),
            "html": lambda: self._page(results),
        }
        for key, text in writers.items():
            if key in self.files:
                write_text(self.files[key], text())
        by_set = _curves(results)
        if "pr" in self.files:
            figure = charts.draw(charts.precision_recall(by_set, *self.limits))
            charts.save(figure, self.files["pr"])
        if "curves" in self.files:
            for name, found in by_set.items():
                figure = charts.draw(charts.panels(found))
                for suffix in (".png", ".pdf"):
                    charts.save(figure, self.files["curves"] / f"{name}{suffix}")

    def _page(self, results: Sequence[Result]) -> str:
        figures = {
            f"Curves on {name}": charts.as_png(charts.draw(charts.panels(found)), 150)
            for name, found in _curves(results).items()
            if any(found.values())
        }
        scores = results[0].report.scores
        definitions = "; ".join(f"{score.key}: {score.meaning}" for score in scores)
        return page(
            of.data_sets(results),
            self._columns(results),
            self._columns(results, _PAPER),
            figures,
            galleries(results, self.gallery),
            [*of.remarks(results), f"{definitions}."],
        )


def _curves(results: Sequence[Result]) -> Dict[str, Dict[str, Curves]]:
    """Return the curves by data set and method."""
    return {
        name: {method: result.report.curves() for method, result in own.items()}
        for name, own in of.by_set(results).items()
    }


def evaluate(
    plan: Sequence[MethodOnDataset],
    outputs: Outputs,
    metrics: Optional[Sequence[str]],
    conventions: Conventions,
    sigma: Optional[float],
    workers: int,
    resize: bool,
    allow_missing: bool,
    skip_bad: bool,
) -> int:
    """Score, write and show; 0 if every map could be scored, or what failed was to be skipped.

    ``metrics`` None takes whatever there is ground truth for; ``sigma``, in pixels, spreads
    fixation points to a density where there is none. What is known to be wrong is raised before.
    """
    names = choose_scores(metrics, plan, sigma is not None)
    report = MetricReport(1, names=names, conventions=conventions)
    outputs.check(report)
    task = Task(report, resize, sigma, keep_rows=outputs.needs_rows)
    pairings = [_paired(each, report, allow_missing) for each in plan]
    results = []
    for each, (items, missing) in zip(plan, pairings):
        if report.needs_other_images:
            others = fixated_by_all(items, task, workers, f"fixations of {each.dataset}")
            task = replace(task, others=others)
        results.append(Result(each, items, score(items, task, workers, str(each)), missing))
    if not _acceptable(results, skip_bad):
        return 1
    try:
        # First, so that whoever reads only the head of the table has the files all the same.
        outputs.write(results)
    finally:
        outputs.show(results)
    for path in outputs.files.values():
        print(f"wrote {path}")
    return 0


def _paired(
    each: MethodOnDataset, report: MetricReport, allow_missing: bool
) -> Tuple[List[MapFiles], List[str]]:
    truth = each.truth
    endings = {"map": each.map_suffix, "mask": truth.mask_suffix}
    items, missing = pair_maps(each.map_dir, truth.truths(), endings, truth.list, allow_missing)
    if truth.image_dir:
        found = photographs(truth.image_dir)
        if not any(item.name in found for item in items):
            raise ValueError(
                f"{truth.image_dir}: expected photographs named as the maps, such as "
                f"{items[0].name}"
            )
        if report.needs_images:
            items, without = with_images(items, found, truth.image_dir, allow_missing)
            missing = sorted([*missing, *without])
    return in_clips(items) if report.follows_frames else items, missing


def _acceptable(results: Sequence[Result], skip_bad: bool) -> bool:
    """Name the files that failed; return whether the scores may be shown all the same."""
    failed = 0
    for result in results:
        errors = [message for _, message in result.outcome.errors]
        failed += len(errors)
        for line in short_lines(errors, _ERRORS_SHOWN):
            print(f"{result.of}: {line}", file=sys.stderr)
    empty = [str(result.of) for result in results if not result.report.images]
    if not failed or (skip_bad and not empty):
        return True
    total = failed + sum(result.report.images for result in results)
    repair = ", or leave them out with --skip_bad"
    if empty:
        repair = f"; nothing is left of {', '.join(empty)}"
    error = f"Error: {failed} of {total} maps could not be scored; mend the files above{repair}"
    print(error, file=sys.stderr)
    return False
