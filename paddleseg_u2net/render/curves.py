"""Curves of several methods in one figure, for papers: PNG, and PDF with letters as letters.

Only Matplotlib's objects are used, never ``pyplot``: no display is needed and no figure is kept.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from paddleseg_u2net.io import files
from paddleseg_u2net.render.mpl_style import house_settings, plain
from paddleseg_u2net.text import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Curve", "Panel", "as_png", "draw", "save"]

# Colours that stay apart for colour-blind readers, and black. Source: Okabe and Ito 2008, "Color
# Universal Design"; their yellow is left out, for it is too pale for a line on white.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STROKES: Tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.2, 1.5)), (0, (6, 2, 1.2, 2)))

# Inches.
_PLOT_WIDTH, _PLOT_HEIGHT = 2.9, 2.5
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.66, 0.18, 0.5, 0.34
_LEGEND_LINE = 0.17
_HANDLE = 0.56  # the stroke before a label and the room around both

_LABEL_SIZE = 8  # points

_PANELS_IN_A_ROW = 3
_MOST_INSIDE = 6


@dataclass(frozen=True, eq=False)
class Curve:
    """A line through points.

    Attributes:
        label: the method; the same label looks the same in every panel.
        x: numbers (n,), any order; a NaN in ``x`` or ``y`` leaves a gap.
        y: numbers (n,).
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
    x_limits: Optional[Tuple[float, float]] = None
    y_limits: Optional[Tuple[float, float]] = None


def draw(
    panels: Sequence[Panel], size: Tuple[float, float] = (_PLOT_WIDTH, _PLOT_HEIGHT)
) -> Figure:
    """Return a figure with the panels in rows of up to three (four: two rows of two).

    28 labels are told apart by colour and stroke; with more the looks begin again. The legend
    has the labels in the order of their first appearance. It stands in the panel if there is only
    one and has up to 6 curves, else below all panels. Texts are plain: a dollar sign is itself.
    Letters that the font DejaVu Sans does not have, such as Chinese ones, become boxes.

    Args:
        panels: one or more.
        size: of each, without what stands around it: width and height in inches. Letters have 8
            to 10 points, so that they are the larger for whoever sees the figure small.

    Raises:
        ValueError: without panels, or for a curve whose ``x`` and ``y`` are not (n,) of one n.
    """
    if not panels:
        raise ValueError("a figure needs at least one panel")
    for panel in panels:
        for curve in panel.curves:
            _check(curve, panel)
    labels = list(dict.fromkeys(curve.label for panel in panels for curve in panel.curves))
    looks = {label: _look(number) for number, label in enumerate(labels)}
    with house_settings():
        return _drawn(panels, looks, size)


def save(figure: Figure, path: files.PathLike) -> None:
    """Write a figure whole or not at all: 300 pixels per inch for .png, vectors for .pdf.

    No date or version is written: equal figures of one Matplotlib give equal bytes.

    Raises:
        ValueError: for another suffix.
        OSError: the file cannot be written (see `files.atomic_path`).
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".pdf"):
        raise ValueError(f"{path}: expected the suffix .png or .pdf, got {suffix!r}")
    if suffix == ".png":
        data = as_png(figure)
    else:
        data = _encoded(figure, "pdf", {"CreationDate": None, "Creator": None, "Producer": None})
    files.write_bytes(path, data)


def as_png(figure: Figure, dpi: int = 300) -> bytes:
    """Return a figure as a PNG file of ``dpi`` pixels per inch."""
    return _encoded(figure, "png", {"Software": None}, dpi)


def _encoded(
    figure: Figure, file_format: str, metadata: Dict[str, Optional[str]], dpi: int = 300
) -> bytes:
    stream = io.BytesIO()
    with house_settings():
        figure.savefig(stream, format=file_format, dpi=dpi, metadata=metadata)
    return stream.getvalue()


def _check(curve: Curve, panel: Panel) -> None:
    x, y = np.shape(curve.x), np.shape(curve.y)
    if len(x) != 1 or x != y:
        raise ValueError(
            f"{panel.title}, {curve.label}: expected x and y of one shape (n,), got {x} and {y}"
        )


def _look(number: int) -> Dict[str, Any]:
    # Colour and stroke change with every label, so that print without colours tells them apart too.
    stroke = _STROKES[number % len(_STROKES)]
    return {"color": _COLORS[number % len(_COLORS)], "linestyle": stroke, "linewidth": 1.4}


# ---------------------------------------------------------------- layout


def _drawn(
    panels: Sequence[Panel], looks: Dict[str, Dict[str, Any]], size: Tuple[float, float]
) -> Figure:
    from matplotlib.figure import Figure

    across = 2 if len(panels) == 4 else min(len(panels), _PANELS_IN_A_ROW)
    down = -(-len(panels) // across)
    pitch_x, pitch_y = _LEFT + size[0] + _RIGHT, _BOTTOM + size[1] + _TOP
    widest = max(map(_text_width, looks), default=0.0) + _HANDLE
    inside = len(panels) == 1 and len(looks) <= _MOST_INSIDE and widest < size[0]
    width = across * pitch_x if inside else max(across * pitch_x, widest + 0.2)
    places, legend_height = (0, 0.0) if inside else _legend_size(len(looks), widest, width)
    height = down * pitch_y + legend_height
    figure = Figure(figsize=(width, height), facecolor="white")
    margin = (width - across * pitch_x) / 2
    for number, panel in enumerate(panels):
        left = margin + number % across * pitch_x + _LEFT
        low = legend_height + (down - 1 - number // across) * pitch_y + _BOTTOM
        frame = (left / width, low / height, size[0] / width, size[1] / height)
        _draw_panel(figure.add_axes(frame), panel, looks)
    if inside and looks:
        _add_legend(figure.axes[0], looks, loc="best", framealpha=0.85)
    elif looks:
        # 0.05 keeps the last line off the edge of the paper.
        below = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.05 / height), "ncol": places}
        _add_legend(figure, looks, **below, frameon=False, borderaxespad=0.0)
    return figure


def _legend_size(count: int, widest: float, width: float) -> Tuple[int, float]:
    """Return how many labels of a legend stand side by side, and its height in inches."""
    fitting = max(min(int((width - 0.2) / widest + 1e-6), count), 1)
    lines = -(-count // fitting)
    return -(-count // max(lines, 1)), lines * _LEGEND_LINE + 0.15


def _text_width(label: str) -> float:
    """Return how many inches a label of the legend takes."""
    from matplotlib.textpath import TextPath

    if not one_line(label).strip():
        return 0.0
    return TextPath((0, 0), plain(label), size=_LABEL_SIZE).get_extents().x1 / 72


def _draw_panel(axes: Any, panel: Panel, looks: Dict[str, Dict[str, Any]]) -> None:
    for curve in panel.curves:
        x, y = np.asarray(curve.x, float), np.asarray(curve.y, float)
        # A line through one point is invisible.
        lonely = np.count_nonzero(np.isfinite(x) & np.isfinite(y)) == 1
        axes.plot(x, y, marker="o" if lonely else "", markersize=4, **looks[curve.label])
    axes.set_title(plain(panel.title), fontsize=10)
    axes.set_xlabel(plain(panel.x_label))
    axes.set_ylabel(plain(panel.y_label))
    if panel.x_limits is not None:
        axes.set_xlim(*panel.x_limits)
    if panel.y_limits is not None:
        axes.set_ylim(*panel.y_limits)
    axes.set_axisbelow(True)
    axes.grid(True, color="#d8d8d8", linestyle="-", linewidth=0.6)
    for side in axes.spines.values():
        side.set_color("#606060")
    axes.tick_params(labelsize=_LABEL_SIZE, color="#606060")


def _add_legend(owner: Any, looks: Dict[str, Dict[str, Any]], **how: Any) -> None:
    from matplotlib.lines import Line2D

    handles: List[Any] = [Line2D([], [], **look) for look in looks.values()]
    # Matplotlib leaves out labels that begin with an underscore, so they are set afterwards.
    legend = owner.legend(
        handles,
        [str(number) for number in range(len(handles))],
        fontsize=_LABEL_SIZE,
        handlelength=3.0,
        columnspacing=1.2,
        **how,
    )
    for text, label in zip(legend.get_texts(), looks):
        text.set_text(plain(label))
