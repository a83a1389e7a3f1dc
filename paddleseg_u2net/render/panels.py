"""The diagrams that papers on salient objects show, from the curves of several methods."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Tuple

import numpy as np

from paddleseg_u2net.render.curves import Curve, Panel

# Kind of curve -> title, name of x, name of y.
_PANELS = {
    "PR": ("Precision and recall", "recall", "precision"),
    "F": ("F-measure", "threshold", "F"),
    "E": ("E-measure", "threshold", "E"),
    "ROC": ("ROC of all pixels", "false positive rate", "true positive rate"),
}


Limits = Tuple[float, float]
Curves = Mapping[str, Mapping[str, Tuple[np.ndarray, np.ndarray]]]
"""By method and kind ("PR", "F", "E", "ROC"), x and y of shape (n,)."""


def panels(curves: Curves) -> List[Panel]:
    """Return a diagram for each kind of curve, with a line for each method; sides from 0 to 1.

    Args:
        curves: As ``MetricReport.curves`` gives them.
    """
    found: Dict[str, List[Curve]] = {}
    for method, kinds in curves.items():
        for kind, (x, y) in kinds.items():
            found.setdefault(kind, []).append(Curve(method, x, y))
    unit = (0.0, 1.0)
    return [Panel(*_PANELS[kind], lines, unit, unit) for kind, lines in found.items()]


def precision_recall(
    data_sets: Mapping[str, Curves],
    recall: Limits = (0.0, 1.0),
    precision: Optional[Limits] = None,
) -> List[Panel]:
    """Return one diagram of precision and recall for each data set, with one pair of axes for all.

    Args:
        data_sets: Curves by the data set's name, which is the diagram's title.
        recall: Limits of x.
        precision: Limits of y; by default from the last tenth below all curves to 1.
    """
    found = {
        name: [Curve(method, *kinds["PR"]) for method, kinds in curves.items() if "PR" in kinds]
        for name, curves in data_sets.items()
    }
    if precision is None:
        # Where recall is 0 nothing was found, and there is no precision to be seen.
        seen = [curve.y[curve.x > 0] for lines in found.values() for curve in lines]
        lowest = np.concatenate([np.ones(1), *(y[np.isfinite(y)] for y in seen)]).min()
        precision = (min(np.floor(lowest * 10) / 10, 0.9), 1.0)
    return [
        Panel(name, *_PANELS["PR"][1:], lines, recall, precision) for name, lines in found.items()
    ]
