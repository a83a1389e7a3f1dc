"""The look of this project's charts, and charts as files.

Only Matplotlib's objects are used, never ``pyplot``: no display is needed and no figure is kept.
"""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, Optional

from paddleseg_u2net.io import files
from paddleseg_u2net.text import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABEL_SIZE = 8  # points
_GREY, _GRID = "#606060", "#d8d8d8"
_SETTINGS: Dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # the one that Matplotlib brings
    "font.size": 9.0,
    "axes.unicode_minus": True,
    "pdf.fonttype": 42,  # TrueType; publishers refuse Matplotlib's own choice, Type 3
    "pdf.use14corefonts": False,
    "text.usetex": False,
}


@contextmanager
def mpl_settings() -> Iterator[None]:
    """Set Matplotlib's settings, which are of the whole process; letters may lack in the font."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def style_axes(axes: Any, grid: Optional[str] = None) -> None:
    """Draw frame and ticks grey, and with ``grid`` ("both", "x" or "y") lines below the data."""
    axes.title.set_fontsize(10)
    axes.tick_params(labelsize=LABEL_SIZE, color=_GREY)
    for side in axes.spines.values():
        side.set_color(_GREY)
    if grid:
        axes.set_axisbelow(True)
        axes.grid(True, axis=grid, color=_GRID, linestyle="-", linewidth=0.6)


def font_file() -> Path:
    """Return DejaVu Sans, which has Greek, Cyrillic and Arabic letters too."""
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


def plain(text: str) -> str:
    """Return one line of ``text`` without formulas."""
    return one_line(text).replace("$", r"\$")


def save(figure: Figure, path: files.PathLike) -> None:
    """Write a figure whole or not at all: vectors for .pdf, else PNG of 300 pixels per inch.

    No date or version is written: equal figures of one Matplotlib give equal bytes.
    """
    if Path(path).suffix.lower() == ".pdf":
        nobody = {"CreationDate": None, "Creator": None, "Producer": None}
        files.write_bytes(path, _encoded(figure, format="pdf", metadata=nobody))
    else:
        files.write_bytes(path, as_png(figure))


def as_png(figure: Figure, dpi: int = 300) -> bytes:
    """Return a figure as a PNG file of ``dpi`` pixels per inch."""
    return _encoded(figure, format="png", metadata={"Software": None}, dpi=dpi)


def _encoded(figure: Figure, **options: Any) -> bytes:
    stream = io.BytesIO()
    with mpl_settings():
        figure.savefig(stream, bbox_inches="tight", **options)  # all texts are on the paper
    return stream.getvalue()
