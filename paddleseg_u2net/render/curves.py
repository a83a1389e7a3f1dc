"""Curves of several methods in one figure: precision and recall, F, E and ROC, as papers show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from paddleseg_u2net.render.mpl_style import LABEL_SIZE, mpl_settings, plain, style_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours that stay apart for colour-blind readers, and black. Source: Okabe and Ito 2008, "Color
# Universal Design"; their yellow is left out, for it is too pale for a line on white.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STROKES: Tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.2, 1.5)), (0, (6, 2, 1.2, 2)))

# Inches.
_PLOT_WIDTH, _PLOT_HEIGHT = 2.9, 2.5
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.66, 0.18, 0.5, 0.34
_LEGEND_LINE = 0.17
_HANDLE = 0.56  # the stroke before a label and the room around both

_PANELS_IN_A_ROW = 3
_MOST_INSIDE = 6

# Kind of curve -> title, name of x, name of y.
_KINDS = {
    "PR": ("Precision and recall", "recall", "precision"),
    "F": ("F-measure", "threshold", "F"),
    "E": ("E-measure", "threshold", "E"),
    "ROC": ("ROC of all pixels", "false positive rate", "true positive rate"),
}

Limits = Tuple[float, float]
Curves = Mapping[str, Mapping[str, Tuple[np.ndarray, np.ndarray]]]
"""By method and kind ("PR", "F", "E", "ROC"), x and y of shape (n,)."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A line through points.

    Attributes:
        label: The method; the same label looks the same in every panel.
        x: Numbers (n,), any order; a NaN in ``x`` or ``y`` leaves a gap.
        y: Numbers (n,).
    """

    label: str
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, eq=False)
class Panel:
    """One diagram; the limits are (low, high), None fits them to the curves."""

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]
    x_limits: Optional[Limits] = None
    y_limits: Optional[Limits] = None


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
    return [
        Panel(*_KINDS.get(kind, (kind, "", "")), lines, unit, unit) for kind, lines in found.items()
    ]


def precision_recall(
    datasets: Mapping[str, Curves],
    recall: Limits = (0.0, 1.0),
    precision: Optional[Limits] = None,
) -> List[Panel]:
    """Return one diagram of precision and recall for each data set, with one pair of axes for all.

    Args:
        datasets: Curves by the data set's name, which is the diagram's title.
        recall: Limits of x.
        precision: Limits of y; by default from the last tenth below all curves to 1.
    """
    found = {
        name: [Curve(method, *kinds["PR"]) for method, kinds in curves.items() if "PR" in kinds]
        for name, curves in datasets.items()
    }
    if precision is None:
        # Where recall is 0 nothing was found, and there is no precision to be seen.
        seen = [curve.y[curve.x > 0] for lines in found.values() for curve in lines]
        lowest = np.concatenate([np.ones(1), *(y[np.isfinite(y)] for y in seen)]).min()
        precision = (min(np.floor(lowest * 10) / 10, 0.9), 1.0)
    return [
        Panel(name, *_KINDS["PR"][1:], lines, recall, precision) for name, lines in found.items()
    ]


def draw(
    panels: Sequence[Panel], size: Tuple[float, float] = (_PLOT_WIDTH, _PLOT_HEIGHT)
) -> Figure:
    """Return a figure with the panels in rows of up to three (four: two rows of two).

    28 labels are told apart by colour and stroke; with more the looks begin again. The legend
    has the labels in the order of their first appearance, in the panel if there is only one and
    has up to 6 curves, else below all panels.

    Args:
        panels: One or more.
        size: Of each, without what is around it: width and height in inches.

    Raises:
        ValueError: Without panels.
    """
    from matplotlib.figure import Figure

    if not panels:
        raise ValueError("a figure needs at least one panel")
    labels = dict.fromkeys(curve.label for panel in panels for curve in panel.curves)
    looks = {label: _look(number) for number, label in enumerate(labels)}
    across = 2 if len(panels) == 4 else min(len(panels), _PANELS_IN_A_ROW)
    down = -(-len(panels) // across)
    pitch_x, pitch_y = _LEFT + size[0] + _RIGHT, _BOTTOM + size[1] + _TOP
    widest = max(map(_text_width, looks), default=0.0) + _HANDLE
    inside = len(panels) == 1 and len(looks) <= _MOST_INSIDE and widest < size[0]
    width = across * pitch_x if inside else max(across * pitch_x, widest + 0.2)
    columns, legend_height = (0, 0.0) if inside else _legend_size(len(looks), widest, width)
    height = down * pitch_y + legend_height
    margin = (width - across * pitch_x) / 2
    with mpl_settings():
        figure = Figure(figsize=(width, height), facecolor="white")
        for number, panel in enumerate(panels):
            left = margin + number % across * pitch_x + _LEFT
            low = legend_height + (down - 1 - number // across) * pitch_y + _BOTTOM
            frame = (left / width, low / height, size[0] / width, size[1] / height)
            _draw_panel(figure.add_axes(frame), panel, looks)
        if inside and looks:
            _add_legend(figure.axes[0], looks, loc="best", framealpha=0.85)
        elif looks:
            # 0.05 keeps the last line off the edge of the paper.
            below = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.05 / height)}
            _add_legend(figure, looks, **below, ncol=columns, frameon=False, borderaxespad=0.0)
    return figure


def _look(number: int) -> Dict[str, Any]:
    # Colour and stroke change with every label, so that print without colours tells them apart too.
    stroke = _STROKES[number % len(_STROKES)]
    return {"color": _COLORS[number % len(_COLORS)], "linestyle": stroke, "linewidth": 1.4}


def _legend_size(count: int, widest: float, width: float) -> Tuple[int, float]:
    """Return how many labels of a legend are side by side, and its height in inches."""
    fitting = max(min(int((width - 0.2) / widest + 1e-6), count), 1)
    lines = -(-count // fitting)
    return -(-count // max(lines, 1)), lines * _LEGEND_LINE + 0.15


def _text_width(label: str) -> float:
    """Return how many inches a label of the legend takes."""
    from matplotlib.textpath import TextPath

    text = plain(label)
    return TextPath((0, 0), text, size=LABEL_SIZE).get_extents().x1 / 72 if text.strip() else 0.0


def _draw_panel(axes: Any, panel: Panel, looks: Dict[str, Dict[str, Any]]) -> None:
    for curve in panel.curves:
        x, y = np.asarray(curve.x, float), np.asarray(curve.y, float)
        # A line through one point is invisible.
        lonely = np.count_nonzero(np.isfinite(x) & np.isfinite(y)) == 1
        axes.plot(x, y, marker="o" if lonely else "", markersize=4, **looks[curve.label])
    axes.set_title(plain(panel.title))
    axes.set_xlabel(plain(panel.x_label))
    axes.set_ylabel(plain(panel.y_label))
    if panel.x_limits is not None:
        axes.set_xlim(*panel.x_limits)
    if panel.y_limits is not None:
        axes.set_ylim(*panel.y_limits)
    style_axes(axes, "both")


def _add_legend(owner: Any, looks: Dict[str, Dict[str, Any]], **how: Any) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], **look) for look in looks.values()]
    # Matplotlib leaves out labels that begin with an underscore, so they are set afterwards.
    numbers = [str(number) for number in range(len(handles))]
    legend = owner.legend(
        handles, numbers, fontsize=LABEL_SIZE, handlelength=3.0, columnspacing=1.2, **how
    )
    for text, label in zip(legend.get_texts(), looks):
        text.set_text(plain(label))
