"""A data set in one picture: sizes, proportions, share of foreground, and where it is.

Nothing is told by colour alone: the picture can be read in black and white.
"""

from __future__ import annotations

from typing import Any, List, Tuple

import numpy as np

from paddleseg_u2net.render import mpl_style
from paddleseg_u2net.render.mpl_style import LABEL_SIZE, mpl_settings, plain, style_axes

_BLUE, _ORANGE, _GREY = "#0072B2", "#E69F00", "#606060"
# Lightness grows evenly, also for colour-blind readers. Source: Nuñez, Anderton and Renslow 2018,
# "Optimizing colormaps with consideration for color vision deficiency".
_SHADES = "cividis"
_INCHES = (9.6, 8.0)
_DPI = 110
# With more different sizes circles would hide each other.
_MOST_CIRCLES = 400
_BINS = 20  # of foreground shares
_RATIOS = ((1, 2), (2, 3), (3, 4), (1, 1), (4, 3), (3, 2), (2, 1), (3, 1), (4, 1))
# Bins to each doubling of a proportion: with 12 the usual ones, 5:4, 4:3, 3:2 and 16:9, all lie in
# the middle of a bin, as notes of a scale do.
_BINS_TO_DOUBLE = 12


def as_png(sizes: np.ndarray, foreground: np.ndarray, centre: np.ndarray, title: str) -> bytes:
    """Return a picture of a data set as a PNG file; the same numbers give the same bytes.

    Args:
        sizes: (N, 2), height and width of every image in pixels, 1 or more.
        foreground: (N,), share of every mask that is foreground, 0 to 1.
        centre: (R, C), mean of all masks, each resized to this size, 0 to 1.
        title: Stands above the picture.
    """
    sizes, foreground, centre = (np.asarray(a, float) for a in (sizes, foreground, centre))
    from matplotlib.figure import Figure

    with mpl_settings():
        figure = Figure(figsize=_INCHES, facecolor="white")
        figure.suptitle(plain(title), x=0.065, y=0.975, ha="left", va="top", fontsize=12)
        axes = figure.subplots(2, 2)
        figure.subplots_adjust(0.075, 0.07, 0.955, 0.895, wspace=0.26, hspace=0.34)
        _draw_sizes(axes[0, 0], sizes)
        _draw_ratios(axes[0, 1], sizes[:, 1] / sizes[:, 0])
        _draw_foreground(axes[1, 0], foreground)
        _draw_centre(axes[1, 1], centre)
        for panel in axes.flat:
            style_axes(panel)
        return mpl_style.as_png(figure, _DPI)


def _draw_sizes(axes: Any, sizes: np.ndarray) -> None:
    kinds, counts = np.unique(sizes, axis=0, return_counts=True)
    longest = sizes.max() * 1.08
    axes.plot((0, longest), (0, longest), color=_GREY, linestyle=(0, (5, 3)), linewidth=1)
    axes.text(
        longest * 0.12, longest * 0.14, "square", ha="left", va="bottom", rotation=45,
        rotation_mode="anchor", fontsize=LABEL_SIZE, color=_GREY,
    )  # fmt: skip
    if len(kinds) <= _MOST_CIRCLES:
        _draw_circles(axes, kinds, counts)
    else:
        _draw_density(axes, sizes, longest)
    axes.set_xlim(0, longest)
    axes.set_ylim(0, longest)
    axes.set_aspect("equal")
    axes.set_xlabel("width in pixels")
    axes.set_ylabel("height in pixels")
    height, width = kinds[np.argmax(counts)]
    often = f"{len(kinds)} sizes, most often " if len(kinds) > 1 else "all "
    often += f"{width:.0f} x {height:.0f}" + (f" ({counts.max()})" if len(kinds) > 1 else "")
    axes.set_title(f"{len(sizes)} images: {often}" if len(sizes) > 1 else often[4:])


def _draw_circles(axes: Any, kinds: np.ndarray, counts: np.ndarray) -> None:
    # Areas stand for counts; the smallest are enlarged so that one image can be seen.
    areas = np.maximum(420 * counts / counts.max(), 14)
    axes.scatter(
        kinds[:, 1], kinds[:, 0], s=areas, zorder=3, alpha=0.45, linewidths=0.8,
        facecolors=_BLUE, edgecolors="black",
    )  # fmt: skip


def _draw_density(axes: Any, sizes: np.ndarray, longest: float) -> None:
    from matplotlib.colors import LogNorm

    limits = [[0, longest], [0, longest]]
    counts, edges, _ = np.histogram2d(sizes[:, 0], sizes[:, 1], 60, limits)
    shown = np.ma.masked_equal(counts, 0)
    norm = LogNorm(0.5, max(float(counts.max()), 2))
    mesh = axes.pcolormesh(edges, edges, shown, cmap="Greys", norm=norm, zorder=2)
    _add_bar(axes, mesh, "images in a cell, logarithmic")


def _draw_ratios(axes: Any, ratios: np.ndarray) -> None:
    exponents = np.log2(ratios)
    low, high = min(exponents.min(), -1.0), max(exponents.max(), 1.0)
    fine = _BINS_TO_DOUBLE if high - low < 8 else 2
    edges = (np.arange(np.floor(low * fine), np.ceil(high * fine) + 2) - 0.5) / fine
    _draw_bars(axes, edges, np.histogram(exponents, edges)[0])
    axes.axvline(0, color=_GREY, linestyle=(0, (5, 3)), linewidth=1)
    marks = _ratio_marks(edges[0], edges[-1])
    axes.set_xticks([np.log2(w / h) for w, h in marks], [f"{w}:{h}" for w, h in marks])
    axes.set_xlabel("width : height")
    wide, tall = float(np.mean(ratios > 1)), float(np.mean(ratios < 1))
    axes.set_title(f"Proportions: {_percent(wide)} landscape, {_percent(tall)} portrait")


def _ratio_marks(low: float, high: float) -> List[Tuple[int, int]]:
    """Return the (width, height) to name between two logarithms to the base of 2."""
    if high - low < 4:
        return [(w, h) for w, h in _RATIOS if low <= np.log2(w / h) <= high]
    step = int(np.ceil((high - low) / 8))
    exponents = [n for n in range(-64 * step, 64 * step + 1, step) if low <= n <= high]
    return [(2 ** max(n, 0), 2 ** max(-n, 0)) for n in exponents]


def _draw_foreground(axes: Any, foreground: np.ndarray) -> None:
    edges = np.linspace(0, 1, _BINS + 1)
    empty, full = foreground == 0, foreground == 1
    _draw_bars(axes, edges, np.histogram(foreground[~empty & ~full], edges)[0])
    width = 1 / _BINS
    # Beside the others, for a mask without foreground is another thing than one with little.
    for place, count, name in ((-1.5, empty.sum(), "empty"), (_BINS + 1.5, full.sum(), "full")):
        centre = place * width
        axes.bar(centre, count, width * 1.4, color=_ORANGE, edgecolor="black", hatch="////",
            linewidth=0.7, zorder=2)  # fmt: skip
        axes.annotate(
            f"{name}\n{count}", (centre, count), (0, 3), textcoords="offset points", ha="center",
            va="bottom", fontsize=LABEL_SIZE,
        )  # fmt: skip
    middle = float(np.median(foreground))
    axes.axvline(middle, color="black", linestyle=(0, (1.2, 1.5)), linewidth=1.2, zorder=3)
    axes.margins(y=0.16)
    axes.set_xlim(-3 * width, 1 + 3 * width)
    axes.set_xticks(np.arange(0, 1.01, 0.2), [f"{share} %" for share in range(0, 101, 20)])
    axes.set_xlabel("foreground, share of the image")
    axes.set_title(f"Foreground: median {_percent(middle)} (dotted line)")


def _draw_centre(axes: Any, centre: np.ndarray) -> None:
    top = float(centre.max()) or 1.0
    extent = (0.0, 100.0, 100.0, 0.0)
    shown = axes.imshow(
        centre * 100, cmap=_SHADES, vmin=0, vmax=top * 100, extent=extent, interpolation="nearest"
    )
    axes.plot(50, 50, "+", color="black", markersize=14, markeredgewidth=3.2)
    axes.plot(50, 50, "+", color="white", markersize=12, markeredgewidth=1.4)
    title = "Place: no mask has foreground"
    if centre.any():
        x, y = _centre_of_mass(centre)
        axes.plot(x, y, "o", color="white", markeredgecolor="black", markersize=7)
        title = f"Place: mean of all masks, middle at {x:.0f} % / {y:.0f} %"
    axes.set_xlabel("+ middle of the image, o middle of the foreground")
    axes.set_xticks(range(0, 101, 25), [f"{x} %" for x in range(0, 101, 25)])
    axes.set_yticks(range(0, 101, 25), [f"{y} %" for y in range(0, 101, 25)])
    axes.set_title(title)
    _add_bar(axes, shown, "masks with foreground here, %")


def _draw_bars(axes: Any, edges: np.ndarray, counts: np.ndarray) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=_BLUE, edgecolor="white",
        linewidth=0.7, zorder=2)  # fmt: skip
    style_axes(axes, "y")
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_ylabel("images")


def _add_bar(axes: Any, shown: Any, label: str) -> None:
    """Add a colour bar that takes its room from the panel's own."""
    place = axes.inset_axes((1.03, 0.0, 0.045, 1.0))
    bar = axes.figure.colorbar(shown, cax=place)
    bar.set_label(label, fontsize=LABEL_SIZE)
    bar.ax.tick_params(labelsize=LABEL_SIZE, color=_GREY)
    bar.outline.set_edgecolor(_GREY)


def _centre_of_mass(centre: np.ndarray) -> Tuple[float, float]:
    """Return x and y of the centre of mass, 0 to 100 from the left and the top."""
    rows, columns = np.indices(centre.shape) + 0.5
    x, y = (np.average(place, weights=centre) for place in (columns, rows))
    return x / centre.shape[1] * 100, y / centre.shape[0] * 100


def _percent(share: float) -> str:
    value = 100 * share
    return f"{value:.0f} %" if value >= 9.95 or value == 0 else f"{value:.2g} %"
