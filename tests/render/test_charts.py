from __future__ import annotations

import io
import re
import warnings
import zlib

import numpy as np
from PIL import Image

from paddleseg_u2net.render.charts import Panel, as_png, draw, save

X = np.linspace(0, 1, 50)


def panel(*labels, title="DUTS-TE", **limits):
    curves = [(label, X, 1 - X ** (2 + number)) for number, label in enumerate(labels)]
    return Panel(title, "recall", "precision", curves, **limits)


def methods(count):
    return [f"method {number}" for number in range(count)]


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def texts(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_a_method_looks_the_same_in_every_panel():
    figure = draw([panel("a", "b", "c"), panel("c", "a")])
    first, second = ([line.get_color() for line in axes.lines] for axes in figure.axes)
    assert second == [first[2], first[0]]


def test_gaps_single_points_and_nothing():
    curves = [
        ("gap", X, np.where(X > 0.5, np.nan, X)),
        ("point", np.array([0.5]), np.array([0.5])),
        ("one left", np.array([0.2, 0.4]), np.array([0.5, np.nan])),
        ("none", np.full(3, np.nan), np.zeros(3)),
        ("empty", np.array([]), np.array([])),
    ]
    figure = draw([Panel("p", "x", "y", curves)])
    markers = [line.get_marker() for line in figure.axes[0].lines]
    assert [marker == "o" for marker in markers] == [False, True, True, False, False]
    assert texts(figure) == ["gap", "point", "one left", "none", "empty"]
    as_png(figure, 50)


def test_names_are_written_as_they_are():
    names = ["_x", "$a$", r"$\frac{$", "a_b^c", r"\alpha", "U²-Net", "<b>", "50%", "two\nlines"]
    figure = draw([panel(*names, title="$x$")])
    # A dollar sign behind a backslash is a dollar sign for Matplotlib.
    shown = [text.replace(r"\$", "$") for text in texts(figure)]
    assert shown == [*names[:-1], "two lines"]
    assert figure.axes[0].get_title() == r"\$x\$"
    as_png(figure, 50)


def test_what_the_font_lacks_and_no_curves_are_drawn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Matplotlib's own, of the pyparsing that it comes with on Python 3.9.
        warnings.simplefilter("ignore", DeprecationWarning)
        as_png(draw([panel("图像", "\udc80")]), 50)
        as_png(draw([Panel("p", "x", "y", [])] * 2), 50)


def test_png(tmp_path):
    figure = draw([panel("a", "b")])
    save(figure, tmp_path / "deep" / "curves.PNG")
    data = (tmp_path / "deep" / "curves.PNG").read_bytes()
    assert data == as_png(figure) == as_png(draw([panel("a", "b")]))
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "PNG" and not {"Software", "date"} & set(picture.info)
    image = pixels(data)
    assert (image[0] == 255).all() and (image[-1] == 255).all()
    for color in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        assert (abs(image - color).max(axis=2) < 8).sum() > 500


def test_pdf_has_fonts_and_no_date(tmp_path):
    save(draw([panel("a", "b")]), tmp_path / "curves.pdf")
    data = (tmp_path / "curves.pdf").read_bytes()
    save(draw([panel("a", "b")]), tmp_path / "again.pdf")
    assert (tmp_path / "again.pdf").read_bytes() == data
    assert data.startswith(b"%PDF") and b"%%EOF" in data
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.S)
    everything = data + b"".join(_unpacked(stream) for stream in streams)
    # Type 42 is TrueType; in PDF it is embedded as CIDFontType2.
    assert b"/TrueType" in everything or b"/CIDFontType2" in everything
    assert b"/FontFile2" in everything
    assert b"/Type3" not in everything
    assert b"CreationDate" not in everything and b"Producer" not in everything


def _unpacked(stream):
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_settings_of_the_process_have_no_effect_and_stay(monkeypatch):
    import matplotlib

    wanted = as_png(draw([panel("a", "b")]), 60)
    monkeypatch.setitem(matplotlib.rcParams, "pdf.fonttype", 3)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 20.0)
    before = dict(matplotlib.rcParams)
    assert as_png(draw([panel("a", "b")]), 60) == wanted
    assert dict(matplotlib.rcParams) == before
