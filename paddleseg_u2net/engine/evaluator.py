"""Scores of a predictor on a data set, at every picture's own size."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Sequence

import numpy as np
from tqdm import tqdm

from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.engine.loader import DataError, validation_loader
from paddleseg_u2net.engine.ranks import Ranks
from paddleseg_u2net.inference import Predictor
from paddleseg_u2net.metrics import MetricReport

Scores = Dict[str, Any]


def evaluate(
    predictor: Predictor,
    dataset: PairDataset,
    batch_size: int = 1,
    num_workers: int = 0,
    ranks: Optional[Ranks] = None,
) -> Scores:
    """The scores of ``MetricReport`` over all pairs; each process takes its share of them.

    Raises:
        DataError: a file cannot be used, or the data set is empty.
    """
    ranks = ranks or Ranks()
    if len(dataset) == 0:
        raise DataError("val_dataset: expected pairs to validate on, it has none")
    report = _empty_report(dataset)
    indices = range(ranks.rank, len(dataset), ranks.size)
    with tqdm(
        total=len(indices), desc="validating", unit="image", leave=False, disable=_bar(ranks)
    ) as bar:
        for inputs, labels in validation_loader(
            dataset, predictor, indices, batch_size, num_workers
        ):
            for probability, label in zip(_probabilities(predictor, inputs), labels):
                restored = predictor.restore(probability, label.shape)
                report.update(restored[0] if dataset.num_classes == 1 else restored, label)
            bar.update(len(inputs))
    return _merged(report, dataset, ranks).compute()


def _bar(ranks: Ranks) -> Optional[bool]:
    # None: tqdm shows a bar on a terminal only
    return None if ranks.is_first else True


def _empty_report(dataset: PairDataset) -> MetricReport:
    return MetricReport(dataset.num_classes, dataset.ignore_index)


def _probabilities(predictor: Predictor, inputs: List[np.ndarray]) -> Iterator[np.ndarray]:
    """Maps of the inputs, in their order; inputs of one size go through the network together."""
    if len({item.shape for item in inputs}) == 1:
        yield from predictor.probabilities(np.stack(inputs))
        return
    for item in inputs:
        yield predictor.probabilities(item[None])[0]


def _merged(report: MetricReport, dataset: PairDataset, ranks: Ranks) -> MetricReport:
    if ranks.size == 1:
        return report
    total = _empty_report(dataset)
    for state in ranks.gather(report.state()):
        part = _empty_report(dataset)
        part.load_state(state)
        total.merge(part)
    return total


def lines(scores: Scores) -> List[str]:
    """The scores as PaddleSeg prints them, with the salient-object metrics beside them."""
    text = "[EVAL] #Images: {images} mIoU: {mIoU:.4f} Acc: {Acc:.4f} Kappa: {Kappa:.4f} " \
        "Dice: {Dice:.4f}".format(**scores)  # fmt: skip
    if "MAE" in scores:
        text += (
            " MAE: {MAE:.4f} maxF: {maxF:.4f} maxF_paper: {maxF_paper:.4f} meanF: {meanF:.4f} "
            "adpF: {adpF:.4f} wF: {wF:.4f} S: {S:.4f}".format(**scores)
        )
    return [
        text,
        "[EVAL] Class IoU: \n" + _row(scores["class_iou"]),
        "[EVAL] Class Precision: \n" + _row(scores["class_precision"]),
        "[EVAL] Class Recall: \n" + _row(scores["class_recall"]),
    ]


def _row(values: Sequence[float]) -> str:
    return str(np.round(np.asarray(values, dtype=float), 4))
