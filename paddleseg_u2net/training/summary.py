"""Scores of models as JSON, and of several (folds, seeds) side by side with mean and deviation."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from paddleseg_u2net.metrics import MetricReport, json_ready
from paddleseg_u2net.text import aligned, class_names, one_line


class Scored(NamedTuple):
    """A model and its scores on a data set with classes of these names."""

    source: str
    report: MetricReport
    classes: Sequence[str] = ()


def names_apart(paths: Sequence[str]) -> List[str]:
    """Names of models by what differs in their paths: ``fold_1`` of ``run/fold_1/best_model``."""
    parts = [list(Path(path).parts) for path in paths]
    for end in (0, -1):
        while all(len(own) > 1 for own in parts) and len({own[end] for own in parts}) == 1:
            for own in parts:
                del own[end]
    names = ["/".join(own) for own in parts]
    return names if len(set(names)) == len(names) else [f"{n + 1}" for n in range(len(names))]


def as_json(scored: Scored) -> Dict[str, Any]:
    """One model's scores, their conventions, names of classes and the confusion matrix."""
    used = asdict(scored.report.conventions)
    del used["mask_above"]  # here the data set says what a mask's values mean
    content = {
        "model_path": scored.source,
        "conventions": {"preset": scored.report.conventions.title, **used},
        **json_ready(scored.report.compute()),
    }
    return {**content, **_matrix(scored.report, scored.classes)}


def _matrix(report: MetricReport, classes: Sequence[str]) -> Dict[str, Any]:
    counts = report.confusion
    if counts is None:
        return {}
    return {"classes": class_names(classes, len(counts)), "confusion_matrix": counts.tolist()}


def pooled(every: Sequence[Scored]) -> Optional[MetricReport]:
    """The scores of all images of all models together; None where they are scored differently."""
    total = every[0].report.fresh()
    try:
        for scored in every:
            total.merge(scored.report)
    except ValueError:
        return None
    return total


class Summary:
    """Scores of several models: each, their mean and standard deviation (of a sample, divided by
    n - 1), and those of all images together.
    """

    def __init__(self, names: Sequence[str], every: Sequence[Scored]) -> None:
        self._names, self._every, self._total = names, every, pooled(every)
        columns = [scored.report.values() for scored in every]
        keys = [key for key in columns[0] if all(key in column for column in columns)]
        self.values = {key: [column[key] for column in columns] for key in keys}
        self.mean = {key: _mean(values) for key, values in self.values.items()}
        self.std = {key: _deviation(values) for key, values in self.values.items()}

    def as_json(self) -> Dict[str, Any]:
        """All of it."""
        models = {name: as_json(scored) for name, scored in zip(self._names, self._every)}
        content = {"models": models, "mean": json_ready(self.mean), "std": json_ready(self.std)}
        if self._total is not None:
            classes = self._every[0].classes
            together = {**json_ready(self._total.compute()), **_matrix(self._total, classes)}
            content["pooled"] = together
        return content

    def lines(self) -> List[str]:
        """A table, a line for each score."""
        together = {} if self._total is None else self._total.values()
        heads = [*map(one_line, self._names), "mean", "std", *(["pooled"] if together else [])]
        rows = [["", *heads]]
        for key, values in self.values.items():
            numbers = [*values, self.mean[key], self.std[key]]
            numbers += [together[key]] if together else []
            rows.append([key, *(f"{number:.4f}" for number in numbers)])
        return aligned(rows)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(_defined(values))) if len(_defined(values)) else float("nan")


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(_defined(values), ddof=1)) if len(_defined(values)) > 1 else float("nan")


def _defined(values: Sequence[float]) -> List[float]:
    return [value for value in values if value == value]
