"""The look of this project's charts, and charts as files.

Only Matplotlib's objects are used, never ``pyplot``: no display is needed and no figure is kept.
"""

from __future__ import annotations

import io
import threading
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, Mapping, Optional

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
_lock = threading.RLock()


@contextmanager
def mpl_settings() -> Iterator[None]:
    """Set Matplotlib's settings, which are of the whole process, for one thread at a time."""
    import matplotlib

    with _lock, matplotlib.rc_context(_SETTINGS):
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


@lru_cache(maxsize=1)
def font_file() -> Path:
    """Return DejaVu Sans, which has Greek, Cyrillic and Arabic letters too."""
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


@lru_cache(maxsize=1)
def letters() -> Mapping[int, Any]:
    """Return the letters that the font has, by their code points."""
    from matplotlib.ft2font import FT2Font

    return FT2Font(str(font_file())).get_charmap()


def plain(text: str) -> str:
    """Return one line of ``text`` without formulas, and boxes for letters that the font lacks."""
    known = letters()
    shown = "".join(letter if ord(letter) in known else "\u25a1" for letter in one_line(text))
    return shown.replace("$", r"\$")


def save(figure: Figure, path: files.PathLike) -> None:
    """Write a figure whole or not at all: 300 pixels per inch for .png, vectors for .pdf.

    No date or version is written: equal figures of one Matplotlib give equal bytes.

    Raises:
        ValueError: Another suffix.
        OSError: The file cannot be written (see `files.atomic_path`).
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".png":
        data = as_png(figure)
    elif suffix == ".pdf":
        data = _encoded(figure, "pdf", {"CreationDate": None, "Creator": None, "Producer": None})
    else:
        raise ValueError(f"{path}: expected the suffix .png or .pdf, got {suffix!r}")
    files.write_bytes(path, data)


def as_png(figure: Figure, dpi: int = 300) -> bytes:
    """Return a figure as a PNG file of ``dpi`` pixels per inch."""
    return _encoded(figure, "png", {"Software": None}, dpi)


def _encoded(
    figure: Figure, file_format: str, metadata: Dict[str, Optional[str]], dpi: int = 300
) -> bytes:
    stream = io.BytesIO()
    with mpl_settings():
        figure.savefig(stream, format=file_format, dpi=dpi, metadata=metadata)
    return stream.getvalue()
