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


def test_files_that_cannot_be_used_are_named_and_replaced(tmp_path, caplog):
    folder(tmp_path / "images", 18, tmp_path / "masks")
    write_png(tmp_path / "masks" / "003.png", np.zeros((41, 50), np.uint8))
    (tmp_path / "images" / "000.png").write_bytes(b"no picture")
    found = read(tmp_path / "images", tmp_path / "masks", limit=16)
    assert len(found.fitting) + len(found.checking) == 16
    assert "000.png" in caplog.text and "50x40 pixels, got 50x41" in caplog.text
    (tmp_path / "images" / "001.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="16 readable images or more, found 15"):
        read(tmp_path / "images", tmp_path / "masks")
    with pytest.raises(ValueError, match="nothing"):
        read(tmp_path / "none")


def test_missing_masks_are_an_error(tmp_path):
    folder(tmp_path / "images", 16, tmp_path / "masks")
    (tmp_path / "masks" / "004.png").unlink()
    with pytest.raises(ValueError, match=r"masks: .*1 of 16 have none: .*004\.png"):
        read(tmp_path / "images", tmp_path / "masks")
