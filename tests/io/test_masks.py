"""Masks keep the values of their files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.io.images import read_mask, write_png
from tests.io.image_making import HEIGHT, WIDTH, check_form, colours, refused


@pytest.mark.parametrize("alpha", [None, 255, 0])
def test_colour_mask_of_equal_channels(tmp_path, alpha):
    mask = colours()[..., 0]
    bands = [mask] * 3 + ([] if alpha is None else [np.full_like(mask, alpha)])
    write_png(tmp_path / "a.png", np.stack(bands, -1))
    check_form(read_mask(tmp_path / "a.png"), mask.shape)
    assert np.array_equal(read_mask(tmp_path / "a.png"), mask)


def test_grey_jpeg_mask(tmp_path):
    mask = np.zeros((32, 32), np.uint8)
    mask[:, 16:] = 255
    for mode in ("L", "RGB"):
        Image.fromarray(mask).convert(mode).save(tmp_path / "a.jpg", quality=95)
        assert np.abs(read_mask(tmp_path / "a.jpg").astype(int) - mask).max() <= 3


def test_grey_alpha_mask(tmp_path):
    bands = colours(channels=2)
    path = tmp_path / "a.png"
    Image.frombytes("LA", (WIDTH, HEIGHT), bands.tobytes()).save(path)
    refused(read_mask, path, "varying alpha", "getchannel")
    bands[..., 1] = 77
    Image.frombytes("LA", (WIDTH, HEIGHT), bands.tobytes()).save(path)
    check_form(read_mask(path), (HEIGHT, WIDTH))
    assert np.array_equal(read_mask(path), bands[..., 0])


def test_coloured_mask_is_refused_with_its_colours(tmp_path):
    mask = np.zeros((4, 4, 3), np.uint8)
    mask[0, 0] = 128, 0, 7
    write_png(tmp_path / "a.png", mask)
    message = refused(
        read_mask, tmp_path / "a.png", "(0, 0, 0), (128, 0, 7)", "single-channel or palette PNG"
    )
    assert "more" not in message
    write_png(tmp_path / "b.png", colours())
    message = refused(read_mask, tmp_path / "b.png", "and 49 more")
    assert message.count("(") == 5
    mask[0, 0] = 128, 128, 7  # two channels alike are not enough
    write_png(tmp_path / "c.png", mask)
    refused(read_mask, tmp_path / "c.png", "(128, 128, 7)")
