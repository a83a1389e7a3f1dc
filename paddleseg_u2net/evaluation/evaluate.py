"""Folders of saliency maps in, scores out: all methods on all data sets."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import List, Optional, Sequence

from paddleseg_u2net.evaluation.gallery import photographs
from paddleseg_u2net.evaluation.outputs import Outputs
from paddleseg_u2net.evaluation.pairing import Pairing, pair_maps
from paddleseg_u2net.evaluation.plan import MethodOnDataset, choose_scores
from paddleseg_u2net.evaluation.results import Result
from paddleseg_u2net.evaluation.run import Task, fixated_by_all, score
from paddleseg_u2net.metrics import Conventions, MetricReport
from paddleseg_u2net.progress import Progress
from paddleseg_u2net.text import short_lines

_ERRORS_SHOWN = 20  # of one method on one set


@dataclass(frozen=True)
class Evaluation:
    """What is scored, how, and what is written.

    Attributes:
        plan: Methods and data sets.
        metrics: Scores, families or "all"; None takes whatever there is ground truth for.
        conventions: What toolboxes disagree about.
        outputs: What is written.
        sigma: In pixels; spreads fixation points to a density where there is none.
        workers: Processes; 0 works in this one.
        resize: Whether maps of another size are resized to their mask's.
        allow_missing: Whether names that not all folders have are left out.
        skip_bad: Whether images whose files cannot be used are left out.
    """

    plan: Sequence[MethodOnDataset]
    metrics: Optional[Sequence[str]] = None
    conventions: Conventions = field(default_factory=Conventions)
    outputs: Outputs = field(default_factory=Outputs)
    sigma: Optional[float] = None
    workers: int = 0
    resize: bool = False
    allow_missing: bool = False
    skip_bad: bool = False

    def run(self) -> int:
        """Score, write and show; 0 if every map could be scored, or what failed was to be skipped.

        Raises:
            ValueError, OSError: what can be known to be wrong before the work begins.
        """
        names = choose_scores(self.metrics, self.plan, self.sigma is not None)
        report = MetricReport(1, names=names, conventions=self.conventions)
        self.outputs.check(report)
        pairings = [self._paired(each) for each in self.plan]
        results = [self._scored(each, pairs, report) for each, pairs in zip(self.plan, pairings)]
        if not self._acceptable(results):
            return 1
        try:
            # First, so that whoever reads only the head of the table has the files all the same.
            self.outputs.write(results)
        finally:
            self.outputs.show(results)
        for path in self.outputs.files.values():
            print(f"wrote {path}")
        return 0

    def _paired(self, each: MethodOnDataset) -> Pairing:
        truth = each.truth
        endings = {"map": each.map_suffix, "mask": truth.mask_suffix}
        pairs = pair_maps(each.map_dir, truth.truths(), endings, truth.list, self.allow_missing)
        found = photographs(truth.image_dir) if truth.image_dir else {}
        if truth.image_dir and not any(item.name in found for item in pairs.items):
            raise ValueError(
                f"{truth.image_dir}: expected photographs named as the maps, such as "
                f"{pairs.items[0].name}, got {', '.join(sorted(found)[:3]) or 'none'}"
            )
        return pairs

    def _scored(self, each: MethodOnDataset, pairs: Pairing, report: MetricReport) -> Result:
        items = pairs.items
        keep_rows = self.outputs.needs_rows
        task = Task(report.fresh(), self.resize, self.sigma, keep_rows=keep_rows)
        if report.needs_other_images:
            with Progress(len(items), f"fixations of {each.dataset}") as progress:
                others = fixated_by_all(items, task, self.workers, progress.update)
            task = replace(task, others=others)
        with Progress(len(items), str(each)) as progress:
            outcome = score(items, task, self.workers, progress.update)
        missing = sorted({name for names in pairs.left_out.values() for name in names})
        return Result(each, items, outcome, missing)

    def _acceptable(self, results: List[Result]) -> bool:
        """Name the files that failed; return whether the scores may be shown all the same."""
        failed = 0
        for result in results:
            errors = [message for _, message in result.outcome.errors]
            failed += len(errors)
            for line in short_lines(errors, _ERRORS_SHOWN):
                print(f"{result.of}: {line}", file=sys.stderr)
        empty = [str(result.of) for result in results if not result.report.images]
        if not failed or (self.skip_bad and not empty):
            return True
        total = failed + sum(result.report.images for result in results)
        reason = "the scores of the others would not be those of the set; mend the files above, or "
        reason += "leave them out with --skip_bad"
        if empty:
            reason = f"nothing is left of {', '.join(empty)}; mend the files above"
        print(f"Error: {failed} of {total} maps could not be scored: {reason}", file=sys.stderr)
        return False
