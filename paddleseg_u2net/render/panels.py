"""The diagrams that papers on salient objects show, from the curves of several methods."""

from __future__ import annotations

from typing import Dict, List, Mapping, Tuple

import numpy as np

from paddleseg_u2net.render.curves import Curve, Panel

# Kind of curve -> title, name of x, name of y.
_PANELS = {
    "PR": ("Precision and recall", "recall", "precision"),
    "F": ("F-measure", "threshold", "F"),
    "E": ("E-measure", "threshold", "E"),
    "ROC": ("ROC of all pixels", "false positive rate", "true positive rate"),
}


def panels(curves: Mapping[str, Mapping[str, Tuple[np.ndarray, np.ndarray]]]) -> List[Panel]:
    """Return a diagram for each kind of curve, with a line for each method; sides from 0 to 1.

    Args:
        curves: By method and kind ("PR", "F", "E", "ROC"), x and y of shape (n,); as
            ``MetricReport.curves`` gives them.
    """
    found: Dict[str, List[Curve]] = {}
    for method, kinds in curves.items():
        for kind, (x, y) in kinds.items():
            found.setdefault(kind, []).append(Curve(method, x, y))
    unit = (0.0, 1.0)
    return [Panel(*_PANELS[kind], lines, unit, unit) for kind, lines in found.items()]
