"""A confusion matrix as a chart: what became of the pixels of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

import numpy as np

from paddleseg_u2net.render.charts import mpl_settings, plain, style_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_TEXTS = 20  # classes; with more the numbers would be too small to read


def confusion_chart(counts: np.ndarray, classes: Sequence[str], title: str) -> Figure:
    """Return a figure of a matrix, rows divided by their sums: the diagonal is the recall.

    Args:
        counts: (C, C) pixels, rows by true class, columns by predicted one.
        classes: C names.
    """
    from matplotlib.figure import Figure

    size = len(counts)
    names = list(map(plain, classes))
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    side = 2.2 + 0.55 * min(size, 30)
    with mpl_settings():
        figure = Figure((side + 1, side), facecolor="white", layout="constrained")
        axes = figure.add_subplot()
        shown = axes.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
        axes.set_title(plain(title))
        axes.set_xticks(range(size), names, rotation=90 if size > 4 else 0)
        axes.set_yticks(range(size), names)
        axes.set(xlabel="predicted", ylabel="true")
        for row, column in np.ndindex(counts.shape) if size <= _MOST_TEXTS else ():
            if totals[row]:
                share = shares[row, column]
                color = "white" if share > 0.55 else "black"
                text = _percent(share)
                axes.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
        figure.colorbar(shown, ax=axes, label="% of the true pixels", shrink=0.8)
        style_axes(axes)
    return figure


def _percent(share: float) -> str:
    """A share in percent; what is not nothing is not 0, what is not all is not 100."""
    if share in (0, 1):
        return f"{100 * share:.0f}"
    return f"{min(max(100 * share, 0.01), 99.99):.2f}"
