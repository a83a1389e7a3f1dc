"""PairStats to numbers, held against numbers counted by hand from the pixels."""

from __future__ import annotations

import json

import numpy as np
import pytest

from paddleseg_u2net.data_tools.inspection.inputs import Settings
from paddleseg_u2net.data_tools.inspection.scan import scan
from paddleseg_u2net.data_tools.inspection.statistics import ScannedPart, summed
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.datasets.balance import count_classes, median_frequencies
from paddleseg_u2net.datasets.pairing import from_folders
from tests.data_tools.inspection.making import add, blob, texture

SIZE = (80, 60)


def numbers(root, encoding="binary", num_classes=1):
    found = scan(from_folders(root / "images", root / "masks"), colours=SIZE)
    return summed([ScannedPart(found, encoding)], Settings(num_classes, size=SIZE))


def test_sizes_foreground_and_colours(tmp_path):
    pictures = [texture(seed) for seed in range(3)]
    masks = [blob(0), np.zeros((60, 80), np.uint8), np.full((60, 80), 255, np.uint8)]
    for number, (picture, mask) in enumerate(zip(pictures, masks)):
        add(tmp_path, str(number), picture, mask)
    found = numbers(tmp_path)
    report = found.as_json()
    assert (found.pairs, found.unreadable, report["different_sizes"]) == (3, 0, 1)
    assert report["sizes"] == [{"width": 80, "height": 60, "images": 3}]
    share = (masks[0] == 255).mean()
    np.testing.assert_allclose(sorted(found.foreground), [0, share, 1])
    assert (report["foreground"]["empty"], report["foreground"]["full"]) == (1, 1)
    assert report["foreground"]["mean"] == pytest.approx((share + 1) / 3)
    values = np.stack(pictures).reshape(-1, 3) / 255
    np.testing.assert_allclose(found.mean, values.mean(axis=0))
    np.testing.assert_allclose(found.std, values.std(axis=0))
    json.dumps(report, allow_nan=False)


def test_classes_and_what_is_ignored(tmp_path):
    one, two = np.zeros((60, 80), np.uint8), np.zeros((60, 80), np.uint8)
    one[:30] = 1
    two[:15], two[15:30] = 2, 255
    add(tmp_path, "a", mask=one)
    add(tmp_path, "b", mask=two)
    found = numbers(tmp_path, "index", 3)
    assert found.classes[1] == (pytest.approx(0.25), 1)
    assert found.classes[2] == (pytest.approx(1 / 6), 1)
    assert found.classes[0] == (pytest.approx((1 / 2 + 2 / 3) / 2), 2)
    assert found.ignored == pytest.approx(1 / 8)
    np.testing.assert_allclose(found.foreground, [1 / 2, 1 / 3])
    # 60 rows and 45 count; median frequency balancing by hand
    frequency = np.array([(30 + 30) / 105, 30 / 60, 15 / 45])
    np.testing.assert_allclose(found.weights, 0.5 / frequency, rtol=1e-5)
    read = PairDataset(dataset_root=str(tmp_path), images="images", masks="masks", num_classes=3)
    assert median_frequencies(count_classes(read)) == found.weights


@pytest.mark.parametrize("sixteen_bit", [False, True])
def test_soft_masks_count_as_shares(tmp_path, sixteen_bit):
    mask = np.repeat(np.arange(256, dtype=np.uint8)[None], 64, 0)
    if sixteen_bit:
        mask = mask.astype(np.uint16) * 257
    add(tmp_path, "a", mask=mask)
    found = numbers(tmp_path, "soft")
    np.testing.assert_allclose(found.foreground, [0.5])
    np.testing.assert_allclose(found.weights, [1, 1])
    read = PairDataset(
        dataset_root=str(tmp_path), images="images", masks="masks", mask_values="soft"
    )
    np.testing.assert_allclose(median_frequencies(count_classes(read)), found.weights)
