"""Scores of a pipeline on a data set, at every image's own size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import numpy as np

from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.metrics import FAMILIES, SCORES, Fixations, MetricReport, OtherFixations
from paddleseg_u2net.progress import Progress, tracked
from paddleseg_u2net.training.distributed import Distributed
from paddleseg_u2net.training.distributed.sums import Sums, blocks_of
from paddleseg_u2net.training.loader import DataError, validation_loader

Watch = Callable[[int, np.ndarray, np.ndarray], None]


@dataclass
class BestScore:
    """The best value of ``metric``, a key of ``SCORES``, its iteration, and evaluations since."""

    metric: str = "mIoU"
    value: float = math.nan
    iteration: int = -1
    waited: int = 0

    def update(self, scores: Dict[str, Any], iteration: int) -> bool:
        """Whether these scores are the best so far; if so, they are kept."""
        value = float(scores[self.metric])
        sign = 1 if SCORES[self.metric].higher_is_better else -1
        better = math.isnan(self.value) or sign * value > sign * self.value
        if better and not math.isnan(value):
            self.value, self.iteration, self.waited = value, iteration, 0
            return True
        self.waited += 1
        return False


def evaluate(
    pipeline: Pipeline,
    dataset: PairDataset,
    report: MetricReport,
    batch_size: int = 1,
    num_workers: int = 0,
    distributed: Optional[Distributed] = None,
    watch: Watch = lambda index, probability, label: None,
) -> MetricReport:
    """The scores of an empty ``report`` over all pairs; each process takes its share of them.

    ``watch`` is told of each image: its number in the data set, probabilities and label (H, W).
    """
    distributed = distributed or Distributed()
    if len(dataset) == 0:
        raise DataError("val_dataset: expected pairs to validate on, it has none")
    fixated = _fixated(dataset, distributed.is_first) if report.needs_other_images else None
    blocks = list(enumerate(blocks_of(len(dataset), batch_size)))
    own = blocks[distributed.rank :: distributed.size]
    indices = [index for _, block in own for index in block]
    ends = {block[-1]: number for number, block in own}
    numbers, sums = iter(indices), Sums()
    with Progress(len(indices), "validating", shown=distributed.is_first) as progress:
        for inputs, labels in validation_loader(
            dataset, pipeline, indices, batch_size, num_workers
        ):
            maps = _probabilities(pipeline, inputs)
            for probability, label, index in zip(maps, labels, numbers):
                # What was read is not handed on: processes that read ahead would send it twice.
                guided = pipeline.upsampling != "bilinear"
                target = dataset.image(index) if guided else label.shape
                restored = pipeline.restore(probability, target)
                one_channel = restored[0] if dataset.num_classes == 1 else restored
                others = None
                if fixated is not None:  # where the objects of the other images are
                    here = _as_fixations(label, dataset)
                    others = fixated.weights(here.shape, here)
                report.update(one_channel, label, others)
                watch(index, one_channel, label)
                if index in ends:
                    sums.take(report, ends[index])
            progress.update(len(inputs))
    return Sums.added(report, distributed.gather(sums.state()))


def _fixated(dataset: PairDataset, first: bool) -> OtherFixations:
    """Where the objects of all images are, for the shuffled AUC."""
    found = OtherFixations()
    for index in tracked(range(len(dataset)), "reading masks", shown=first):
        found.add(_as_fixations(dataset.read(index)[1], dataset))
    return found


def _as_fixations(label: np.ndarray, dataset: PairDataset) -> Fixations:
    valid = label != dataset.ignore_index
    if not valid.any():
        return Fixations.from_mask(np.zeros(label.shape, np.bool_))
    return Fixations.from_mask(valid & (label >= 0.5), valid)


def _probabilities(pipeline: Pipeline, inputs: List[np.ndarray]) -> Iterator[np.ndarray]:
    """Maps of the inputs, in their order; inputs of one size go through the network together."""
    if len({item.shape for item in inputs}) == 1:
        yield from pipeline.probabilities(np.stack(inputs))
        return
    for item in inputs:
        yield pipeline.probabilities(item[None])[0]


def lines(report: MetricReport, classes: Sequence[str] = ()) -> List[str]:
    """The scores as PaddleSeg prints them, and those of the other families, a line each.

    ``classes`` are names by number; of three and more they stand above the scores of classes.
    """
    scores, values = report.compute(), report.values()
    found = []
    for family in FAMILIES:
        keys = [score.key for score in report.scores if score.family == family]
        if keys:
            found.append(" ".join(f"{key}: {values[key]:.4f}" for key in keys))
    found[0] = f"#Images: {scores['images']} {found[0]}"
    if len(classes) > 2 and "class_iou" in scores:
        named = ", ".join(f"{number} {name}" for number, name in enumerate(classes))
        found.append(f"Classes: {named}")
    for name in ("IoU", "Precision", "Recall"):
        key = f"class_{name.lower()}"
        if key in scores:
            found.append(f"Class {name}: \n{np.round(np.asarray(scores[key], dtype=float), 4)}")
    for key, count in report.undefined().items():
        found.append(f"{key} is not defined for {count} images and is the mean of the others")
    if report.ignored:
        found.append(f"{report.ignored} images have ignored pixels only and no score")
    if report.left_out:
        found.append(f"{report.left_out} images without an object are left out")
    if report.takes_objects_for_fixations:
        found.append("The objects stand for fixations in AUC_Judd to EMD")
    if any(score.family != "segmentation" for score in report.scores):
        found.append(f"Conventions: {report.conventions.title}")
    return [f"[EVAL] {line}" for line in found]
