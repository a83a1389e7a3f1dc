"""A data set in one picture: sizes, proportions and share of foreground."""

from __future__ import annotations

from typing import Any

import numpy as np

from paddleseg_u2net.render import charts
from paddleseg_u2net.render.charts import mpl_settings, plain, style_axes

_BLUE = "#0072B2"
_CELLS, _BINS = 60, 20  # of sizes and of foreground shares
# Bins to each doubling of a proportion: with 12 the usual ones, 5:4, 4:3, 3:2 and 16:9, all lie in
# the middle of a bin, as notes of a scale do.
_BINS_TO_DOUBLE = 12
_RATIOS = {"1:4": 1 / 4, "1:2": 1 / 2, "3:4": 3 / 4, "1:1": 1, "4:3": 4 / 3, "2:1": 2, "4:1": 4}


def as_png(sizes: np.ndarray, foreground: np.ndarray, title: str) -> bytes:
    """Return a picture of a data set as a PNG file; the same numbers give the same bytes.

    Args:
        sizes: (N, 2), height and width of every image in pixels, 1 or more.
        foreground: (N,), share of every mask that is foreground, 0 to 1.
        title: Stands above the picture.
    """
    from matplotlib.figure import Figure

    sizes, foreground = np.asarray(sizes, float), np.asarray(foreground, float)
    with mpl_settings():
        figure = Figure((14.4, 4.2), facecolor="white", layout="constrained")
        figure.suptitle(plain(title), fontsize=12)
        axes = figure.subplots(1, 3)
        _draw_sizes(axes[0], sizes)
        _draw_ratios(axes[1], sizes[:, 1] / sizes[:, 0])
        _draw_foreground(axes[2], foreground)
        for panel in axes:
            style_axes(panel)
        return charts.as_png(figure, 110)


def _draw_sizes(axes: Any, sizes: np.ndarray) -> None:
    from matplotlib.colors import LogNorm

    kinds, counts = np.unique(sizes, axis=0, return_counts=True)
    longest = sizes.max() * 1.08
    axes.plot((0, longest), (0, longest), color="grey", linestyle="--", linewidth=1)
    look = {"cmin": 1, "cmap": "cividis_r", "norm": LogNorm(1, max(counts.max(), 2))}
    limits = [[0, longest], [0, longest]]
    *_, shown = axes.hist2d(sizes[:, 1], sizes[:, 0], _CELLS, range=limits, **look)
    axes.set_aspect("equal")
    axes.set(xlabel="width in pixels", ylabel="height in pixels")
    axes.figure.colorbar(shown, ax=axes, label="images in a cell, logarithmic")
    height, width = kinds[np.argmax(counts)]
    often = f"{len(kinds)} sizes, most often " if len(kinds) > 1 else "all "
    axes.set_title(f"{len(sizes)} images: {often}{width:.0f} x {height:.0f} ({counts.max()})")


def _draw_ratios(axes: Any, ratios: np.ndarray) -> None:
    # What is beyond 4:1 stands at the ends.
    exponents = np.clip(np.log2(ratios), -2, 2)
    edges = (np.arange(-2 * _BINS_TO_DOUBLE, 2 * _BINS_TO_DOUBLE + 2) - 0.5) / _BINS_TO_DOUBLE
    axes.hist(exponents, edges, color=_BLUE, edgecolor="white")
    axes.axvline(0, color="grey", linestyle="--", linewidth=1)
    axes.set_xticks(np.log2(list(_RATIOS.values())), list(_RATIOS))
    axes.set(xlabel="width : height", ylabel="images")
    wide, tall = float(np.mean(ratios > 1)), float(np.mean(ratios < 1))
    axes.set_title(f"Proportions: {_percent(wide)} landscape, {_percent(tall)} portrait")


def _draw_foreground(axes: Any, foreground: np.ndarray) -> None:
    # Empty and full masks stand beside the others: they are another thing than nearly empty ones.
    shown = np.select(
        [foreground == 0, foreground == 1], [-1.5 / _BINS, 1 + 1.5 / _BINS], foreground
    )
    edges = np.arange(-2, _BINS + 3) / _BINS
    axes.hist(shown, edges, color=_BLUE, edgecolor="white")
    middle = float(np.median(foreground))
    axes.axvline(middle, color="black", linestyle=":", linewidth=1.2)
    ticks = {"empty": edges[0], "25 %": 0.25, "50 %": 0.5, "75 %": 0.75, "full": edges[-1]}
    axes.set_xticks(list(ticks.values()), list(ticks))
    axes.set(xlabel="foreground, share of the image", ylabel="images")
    axes.set_title(f"Foreground: median {_percent(middle)} (dotted line)")


def _percent(share: float) -> str:
    value = 100 * share
    return f"{value:.0f} %" if value >= 9.95 or value == 0 else f"{value:.2g} %"
