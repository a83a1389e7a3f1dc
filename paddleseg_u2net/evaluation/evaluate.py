"""Folders of saliency maps in, scores out: all methods on all data sets."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Tuple

from paddleseg_u2net.evaluation.gallery import photographs
from paddleseg_u2net.evaluation.outputs import Outputs
from paddleseg_u2net.evaluation.pairing import MapFiles, pair_maps
from paddleseg_u2net.evaluation.plan import MethodOnDataset, choose_scores
from paddleseg_u2net.evaluation.results import Result
from paddleseg_u2net.evaluation.run import Outcome, Task, fixated_by_all, score
from paddleseg_u2net.metrics import Conventions, MetricReport
from paddleseg_u2net.progress import Progress
from paddleseg_u2net.text import short_lines

_ERRORS_SHOWN = 20  # of one method on one set


def evaluate(
    plan: Sequence[MethodOnDataset],
    outputs: Outputs,
    metrics: Optional[Sequence[str]],
    conventions: Conventions,
    sigma: Optional[float] = None,
    workers: int = 0,
    resize: bool = False,
    allow_missing: bool = False,
    skip_bad: bool = False,
) -> int:
    """Score, write and show; 0 if every map could be scored, or what failed was to be skipped.

    ``metrics`` None takes whatever there is ground truth for; ``sigma``, in pixels, spreads
    fixation points to a density where there is none. What is known to be wrong is raised before.
    """
    names = choose_scores(metrics, plan, sigma is not None)
    report = MetricReport(1, names=names, conventions=conventions)
    outputs.check(report)
    task = Task(report, resize, sigma, keep_rows=outputs.needs_rows)
    pairings = [_paired(each, allow_missing) for each in plan]
    results = []
    for each, (items, left_out) in zip(plan, pairings):
        missing = sorted({name for names in left_out.values() for name in names})
        results.append(Result(each, items, _scored(each, items, task, workers), missing))
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
    each: MethodOnDataset, allow_missing: bool
) -> Tuple[List[MapFiles], Dict[str, List[str]]]:
    truth = each.truth
    endings = {"map": each.map_suffix, "mask": truth.mask_suffix}
    items, left_out = pair_maps(each.map_dir, truth.truths(), endings, truth.list, allow_missing)
    found = photographs(truth.image_dir) if truth.image_dir else {}
    if truth.image_dir and not any(item.name in found for item in items):
        raise ValueError(
            f"{truth.image_dir}: expected photographs named as the maps, such as {items[0].name}"
        )
    return items, left_out


def _scored(each: MethodOnDataset, items: Sequence[MapFiles], task: Task, workers: int) -> Outcome:
    if task.report.needs_other_images:
        with Progress(len(items), f"fixations of {each.dataset}") as progress:
            others = fixated_by_all(items, task, workers, progress.update)
        task = replace(task, others=others)
    with Progress(len(items), str(each)) as progress:
        return score(items, task, workers, progress.update)


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
    reason = "the scores of the others would not be those of the set; mend the files above, or "
    reason += "leave them out with --skip_bad"
    if empty:
        reason = f"nothing is left of {', '.join(empty)}; mend the files above"
    print(f"Error: {failed} of {total} maps could not be scored: {reason}", file=sys.stderr)
    return False
