"""Cut-outs whose opacity is the mask."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.formats import cutouts
from paddleseg_u2net.io.images import ImageError


def cut_out(path, alpha=(0, 128, 255), hidden=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    alpha = np.resize(np.array(alpha, np.uint8), (4, 6))
    colours = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    if hidden is not None:
        colours[alpha == 0] = hidden
    Image.fromarray(np.dstack([colours, alpha]), "RGBA").save(path)


def test_every_file_is_an_image_and_its_mask(tmp_path):
    cut_out(tmp_path / "b.png")
    cut_out(tmp_path / "sub/a.webp", alpha=(0, 255))
    cut_out(tmp_path / "C.PNG", alpha=(0, 255))
    collection = cutouts.read(tmp_path)
    assert collection.soft
    assert collection.classes == ("background", "object")
    assert [record.name for record in collection.samples] == ["C", "b", "sub/a"]
    record = collection.samples[1]
    assert record.image == tmp_path / "b.png"
    assert record.mask.read((4, 6))[0].tolist() == [0, 128, 255, 0, 128, 255]
    assert collection.remarks == []


def test_files_without_transparency_are_named(tmp_path):
    cut_out(tmp_path / "b.png", alpha=(255,))
    Image.new("RGB", (6, 4)).save(tmp_path / "c.jpg")
    with pytest.raises(AnnotationError, match=r"in none anything is transp.*b\.png, c\.jpg;"):
        cutouts.read(tmp_path)
    cut_out(tmp_path / "a.png")
    first, *opaque = cutouts.read(tmp_path).samples
    assert first.mask.read((4, 6)).max() == 255
    for record in opaque:
        with pytest.raises(AnnotationError, match=rf"{record.image.name}: .*nothing in it is tr"):
            record.mask.read((4, 6))


def test_files_of_transparency_only_are_remarked(tmp_path):
    cut_out(tmp_path / "a.png")
    cut_out(tmp_path / "b.png", alpha=(0,))
    collection = cutouts.read(tmp_path)
    assert len(collection.samples) == 2
    assert collection.remarks == ["1 pictures are transparent everywhere: b.png"]


def test_images_that_show_their_mask_are_remarked(tmp_path):
    cut_out(tmp_path / "a.png", hidden=(0, 0, 0))
    cut_out(tmp_path / "b.png", hidden=(9, 8, 7))
    cut_out(tmp_path / "c.png")
    (remark,) = cutouts.read(tmp_path).remarks
    assert remark.startswith("in 2 pictures all hidden pixels have one colour")
    assert "a.png, b.png;" in remark


def test_nothing_need_be_transparent_altogether(tmp_path):
    cut_out(tmp_path / "a.png", alpha=(100, 255))
    assert cutouts.read(tmp_path).remarks == []


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(AnnotationError, match="no images found"):
        cutouts.read(tmp_path)
    with pytest.raises(ImageError, match="found nothing"):
        cutouts.read(tmp_path / "none")


def test_damaged_files_are_named(tmp_path):
    cut_out(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(data[: len(data) // 2])
    good, damaged = cutouts.read(tmp_path).samples
    assert good.mask.read((4, 6)).max() == 255
    with pytest.raises(ImageError, match=r"b\.png"):
        damaged.mask.read((4, 6))
