"""Files of saliency maps, masks and fixations: what is read, and what is refused and why."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.evaluation.loaders import (
    read_density,
    read_fixation_map,
    read_map,
    read_truth,
)
from paddleseg_u2net.io.images import ImageError

GREY = np.array([[0, 1, 127], [128, 254, 255]], np.uint8)
UNIT = GREY / 255.0
READERS = [read_map, read_truth, read_density, lambda path: read_fixation_map(path, (2, 3))]


def saved(path, array, **options):
    """An array as a file of the suffix."""
    array = np.asarray(array)
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        Image.fromarray(array).save(path, **options)
    return path


def palette_file(path, indices, colours):
    picture = Image.fromarray(np.asarray(indices, np.uint8))
    picture.putpalette(np.asarray(colours, np.uint8).ravel().tolist())
    picture.save(path)
    return path


def refused(reader, path, *parts):
    with pytest.raises(ImageError) as error:
        reader(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    for part in parts:
        assert part in message


SIXTEEN = np.array([[0, 1, 257], [32768, 65534, 65535]], np.uint16)
BITS = np.array([[0, 1], [1, 0]], bool)


@pytest.mark.parametrize(
    ("name", "stored", "expected"),
    [
        *((f"a.{kind}", GREY, GREY) for kind in ("png", "PNG", "bmp", "tif", "webp", "pgm", "npy")),
        *((f"a.{kind}", SIXTEEN, SIXTEEN / 65535) for kind in ("png", "tif", "npy")),
        *((f"a.{kind}", BITS, BITS * np.uint8(255)) for kind in ("png", "npy")),
        *(("a.npy", UNIT.astype(kind), UNIT.astype(kind)) for kind in ("f4", "f8")),
        ("a.tiff", UNIT.astype(np.float32), UNIT.astype(np.float32)),
        ("a.npy", UNIT.astype(">f8"), UNIT),
        ("a.npy", UNIT.astype(np.float16), UNIT.astype(np.float16).astype(np.float32)),
        *(("a.npy", GREY.reshape(s), GREY) for s in ((2, 3, 1), (1, 2, 3), (1, 1, 2, 3))),
    ],
)
def test_maps_are_read_as_stored(tmp_path, name, stored, expected):
    options = {"lossless": True} if name.endswith("webp") else {}
    values = read_map(saved(tmp_path / name, stored, **options))
    assert values.dtype == expected.dtype and values.dtype.isnative
    assert values.tolist() == expected.tolist()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_colour_files_without_colour_are_grey(tmp_path, mode):
    Image.fromarray(GREY).convert(mode).save(tmp_path / "a.png")
    assert read_map(tmp_path / "a.png").tolist() == GREY.tolist()


def test_lossy_webp_is_grey_though_its_channels_differ_by_one(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (96, 96)).astype(np.uint8)
    Image.fromarray(noise).convert("RGB").save(tmp_path / "a.webp", quality=80)
    channels = np.array(Image.open(tmp_path / "a.webp")).astype(int)
    assert np.ptp(channels, axis=2).max() == 1
    assert read_map(tmp_path / "a.webp").tolist() == channels[..., 0].tolist()


def test_grey_palettes_are_brightness(tmp_path):
    path = palette_file(tmp_path / "a.png", [[0, 1], [2, 1]], [[9] * 3, [255] * 3, [70] * 3])
    assert read_map(path).tolist() == [[9, 255], [70, 255]]


COLOURS = np.array([[[0, 0, 0], [10, 200, 30]]], np.uint8)
VARYING = np.array([[[0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8)


@pytest.mark.parametrize(
    ("name", "stored", "part"),
    [
        ("a.png", COLOURS, "1 of 2 pixels"),
        ("a.png", VARYING, "alpha"),
        ("a.npy", np.zeros((3, 2, 3), np.uint8), "(3, 2, 3)"),
        ("a.npy", np.zeros((0, 3), np.uint8), "(0, 3)"),
        ("a.tif", np.array([[0, 200]], np.int32), "white is not known"),
        ("a.npy", np.array([[0, 200]], np.int32), "got int32"),
        ("a.npy", np.array([[0, 255]], np.float32), "0..255; apply a sigmoid"),
        ("a.tif", np.array([[-7.5, 4]], np.float32), "-7.5..4; apply a sigmoid"),
    ],
)
def test_what_has_no_one_meaning_is_refused(tmp_path, name, stored, part):
    for reader in (read_map, read_truth):
        refused(reader, saved(tmp_path / name, stored), part)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("suffix", ["npy", "tif"])
def test_no_nan_and_no_infinity(tmp_path, bad, suffix):
    path = saved(tmp_path / f"a.{suffix}", np.array([[0, bad, 1], [1, 1, 1]], np.float32))
    for reader in READERS[:3]:
        refused(reader, path, "NaN or infinity in 1 of 6")
    refused(lambda path: read_fixation_map(path), path, "NaN or infinity")


@pytest.mark.parametrize("reader", READERS)
def test_arrays_that_are_none(tmp_path, reader):
    path = tmp_path / "a.npy"
    np.save(path, np.array([{}, 1], object), allow_pickle=True)
    refused(reader, path, "np.save")
    np.save(path, np.zeros((2, 3), np.complex64))
    refused(reader, path, "real numbers", "complex64")
    with path.open("wb") as file:
        np.savez(file, GREY)
    refused(reader, path, "archive")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("suffix", ["png", "tif", "npy"])
def test_missing_empty_and_damaged_files(tmp_path, reader, suffix):
    path = tmp_path / f"a.{suffix}"
    refused(reader, path)
    noise = np.random.default_rng(0).random((50, 50)).astype(np.float32)
    saved(path, noise if suffix != "png" else (noise * 255).astype(np.uint8))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(reader, path)
    path.write_bytes(b"")
    refused(reader, path)
    path.write_bytes(b"<html>not found</html>")
    refused(reader, path)
    path.unlink()
    path.mkdir()
    refused(reader, path)


def test_several_pages_are_refused(tmp_path):
    page = Image.fromarray(UNIT.astype(np.float32))
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page])
    refused(read_map, tmp_path / "a.tif", "several pages")


@pytest.mark.parametrize("mask_above", [0, 126, 127, 128, 253, 254])
def test_all_kinds_of_files_give_one_mask(tmp_path, mask_above):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = grey > mask_above
    for name, stored in {
        "a.png": grey,
        "b.png": grey.astype(np.uint16) * 257,
        "a.npy": grey,
        "b.npy": grey.astype(np.uint16) * 257,
        "c.npy": grey / 255,
        "d.npy": (grey / 255).astype(np.float32),
        "a.tif": (grey / 255).astype(np.float32),
    }.items():
        truth = read_truth(saved(tmp_path / name, stored), mask_above)
        assert np.array_equal(truth.mask, expected), name
        assert truth.mask.dtype == np.bool_
        assert truth.soft and not truth.labels01


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("mask_above", [0, 127])
def test_zero_and_one_are_labels(tmp_path, kind, mask_above):
    for stored in ([[0, 1]], [[1, 1]]):
        truth = read_truth(saved(tmp_path / "a.png", np.array(stored, kind)), mask_above)
        assert truth.mask.tolist() == np.array(stored, bool).tolist()
        assert truth.labels01 and not truth.soft


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        *((kind, found) for kind in (np.uint8, np.uint16) for found in ([0, 1, 2], [2], [0, 20])),
        (np.uint8, [0, 1, 255]),
        (np.uint8, [1, 255]),
        (np.uint16, [0, 255]),
    ],
)
def test_masks_that_may_mean_anything_are_refused(tmp_path, kind, found):
    path = saved(tmp_path / "a.png", np.array([found], kind))
    refused(read_truth, path, f"got {', '.join(map(str, found))},", "class numbers", "255")


def test_faint_values_are_a_mask_where_the_threshold_is_below(tmp_path):
    path = saved(tmp_path / "a.png", np.array([[0, 2, 3]], np.uint8))
    truth = read_truth(path, mask_above=2)
    assert truth.mask.tolist() == [[False, False, True]] and truth.soft
    path = saved(tmp_path / "b.png", np.array([[0, 21]], np.uint8))
    assert not read_truth(path).mask.any() and read_truth(path).soft


def test_coloured_palettes_are_labels(tmp_path):
    colours = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    truth = read_truth(palette_file(tmp_path / "a.png", [[0, 1]], colours))
    assert truth.mask.tolist() == [[False, True]] and truth.labels01 and not truth.soft
    refused(read_map, tmp_path / "a.png", "palette")
    empty = read_truth(palette_file(tmp_path / "b.png", [[0, 0]], colours))
    assert not empty.mask.any() and not empty.labels01
    refused(read_truth, palette_file(tmp_path / "c.png", [[0, 1, 2]], colours), "0, 1, 2")


POINTS = [[0, 4], [2, 1], [2, 3]]
SHAPE = (3, 5)


def fixation_picture(value=255, kind=np.uint8):
    grid = np.zeros(SHAPE, kind)
    grid[tuple(np.transpose(POINTS))] = value
    return grid


def lines(path, *text):
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


def test_all_kinds_of_files_give_the_same_fixations(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", {"fixLocs": fixation_picture(1), "size": [[3.0, 5.0, 1.0]]})
    for path in [
        saved(tmp_path / "a.png", fixation_picture()),
        saved(tmp_path / "b.png", fixation_picture(2)),
        saved(tmp_path / "a.npy", fixation_picture(1, bool)),
        saved(tmp_path / "b.npy", fixation_picture(0.5, np.float64)),
        saved(tmp_path / "c.npy", np.array([[2, 3], [0, 4], [2, 1], [2, 1]])),
        lines(tmp_path / "a.csv", "x,y", "3,2", "1,2", "4,0", "4,0"),
        lines(tmp_path / "b.CSV", "Y;t;X", "2.9;7;3.1", "", "2;8;1", "0;9;4.5"),
        lines(tmp_path / "a.txt", "\ufeffx;y", "3 ; 2", "1;2", "4;0"),
        lines(tmp_path / "b.txt", '"x"\t"y"', "3\t2", "1\t2", "4\t0"),
        tmp_path / "a.mat",
    ]:
        assert np.array_equal(read_fixation_map(path, SHAPE), fixation_picture() > 0), path


def test_an_array_two_wide_of_the_images_shape_is_a_map(tmp_path):
    path = saved(tmp_path / "a.npy", np.array([[0, 1], [0, 0], [0, 0]]))
    assert np.argwhere(read_fixation_map(path, (3, 2))).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (["1,2", "3,2"], "x and y, got '1,2'"),
        (["x,x,y", "3,2,2"], "x and y"),
        (["x y", "1 2"], "x and y"),
        ([""], "x and y, got ''"),
        (["x,y"], "at least one fixation"),
        (["x,y", "", "1,one"], "x and y in line 3, got '1,one'"),
        (["x,y", "1"], "in line 2, got '1'"),
        (["x,y", "nan,1"], "NaN"),
        (["x,y", "1,1", "5,0"], "1 of 2 outside, such as row 0, column 5"),
        (["x,y", "-1,0"], "column -1"),
    ],
)
def test_lists_that_are_none(tmp_path, text, part):
    path = lines(tmp_path / "a.csv", *text)
    refused(lambda path: read_fixation_map(path, SHAPE), path, part)


def test_missing_and_binary_lists(tmp_path):
    for content, part in ((None, "No such file"), (b"\xff\xfe\x00", "UTF-8")):
        if content:
            (tmp_path / "a.csv").write_bytes(content)
        refused(lambda path: read_fixation_map(path, SHAPE), tmp_path / "a.csv", part)


def test_pictures_that_hold_no_fixations(tmp_path):
    def reader(path):
        return read_fixation_map(path, (40, 50))

    blurred = np.arange(2000, dtype=np.uint8).reshape(40, 50)
    refused(reader, saved(tmp_path / "a.png", blurred), "values", "density")
    mask = np.zeros((40, 50), np.uint8)
    refused(reader, saved(tmp_path / "b.png", mask), "at least one fixation")
    mask[:5] = 255
    refused(reader, saved(tmp_path / "c.png", mask), "250 of 2000", "mask")
    refused(reader, saved(tmp_path / "d.png", mask[:20]), "(40, 50)", "(20, 50)")


def test_matlab_files_that_do_not_say_what_they_mean(tmp_path):
    from scipy.io import savemat

    def reader(path):
        return read_fixation_map(path, SHAPE)

    grid = fixation_picture()
    savemat(tmp_path / "a.mat", {"one": grid, "two": grid})
    refused(reader, tmp_path / "a.mat", "one (3, 5)", "two (3, 5)")
    savemat(tmp_path / "b.mat", {"one": grid[:2]})
    refused(reader, tmp_path / "b.mat", "one (2, 5)", "(3, 5)")
    (tmp_path / "c.mat").write_bytes(b"nothing")
    refused(reader, tmp_path / "c.mat", "MATLAB")


@pytest.mark.parametrize("values", [[[0.0, 0.0]], [[-1.0, 5.0]], [[-3.0, -2.0]]])
def test_densities_are_not_negative_and_not_all_zero(tmp_path, values):
    path = saved(tmp_path / "a.npy", np.array(values))
    refused(read_density, path, f"{min(values[0]):g}..{max(values[0]):g}")


@pytest.mark.realdata
def test_maps_and_masks_of_published_data_are_read(shared):
    for folder, reader in [("masks", read_truth), ("maps", read_map)]:
        files = sorted((shared / "oracles/sod_matlab_dss" / folder).iterdir())[:20]
        assert files
        for path in files:
            reader(path)
    truth = read_truth(sorted((shared / "data/optic_disc_seg/Annotations").iterdir())[0])
    assert truth.labels01 and truth.mask.any()
    assert read_truth(sorted((shared / "data/optic_disc_seg/SoftMaps").iterdir())[0]).soft
