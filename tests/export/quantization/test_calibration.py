import logging

import numpy as np
import pytest

from paddleseg_u2net.export.quantization.calibration import Calibration
from paddleseg_u2net.io.images import write_png
from tests.export.quantization.small import PREPROCESS, SIZE, folder


def read(path, masks=None, **options):
    return Calibration.read(path, masks, PREPROCESS, **options)


def test_every_second_image_fits_and_the_others_check(tmp_path):
    found = read(folder(tmp_path, 17))
    assert (len(found.fitting), len(found.checking)) == (9, 8)
    assert found.fitting[0].shape == (1, 3, SIZE, SIZE)
    assert found.checking[0].shape == (40, 50)
    assert not found.has_masks


def test_an_even_choice_of_many_is_the_same_every_time(tmp_path):
    folder(tmp_path / "a", 40)
    first, again = (read(tmp_path, limit=20) for _ in range(2))
    everything = read(tmp_path, limit=40)
    assert len(first.fitting) + len(first.checking) == 20
    for one, other in zip(first.fitting, again.fitting):
        np.testing.assert_array_equal(one, other)
    # Of 40 the numbers 0, 2, 4, ...: those that would fit.
    np.testing.assert_array_equal(first.checking[-1].batch, everything.fitting[-1])


def test_masks_say_where_the_object_is(tmp_path):
    found = read(folder(tmp_path / "images", 16, tmp_path / "masks"), tmp_path / "masks")
    assert found.has_masks
    for sample in found.checking:
        assert sample.mask.shape == sample.shape
        assert set(np.unique(sample.mask)) == {0, 1}


def test_masks_of_numbers_are_read_too(tmp_path):
    folder(tmp_path / "images", 16)
    for number in range(16):
        mask = np.zeros((40, 50), np.uint8)
        mask[number:, 5:] = 1
        write_png(tmp_path / "masks" / f"{number:03}.png", mask)
    found = read(tmp_path / "images", tmp_path / "masks")
    assert found.checking[0].mask.sum() == 39 * 45


def test_a_broken_image_is_named_and_another_takes_its_place(tmp_path, caplog):
    folder(tmp_path, 30)
    (tmp_path / "000.png").write_bytes(b"no picture")
    with caplog.at_level(logging.WARNING):
        found = read(tmp_path, limit=16)
    assert len(found.fitting) + len(found.checking) == 16
    assert len(found.broken) == 1
    assert "000.png" in caplog.text


def test_many_broken_files_are_counted(tmp_path, caplog):
    folder(tmp_path, 30)
    for number in range(9):
        (tmp_path / f"{number:03}.png").write_bytes(b"no picture")
    with caplog.at_level(logging.WARNING):
        found = read(tmp_path)
    assert len(found.broken) == 9
    assert len(caplog.records) == 6
    assert "9 files" in caplog.text


def test_a_mask_of_another_size_is_broken(tmp_path):
    folder(tmp_path / "images", 17, tmp_path / "masks")
    write_png(tmp_path / "masks" / "003.png", np.zeros((41, 50), np.uint8))
    (broken,) = read(tmp_path / "images", tmp_path / "masks").broken
    assert "003.png" in broken and "50x40" in broken and "50x41" in broken


def test_too_few_readable_images(tmp_path):
    folder(tmp_path, 18)
    for number in range(3):
        (tmp_path / f"{number:03}.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"16 readable images.*found 18.*3 cannot be used.*000"):
        read(tmp_path)


def test_missing_masks_are_an_error(tmp_path):
    folder(tmp_path / "images", 16, tmp_path / "masks")
    (tmp_path / "masks" / "004.png").unlink()
    with pytest.raises(ValueError, match=r"masks: .*1 of 16 have none: .*004\.png"):
        read(tmp_path / "images", tmp_path / "masks")


def test_two_masks_for_one_image(tmp_path):
    folder(tmp_path / "images", 16, tmp_path / "masks")
    write_png(tmp_path / "masks" / "004.tif.png", np.zeros((40, 50), np.uint8))
    (tmp_path / "masks" / "004.bmp").write_bytes(b"")
    with pytest.raises(ValueError, match="same name but for the suffix"):
        read(tmp_path / "images", tmp_path / "masks")


def test_a_missing_folder(tmp_path):
    with pytest.raises(ValueError, match="nothing"):
        read(tmp_path / "none")
