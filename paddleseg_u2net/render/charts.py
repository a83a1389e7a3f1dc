"""Charts: their look, curves of several methods as papers show them, and charts as files.

Only Matplotlib's objects are used, never ``pyplot``: no display is needed and no figure is kept.
"""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from paddleseg_u2net.io import files
from paddleseg_u2net.text import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LABEL_SIZE = 8  # points
_GREY, _GRID = "#606060", "#d8d8d8"
_SETTINGS: Dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # the one that Matplotlib brings
    "font.size": 9.0,
    "axes.unicode_minus": True,
    "pdf.fonttype": 42,  # TrueType; publishers refuse Matplotlib's own choice, Type 3
    "pdf.use14corefonts": False,
    "text.usetex": False,
}
# Colours that stay apart for colour-blind readers, and black. Source: Okabe and Ito 2008, "Color
# Universal Design"; their yellow is left out, for it is too pale for a line on white.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STROKES: Tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.2, 1.5)), (0, (6, 2, 1.2, 2)))

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

Line = Tuple[str, np.ndarray, np.ndarray]
"""The method, x and y (n,); a NaN leaves a gap."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One diagram; the limits are (low, high), None fits them to the curves."""

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Line]
    x_limits: Optional[Limits] = None
    y_limits: Optional[Limits] = None


def panels(curves: Curves) -> List[Panel]:
    """Return a diagram for each kind of curve, with a line for each method; sides from 0 to 1."""
    found: Dict[str, List[Line]] = {}
    for method, kinds in curves.items():
        for kind, (x, y) in kinds.items():
            found.setdefault(kind, []).append((method, x, y))
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

    By default precision goes from the last tenth below all curves to 1.
    """
    found = {
        name: [(method, *kinds["PR"]) for method, kinds in curves.items() if "PR" in kinds]
        for name, curves in datasets.items()
    }
    if precision is None:
        # Where recall is 0 nothing was found, and there is no precision to be seen.
        seen = [y[x > 0] for lines in found.values() for _, x, y in lines]
        lowest = np.concatenate([np.ones(1), *(y[np.isfinite(y)] for y in seen)]).min()
        precision = (min(np.floor(lowest * 10) / 10, 0.9), 1.0)
    return [
        Panel(name, *_KINDS["PR"][1:], lines, recall, precision) for name, lines in found.items()
    ]


def draw(panels: Sequence[Panel], size: Tuple[float, float] = (3.7, 3.2)) -> Figure:
    """Return a figure with the panels in rows of up to three (four: two rows of two).

    A method looks the same in every panel. 28 are told apart by colour and stroke; with more the
    looks begin again. ``size``: of each panel with its labels, width and height in inches.
    """
    from matplotlib.figure import Figure

    labels = dict.fromkeys(label for panel in panels for label, _, _ in panel.curves)
    # Colour and stroke change with every label, so that print without colours tells them apart too.
    looks = {
        label: {
            "color": _COLORS[number % len(_COLORS)],
            "linestyle": _STROKES[number % len(_STROKES)],
            "linewidth": 1.4,
        }
        for number, label in enumerate(labels)
    }
    across = 2 if len(panels) == 4 else min(len(panels), 3)
    down = -(-len(panels) // across)
    with mpl_settings():
        figure = Figure((across * size[0], down * size[1]), facecolor="white", layout="constrained")
        for number, panel in enumerate(panels, start=1):
            _draw_panel(figure.add_subplot(down, across, number), panel, looks)
        if looks:
            _add_legend(figure, looks, columns=min(len(looks), 2 * across))
    return figure


def _draw_panel(axes: Any, panel: Panel, looks: Mapping[str, Mapping[str, Any]]) -> None:
    for label, x, y in panel.curves:
        # A line through one point is invisible.
        lonely = np.count_nonzero(np.isfinite(x) & np.isfinite(y)) == 1
        axes.plot(x, y, marker="o" if lonely else "", markersize=4, **looks[label])
    axes.set(title=plain(panel.title), xlim=panel.x_limits, ylim=panel.y_limits)
    axes.set(xlabel=plain(panel.x_label), ylabel=plain(panel.y_label))
    style_axes(axes, grid=True)


def _add_legend(figure: Figure, looks: Mapping[str, Mapping[str, Any]], columns: int) -> None:
    """Add the labels below all panels, where they can take as much room as they need."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], **look) for look in looks.values()]
    # Matplotlib leaves out labels that begin with an underscore, so they are set afterwards.
    numbers = [str(number) for number in range(len(handles))]
    legend = figure.legend(
        handles, numbers, ncol=columns, loc="upper center", bbox_to_anchor=(0.5, 0.0),
        fontsize=_LABEL_SIZE, handlelength=3.0, columnspacing=1.2, frameon=False,
    )  # fmt: skip
    for text, label in zip(legend.get_texts(), looks):
        text.set_text(plain(label))


@contextmanager
def mpl_settings() -> Iterator[None]:
    """Set Matplotlib's settings, which are of the whole process; letters may lack in the font."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def style_axes(axes: Any, grid: bool = False) -> None:
    """Draw frame and ticks grey, and a ``grid`` below the data."""
    axes.title.set_fontsize(10)
    axes.tick_params(labelsize=_LABEL_SIZE, color=_GREY)
    for side in axes.spines.values():
        side.set_color(_GREY)
    if grid:
        axes.set_axisbelow(True)
        axes.grid(True, color=_GRID, linestyle="-", linewidth=0.6)


def plain(text: str) -> str:
    """Return one line of ``text`` without formulas."""
    return one_line(text).replace("$", r"\$")


def save(figure: Figure, path: files.PathLike) -> None:
    """Write a figure whole or not at all: vectors for .pdf, else PNG of 300 pixels per inch.

    No date or version is written: equal figures of one Matplotlib give equal bytes.
    """
    if Path(path).suffix.lower() != ".pdf":
        content = as_png(figure)
    else:
        nobody = {"CreationDate": None, "Creator": None, "Producer": None}
        content = _encoded(figure, format="pdf", metadata=nobody)
    files.write_bytes(path, content)


def as_png(figure: Figure, dpi: int = 300) -> bytes:
    """Return a figure as a PNG file of ``dpi`` pixels per inch."""
    return _encoded(figure, format="png", metadata={"Software": None}, dpi=dpi)


def _encoded(figure: Figure, **options: Any) -> bytes:
    stream = io.BytesIO()
    with mpl_settings():
        figure.savefig(stream, bbox_inches="tight", **options)  # all texts are on the paper
    return stream.getvalue()
