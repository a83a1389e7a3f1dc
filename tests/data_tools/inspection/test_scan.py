"""Every file opened once: facts of any picture, the same for any number of processes."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.data_tools.inspection.scan import scan
from paddleseg_u2net.datasets.pairing import from_folders
from tests.data_tools.inspection.making import add, texture


def one(root, **how):
    (facts,) = scan(from_folders(root / "images", root / "masks"), **how)
    return facts


def histogram(facts):
    values, counts = facts.values.arrays()
    return dict(zip(values.tolist(), counts.tolist()))


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((5, 7), np.uint8),
        np.arange(35, dtype=np.uint8).reshape(5, 7),
        np.array([[65535, 0, 300]], np.uint16),
    ],
)
def test_values_of_masks_are_counted(tmp_path, mask):
    facts = one(add(tmp_path, "a", mask=mask, image=texture(0, mask.shape)))
    values, counts = np.unique(mask, return_counts=True)
    assert histogram(facts) == dict(zip(values.tolist(), counts.tolist()))


def test_counts_of_large_masks_are_exact(tmp_path):
    mask = np.zeros((4200, 4100), np.uint8)
    mask[0, :3] = 1, 2, 2
    facts = one(add(tmp_path, "a", mask=mask))
    assert histogram(facts) == {0: mask.size - 3, 1: 1, 2: 2} and mask.size > 2**24 + 3


def test_soft_16_bit_masks_are_counted_in_255_steps(tmp_path):
    mask = np.linspace(0, 65535, 6000).astype(np.uint16).reshape(60, 100)
    facts = one(add(tmp_path, "a", mask=mask, image=texture(0, mask.shape)))
    found = histogram(facts)
    assert len(found) == 256 and sum(found.values()) == mask.size
    assert (found[0], found[65535]) == ((mask == 0).sum(), (mask == 65535).sum())


def test_colours_are_those_that_the_network_sees(tmp_path):
    picture = texture(5)
    facts = one(add(tmp_path, "a", image=picture), colours=(80, 60))
    sums, squares = np.frombuffer(facts.colours).reshape(2, 3)
    values = picture.reshape(-1, 3) / 255
    np.testing.assert_allclose(sums, values.sum(axis=0))
    np.testing.assert_allclose(squares, (values**2).sum(axis=0))


def test_unreadable_files_are_told_and_the_others_go_on(tmp_path):
    for name in "abc":
        add(tmp_path, name)
    (tmp_path / "images/a.png").write_bytes(b"\x89PNG broken")
    (tmp_path / "masks/b.png").write_bytes(b"")
    pairs = from_folders(tmp_path / "images", tmp_path / "masks")
    (tmp_path / "images/c.png").unlink()  # it vanishes while others are read
    a, b, c = scan(pairs)
    assert "a.png: expected a whole picture, but the file is truncated" in a.image_error
    assert a.values is not None
    assert "b.png: expected a picture, found an empty file" in b.mask_error
    assert b.shape == (60, 80) and b.values is None
    assert "c.png: expected a picture file, found nothing" in c.image_error
