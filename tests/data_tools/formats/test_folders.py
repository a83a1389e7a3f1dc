"""Two folders: which mask belongs to which image, and what masks hold."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.formats import folders
from paddleseg_u2net.data_tools.formats.folders import pair_folders
from paddleseg_u2net.datasets.pairing import PairingError
from paddleseg_u2net.io.images import ImageError
from tests.data_tools.formats.drawn import splits

SHAPE = (4, 6)


def picture(path, *values, dtype=np.uint8):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.resize(np.array(values or (0, 1), dtype), SHAPE)).save(path)
    return path


def names(folder, *files):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def paired(root, images, masks, **options):
    """Names of images and masks that belong together, and the remarks."""
    names(root / "images", *images)
    names(root / "masks", *masks)
    pairs, remarks = pair_folders(root / "images", root / "masks", **options)
    shown = {
        item.image.relative_to(root / "images").as_posix(): ", ".join(
            mask.relative_to(root / "masks").as_posix() for mask in item.masks
        )
        for item in pairs
    }
    return shown, remarks


def with_masks(root, *sets, suffix=".png", dtype=np.uint8):
    """A data set whose masks have these values."""
    for number, values in enumerate(sets):
        picture(root / "images" / f"{number}.jpg", 5, 9)
        picture(root / "masks" / f"{number}{suffix}", *values, dtype=dtype)
    return root / "images", root / "masks"


def test_masks_below_the_images_and_the_reverse(tmp_path):
    names(tmp_path, "1.jpg", "2.jpg", "masks/1.png", "masks/2.png")
    assert len(pair_folders(tmp_path, tmp_path / "masks")[0]) == 2
    names(tmp_path / "other", "1.png", "2.png", "images/1.jpg", "images/2.jpg")
    assert len(pair_folders(tmp_path / "other/images", tmp_path / "other")[0]) == 2


def test_missing_partners_are_listed(tmp_path):
    images = [f"{n}.jpg" for n in range(20)]
    masks = [f"{n}_gt.png" for n in range(8, 21)]
    with pytest.raises(PairingError) as caught:
        paired(tmp_path, images, masks)
    message = str(caught.value)
    assert "8 images without a mask: 0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg and 3 more" in message
    assert "1 masks without an image: 20_gt.png" in message
    found, remarks = paired(tmp_path, images, masks, allow_missing=True)
    assert found == {f"{n}.jpg": f"{n}_gt.png" for n in range(8, 20)}
    assert remarks[1].startswith("left out 8 images without a mask: 0.jpg")
    assert remarks[2].startswith("left out 1 masks without an image: 20_gt.png")


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("benign ({})_mask", "benign (2)_mask_1"),  # BUSI
        ("mask_of_benign ({})-gt", "mask_of_benign (2)-gt7"),
    ],
)
def test_an_image_may_have_several_masks(tmp_path, name, extra):
    images = [f"benign ({n}).png" for n in (1, 2, 12)]
    masks = [f"{name.format(n)}.png" for n in (1, 2, 12)]
    found, remarks = paired(tmp_path, images, [*masks, f"{extra}.png"])
    both = found.pop(images[1])
    assert set(both.split(", ")) == {masks[1], f"{extra}.png"}
    assert found == {images[0]: masks[0], images[2]: masks[2]}
    assert any("1 image with several masks, which are merged, such as" in r for r in remarks)


@pytest.mark.parametrize(
    ("stored", "values", "wanted"),
    [
        (((0, 1), (0, 0, 2)), "index", [0, 1, 2, 1, 0, 2]),
        (((0, 1, 255), (0, 255, 255, 2)), "index", [0, 1, 255, 2, 1, 255]),
        (((0, 255), (255, 0, 0)), "binary", [1, 1, 0, 1, 0, 1]),
        (((0, 100, 255), (90, 90)), "soft", [90, 100, 255, 90, 100, 255]),
        (((0, 1, 255), (300, 0)), "soft", [300, 257, 65535, 0, 300, 65535]),
    ],
)
def test_masks_of_one_image_are_merged(tmp_path, stored, values, wanted):
    picture(tmp_path / "images/a.jpg", 5)
    for number, one in enumerate(stored):
        deep = max(one) > 255
        picture(
            tmp_path / f"masks/a_mask_{number}.png", *one, dtype=np.uint16 if deep else np.uint8
        )
    found = folders.read(tmp_path / "images", tmp_path / "masks", values=values)
    (record,) = found.samples
    assert record.mask.file is None
    assert record.mask.read(SHAPE)[0].tolist() == wanted


@pytest.mark.parametrize(
    ("files", "masks"),
    [
        (["a.jpg", "a.png", "b.JPEG", "b.png"], ["a.png", "b.png"]),  # MSRA10K
        (["a.png", "a_mask.png", "b.png", "b_mask.png", "b_mask_1.png"],
         ["a_mask.png", "b_mask.png", "b_mask_1.png"]),  # BUSI
        (["1_sat.jpg", "1_mask.png", "22_sat.jpg", "22_mask.png"], ["1_mask.png", "22_mask.png"]),
        (["GT-a.bmp", "a.bmp", "x/GT-b.bmp", "x/b.bmp"], ["GT-a.bmp", "x/GT-b.bmp"]),
        (["unmasked.jpg", "unmasked.png", "goldfish.jpg", "goldfish.png"],
         ["goldfish.png", "unmasked.png"]),
    ]
)  # fmt: skip
def test_images_and_masks_in_one_folder(tmp_path, files, masks):
    names(tmp_path, *files)
    pairs, _ = pair_folders(tmp_path, tmp_path)
    used = [path.relative_to(tmp_path).as_posix() for p in pairs for path in p.masks]
    assert sorted(used) == masks
    assert {item.image for item in pairs}.isdisjoint(tmp_path / name for name in masks)
    assert len({item.image for item in pairs}) + len(masks) == len(files)


@pytest.mark.parametrize(
    "files", [["a.png", "b.png"], ["a.png", "a.bmp"], ["x1.jpg", "y1_mask.png"], ["a_mask.png"]]
)
def test_one_folder_that_does_not_tell(tmp_path, files):
    names(tmp_path, *files)
    with pytest.raises(PairingError, match="in one folder and cannot be told apart"):
        pair_folders(tmp_path, tmp_path)


def test_folders_of_parts_are_splits(tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    for part in ("Train", "val"):
        picture(images / part / "a.png")
        picture(masks / part / "a.png")
    collection = folders.read(images, masks)
    assert splits(collection) == {"Train/a": "train", "val/a": "val"}
    assert any("split as the folders" in remark for remark in collection.remarks)
    picture(images / "b.png")
    picture(masks / "b.png")
    assert [r.split for r in folders.read(images, masks).samples] == ["", "", ""]


@pytest.mark.parametrize(
    ("sets", "dtype", "kind", "names"),
    [
        ([(0, 1), (0,)], np.uint8, "index", ["object"]),
        ([(0, 255), (0,), (255,)], np.uint8, "binary", ["object"]),
        ([(0, 64, 128, 255), (0, 255)], np.uint8, "soft", ["object"]),
        ([(0, 1, 2), (3, 255)], np.uint8, "index", ["class_1", "class_2", "class_3"]),
        ([(0, 1, 255), (0, 1), (0, 255)], np.uint8, "index", ["object"]),
    ],
)
def test_what_values_mean_is_inferred(tmp_path, sets, dtype, kind, names):
    found = folders.read(*with_masks(tmp_path, *sets, dtype=dtype))
    assert any(f"masks read as {kind}" in remark for remark in found.remarks)
    assert found.classes == ("background", *names) and found.soft == (kind == "soft")
    assert [sample.name for sample in found.samples] == [str(n) for n in range(len(sets))]
    # A plain file of class numbers can be linked.
    assert bool(found.samples[0].mask.file) == (kind != "binary")


def test_every_mask_is_looked_at(tmp_path):
    sets = [(0, 1)] * 99 + [(0, 2)] + [(0, 1)] * 180  # 99 is the last name
    collection = folders.read(*with_masks(tmp_path, *sets))
    assert collection.classes == ("background", "class_1", "class_2")


@pytest.mark.parametrize(
    "sets", [[(0, 38)], [(0, 254)], [(0, 2)], [(0, 1, 40)], [range(20)] * 3 + [(0, 99)]]
)
def test_ambiguous_values_are_refused_and_an_example_named(tmp_path, sets):
    with pytest.raises(AnnotationError, match=rf"cannot tell .*{len(sets)}\.png"):
        folders.read(*with_masks(tmp_path, (0,), *sets))


def test_numbers_of_objects_are_told(tmp_path):
    images, masks = with_masks(tmp_path, (0, 1, 2), (0, 1), (0, 1, 2, 3), (0,))
    found = folders.read(images, masks)
    assert len(found.classes) == 4  # as before, but not without a word
    told = [remark for remark in found.remarks if "--mask_values instance" in remark]
    assert len(told) == 1 and "seem to number objects" in told[0] and "--classes" in told[0]
    assert folders.read(images, masks, values="index").remarks == told
    said = folders.read(images, masks, classes=["person", "hair", "shirt"]).remarks
    assert not any("instance" in remark for remark in said)
    # Classes need not be in every image: then one is not where a lower one is not.
    images, masks = with_masks(tmp_path / "classes", (0, 1, 2), (0, 1, 3), (0, 1), (0, 1, 2, 3))
    assert not any("instance" in remark for remark in folders.read(images, masks).remarks)


def test_names_of_classes_make_values_clear(tmp_path):
    images, masks = with_masks(tmp_path, (0, 2), (0, 255))
    collection = folders.read(images, masks, classes=["cat", "dog"])
    assert collection.classes == ("background", "cat", "dog")
    assert np.unique(collection.samples[0].mask.read(SHAPE)).tolist() == [0, 2]
    same = folders.read(images, masks, classes=["background", "cat", "dog"])
    assert same.classes == collection.classes
    with pytest.raises(AnnotationError, match="cannot tell"):
        folders.read(images, masks, classes=["cat"])


def test_two_ways_to_say_object_are_not_taken_for_ignore(tmp_path):
    images, masks = with_masks(tmp_path, (0, 1), (0, 255))
    with pytest.raises(AnnotationError, match=r"1 \(0\.png\), in others 255 \(1\.png\)"):
        folders.read(images, masks)
    records = folders.read(images, masks, values="binary").samples
    assert [record.mask.read(SHAPE).max() for record in records] == [1, 1]


def test_a_palette_that_begins_with_white_is_not_inverted(tmp_path):
    images, masks = with_masks(tmp_path, (0,))
    mask = Image.fromarray(np.resize(np.array([0, 1], np.uint8), SHAPE), "L")
    mask.putpalette([255, 255, 255, 0, 0, 0])
    mask.save(masks / "0.png")
    record = folders.read(images, masks).samples[0]
    assert record.mask.read(SHAPE)[0, :2].tolist() == [1, 0]


def test_masks_with_transparency_have_to_be_explained(tmp_path):
    classes = np.resize(np.array([0, 1, 2, 1], np.uint8), SHAPE)
    images, masks = with_masks(tmp_path, [0])
    mask = Image.fromarray(classes)
    mask.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    mask.save(masks / "0.png", transparency=0)  # as QGIS and GIMP save classes
    with pytest.raises(AnnotationError, match=r"0\.png: .*say --mask_values alpha .* or index if"):
        folders.read(images, masks)
    found = folders.read(images, masks, "index")
    assert found.classes == ("background", "class_1", "class_2")
    assert np.array_equal(found.samples[0].mask.read(SHAPE), classes)
    found = folders.read(images, masks, "alpha")
    assert found.soft and np.array_equal(found.samples[0].mask.read(SHAPE) > 0, classes > 0)


def test_masks_that_cannot_be_read_do_not_hide_the_others(tmp_path):
    images, masks = with_masks(tmp_path, (0, 1), (0, 1))
    (masks / "1.png").write_bytes(b"<html>not found</html>")
    found = folders.read(images, masks)
    assert "masks read as index (values 0, 1)" in found.remarks
    with pytest.raises(ImageError, match=r"1\.png.*HTML"):
        found.samples[1].mask.read(SHAPE)
    Image.new("RGB", SHAPE[::-1], (128, 0, 0)).save(masks / "0.png")
    with pytest.raises(AnnotationError, match=r"0\.png.*\(128, 0, 0\).*table of its colours"):
        folders.read(images, masks)
