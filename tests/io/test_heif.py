"""HEIC and AVIF pictures, where Pillow reads them; without, the error says what to install."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image, features

from paddleseg_u2net.io.images import ImageError, image_size, read_image
from tests.io.image_making import exif

# The beginning of such files: sizes, "ftyp" and the brand.
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
AVIF = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1"


def quarters():
    """Four colours, so that turning it shows."""
    array = np.zeros((32, 48, 3), np.uint8)
    array[:16, :24], array[:16, 24:], array[16:, :24] = (200, 30, 30), (30, 200, 30), (30, 30, 200)
    return array


@pytest.fixture(params=["heic", "avif"])
def suffix(request):
    if request.param == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    elif not features.check("avif"):
        pytest.skip("Pillow without AVIF")
    return request.param


@pytest.mark.parametrize("orientation", [1, 6])
def test_they_are_read_upright(tmp_path, suffix, orientation):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(quarters()).save(path, quality=95, exif=exif(orientation).tobytes())
    Image.fromarray(quarters()).save(tmp_path / "a.png", exif=exif(orientation).tobytes())
    expected = read_image(tmp_path / "a.png")
    assert image_size(path) == expected.shape[:2]
    assert np.abs(read_image(path).astype(int) - expected).mean() < 4


def test_alpha(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    array = np.dstack([quarters(), np.full((32, 48), 128, np.uint8)])
    Image.fromarray(array).save(path)
    assert np.abs(read_image(path, 4)[..., 3].astype(int) - 128).max() <= 2
    assert read_image(path).shape == (32, 48, 3)


def test_a_cut_file(tmp_path, suffix):
    whole = io.BytesIO()
    Image.fromarray(quarters()).save(whole, {"heic": "HEIF", "avif": "AVIF"}[suffix])
    path = tmp_path / f"a.{suffix}"
    for length in (24, 100, len(whole.getvalue()) // 2):
        path.write_bytes(whole.getvalue()[:length])
        with pytest.raises(ImageError, match="truncated or damaged"):
            read_image(path)


@pytest.mark.parametrize(
    ("start", "says"), [(HEIC, r"paddleseg_u2net\[heif\]"), (AVIF, "pillow>=11.3")]
)
def test_what_is_missing_is_said(tmp_path, monkeypatch, start, says):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for name in ("HEIF", "AVIF"):
        monkeypatch.delitem(Image.OPEN, name, raising=False)
    path = tmp_path / "a.jpg"
    path.write_bytes(start + bytes(40))
    with pytest.raises(ImageError, match=says):
        read_image(path)
