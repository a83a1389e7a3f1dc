"""Which images are predicted, where their pictures go, and what is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)
from paddleseg_u2net import render
from paddleseg_u2net.engine.predict_files import (
    ADDED,
    PSEUDO,
    SALIENCY,
    Failure,
    Job,
    collect,
    output_names,
    predict_files,
)
from paddleseg_u2net.inference import Pipeline, Preprocess

KINDS = (ADDED, PSEUDO, SALIENCY)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def picture(path, array=None, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(4, 5, 3) if array is None else array).save(path, **how)
    return path


def red(batch):
    """Foreground where the picture is red."""
    return (batch[:, :1] - 0.5) * 8


def brightest_channel(batch):
    return batch * 4


def predictor(network=red, channels=3, size=None):
    plain = {"mean": (0,) * channels, "std": (1,) * channels}
    return Pipeline(network, Preprocess(size, channels=channels, **plain))


def found(path):
    return [(job.image.relative_to(path.parent), job.name.as_posix()) for job in collect(path)]


# ---------------------------------------------------------------- collecting


@pytest.mark.parametrize("name", ["a.jpg", "A.PNG", "my picture ü.jpeg", "a.webp", "a.tif"])
def test_a_file_is_one_job_under_its_own_name(tmp_path, name):
    path = tmp_path / name
    path.touch()
    assert collect(path) == [Job(path, Path(name))]


def test_a_folder_is_its_tree_of_images(tmp_path):
    for name in ("b.jpg", "x/a.PNG", "x/y/c.tif", "x/readme.txt", ".hidden.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = ["b.jpg", "x/a.PNG", "x/y/c.tif"]
    assert collect(tmp_path) == [Job(tmp_path / name, Path(name)) for name in names]


@pytest.mark.parametrize("suffix", ["txt", "lst", "list", "TXT"])
def test_a_list_is_known_by_its_suffix(tmp_path, suffix):
    path = tmp_path / f"my list.{suffix}"
    path.write_text("a.jpg")
    assert collect(path) == [Job(tmp_path / "a.jpg", Path("a.jpg"))]


@pytest.mark.parametrize(
    ("line", "image"),
    [
        ("a.jpg", "a.jpg"),
        ("x/a.jpg", "x/a.jpg"),
        ("a.jpg a.png", "a.jpg"),
        ("a.jpg\ta.png", "a.jpg"),
        ("my picture.jpg", "my picture.jpg"),
        ("my picture.jpg\tmy mask.png", "my picture.jpg"),
        ("my picture.jpg my mask.png", "my picture.jpg"),
        ("my picture.jpg a.png", "my picture.jpg"),
        ("\ufeffa.jpg", "a.jpg"),
        ("# comment\n\n  \na.jpg", "a.jpg"),
        ("  # indented comment\na.jpg", "a.jpg"),
    ],
)
def test_a_list_names_images_with_or_without_masks_behind(tmp_path, line, image):
    for name in ("a.jpg", "x/a.jpg", "a.png", "my picture.jpg", "my mask.png"):
        picture(tmp_path / name)
    path = tmp_path / "list.txt"
    path.write_text(line, encoding="utf-8")
    assert collect(path) == [Job(tmp_path / image, Path(image))]


def test_the_order_of_a_list_is_kept(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("b.jpg\na.jpg\nx/c.jpg\n")
    assert [name for _, name in found(path)] == ["b.jpg", "a.jpg", "x/c.jpg"]


def test_images_outside_of_the_lists_folder_keep_their_last_name_only(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    picture(tmp_path / "out" / "a.jpg")
    (inside / "list.txt").write_text(f"../out/a.jpg\n{tmp_path}/out/a.jpg\nx/../../out/a.jpg\n")
    jobs = collect(inside / "list.txt")
    assert [job.name for job in jobs] == [Path("a.jpg")] * 3
    assert jobs[0].image.resolve() == jobs[1].image == tmp_path / "out" / "a.jpg"


@pytest.mark.parametrize("kind", ["folder", "list", "comments"])
def test_nothing_to_predict_is_an_error_that_names_it(tmp_path, kind):
    path = tmp_path / "empty" if kind == "folder" else tmp_path / "empty.txt"
    path.mkdir() if kind == "folder" else path.write_text("# only this\n" * (kind == "comments"))
    with pytest.raises(ValueError, match="--image_path .*empty.*: expected images, found none"):
        collect(path)


def test_a_folder_without_pictures_is_empty(tmp_path):
    (tmp_path / "readme.md").touch()
    with pytest.raises(ValueError, match="expected images, found none"):
        collect(tmp_path)


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.jpg.zip"])
def test_a_file_of_another_kind_is_an_error_that_says_what_is_expected(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(
        ValueError, match=rf"--image_path .*{name}: expected an image .*\.jpg.*none"
    ):
        collect(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jpg", "a.txt", "folder"])
def test_what_is_not_there_is_an_error_that_says_so(tmp_path, name):
    with pytest.raises(ValueError, match=f"{name}: expected .*there is no such file"):
        collect(tmp_path / name)


def test_a_list_in_another_encoding_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes("ü.jpg\n".encode("cp1252"))
    with pytest.raises(ValueError) as caught:
        collect(path)
    assert str(path) in str(caught.value)


# ---------------------------------------------------------------- names of pictures


def named(*names):
    return output_names([Job(Path(name), Path(name)) for name in names])


def distinct(names):
    for kind in KINDS:
        of_kind = [str(name[kind]).lower() for name in names]
        assert len(set(of_kind)) == len(of_kind), of_kind


def test_pictures_are_png_and_overlays_keep_the_pictures_name():
    assert named("a.jpg", "x/b.PNG", "c.tif", "d.e.webp") == [
        {ADDED: Path("a.jpg"), PSEUDO: Path("a.png"), SALIENCY: Path("a.png")},
        {ADDED: Path("x/b.PNG"), PSEUDO: Path("x/b.png"), SALIENCY: Path("x/b.png")},
        {ADDED: Path("c.png"), PSEUDO: Path("c.png"), SALIENCY: Path("c.png")},
        {ADDED: Path("d.e.png"), PSEUDO: Path("d.e.png"), SALIENCY: Path("d.e.png")},
    ]


def test_names_that_would_collide_keep_their_suffix():
    names = [name[PSEUDO].as_posix() for name in named("a.jpg", "a.png", "b.jpg", "x/a.jpg")]
    assert names == ["a.jpg.png", "a.png.png", "b.png", "x/a.png"]


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg", "a.png"],
        ["a.jpg", "a.png", "a.jpg.png", "A.png"],
        ["A.png", "a.jpg.png", "a.png", "a.jpg"],
        ["a.jpg", "A.JPG"],
        ["a.jpg", "a.jpg", "a.jpg"],
        ["a.tif", "a.tif.png", "a.png", "a.tif_2.png"],
        ["x", "x.png"],
        ["a.jpg_2.png", "a.jpg_2.jpg", "a.jpg", "a.jpg"],
    ],
)
def test_no_two_pictures_share_a_name(names):
    for order in (names, names[::-1]):
        distinct(named(*order))


SUFFIXES = ["", ".jpg", ".png", ".PNG", ".JPG", ".tif", ".webp", ".jpeg", ".bmp"]
NAMES = st.builds(
    lambda folder, stem, middle, suffix: f"{folder}{stem}{middle}{suffix}",
    st.sampled_from(["", "", "x/", "X/"]),
    st.sampled_from(["a", "A", "a_2", "a_3"]),
    st.sampled_from(["", "", ".jpg", ".png", ".jpg_2", "_2"]),
    st.sampled_from(SUFFIXES),
)


@given(st.lists(NAMES, min_size=1, max_size=12))
@example(["x", "x.png"])
def test_no_two_pictures_share_a_name_whatever_the_names(names):
    found = named(*names)
    assert len(found) == len(names)
    distinct(found)
    for name, pictures in zip(names, found):
        assert {path.parent for path in pictures.values()} == {Path(name).parent}
        assert pictures[PSEUDO].suffix == pictures[SALIENCY].suffix == ".png"


# ---------------------------------------------------------------- predicting


def saved(folder, name):
    return np.array(Image.open(folder / name))


@pytest.mark.parametrize("size", [None, (6, 6)])
def test_three_pictures_of_the_images_own_size_are_written(tmp_path, size):
    image = np.zeros((8, 11, 3), np.uint8)
    image[:, 6:, 0] = 255
    path = picture(tmp_path / "a.png", image)
    out = tmp_path / "out"
    assert predict_files(predictor(size=size), collect(path), out) == []
    written = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    assert written == [f"{kind}/a.png" for kind in sorted(KINDS)]
    modes = {kind: Image.open(out / kind / "a.png").mode for kind in KINDS}
    assert modes == {ADDED: "RGB", PSEUDO: "P", SALIENCY: "L"}
    for kind in KINDS:
        assert Image.open(out / kind / "a.png").size == (11, 8)


def test_the_pictures_of_a_binary_network_show_its_probability(tmp_path):
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, 3:, 0] = 255
    image[0, 0] = 128, 7, 9
    path = picture(tmp_path / "a.png", image)
    out = tmp_path / "out"
    predict_files(predictor(), collect(path), out)
    probability = 1 / (1 + np.exp(-(image[..., 0] / 255 - 0.5) * 8))
    classes = (probability >= 0.5).astype(np.uint8)
    np.testing.assert_array_equal(saved(out, f"{SALIENCY}/a.png"), np.rint(probability * 255))
    np.testing.assert_array_equal(saved(out, f"{PSEUDO}/a.png"), classes)
    colors = render.color_map(256)
    overlay = render.added(image, classes, colors)
    np.testing.assert_array_equal(saved(out, f"{ADDED}/a.png"), overlay)
    palette = np.array(Image.open(out / PSEUDO / "a.png").getpalette()).reshape(-1, 3)
    np.testing.assert_array_equal(palette[:2], colors[:2])


def test_the_pictures_of_more_classes_show_the_most_probable_and_all_but_the_first(tmp_path):
    image = noise(6, 7, 3)
    path = picture(tmp_path / "a.png", image)
    out = tmp_path / "out"
    predict_files(predictor(brightest_channel), collect(path), out)
    powers = np.exp(image / 255 * 4)
    probability = powers / powers.sum(2, keepdims=True)
    np.testing.assert_array_equal(saved(out, f"{PSEUDO}/a.png"), image.argmax(2))
    np.testing.assert_allclose(
        saved(out, f"{SALIENCY}/a.png").astype(int), (1 - probability[..., 0]) * 255, atol=0.51
    )


def test_custom_colours_are_used(tmp_path):
    path = picture(tmp_path / "a.png", np.full((4, 5, 3), 255, np.uint8))
    out = tmp_path / "out"
    predict_files(predictor(), collect(path), out, custom_color=[1, 2, 3, 40, 50, 60])
    assert Image.open(out / PSEUDO / "a.png").getpalette()[:6] == [1, 2, 3, 40, 50, 60]
    assert saved(out, f"{ADDED}/a.png")[0, 0].tolist() == [169, 173, 177]  # 0.6 * 255 + 0.4 * c


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_rgba_networks_get_their_pictures_and_colour_overlays(tmp_path, channels):
    path = picture(tmp_path / "a.png", noise(4, 5, 4))
    out = tmp_path / "out"
    assert predict_files(predictor(channels=channels), collect(path), out, channels) == []
    assert Image.open(out / ADDED / "a.png").mode == "RGB"


@pytest.mark.parametrize(
    ("name", "overlay", "kind"),
    [
        ("a.jpg", "a.jpg", "JPEG"),
        ("a.JPEG", "a.JPEG", "JPEG"),
        ("a.bmp", "a.bmp", "BMP"),
        ("a.tif", "a.png", "PNG"),
        ("a.webp", "a.png", "PNG"),
    ],
)
def test_overlays_are_of_the_pictures_format_where_it_can_be(tmp_path, name, overlay, kind):
    path = picture(tmp_path / name)
    out = tmp_path / "out"
    assert predict_files(predictor(), collect(path), out) == []
    assert Image.open(out / ADDED / overlay).format == kind
    assert Image.open(out / SALIENCY / "a.png").size == (5, 4)


def test_the_tree_of_a_folder_is_mirrored(tmp_path):
    names = ["a.png", "x/a.png", "x/y z/b.jpg"]
    for name in names:
        picture(tmp_path / "in" / name)
    out = tmp_path / "out"
    predict_files(predictor(), collect(tmp_path / "in"), out)
    for kind in KINDS:
        written = {p.relative_to(out / kind).with_suffix("") for p in (out / kind).rglob("*.*")}
        assert written == {Path(name).with_suffix("") for name in names}


def test_a_turned_picture_is_predicted_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = picture(tmp_path / "a.png", noise(4, 9, 3), exif=exif)
    out = tmp_path / "out"
    predict_files(predictor(size=(6, 6)), collect(path), out)
    for kind in KINDS:
        written = Image.open(out / kind / "a.png")
        assert written.size == (4, 9) and not written.getexif()


def test_an_image_that_cannot_be_read_is_reported_and_the_rest_done(tmp_path):
    folder = tmp_path / "in"
    picture(folder / "a.png")
    (folder / "b.png").write_bytes(b"no picture")
    picture(folder / "c.png")
    out = tmp_path / "out"
    told = []
    jobs = [*collect(folder), Job(folder / "gone.png", Path("gone.png"))]
    failures = predict_files(predictor(), jobs, out, on_failure=told.append)
    assert failures == told
    assert all(isinstance(failure, Failure) for failure in failures)
    assert [failure.image.name for failure in failures] == ["b.png", "gone.png"]
    assert "b.png" in failures[0].reason and "gone.png" in failures[1].reason
    for kind in KINDS:
        assert sorted(p.name for p in (out / kind).iterdir()) == ["a.png", "c.png"]


def test_a_folder_with_the_name_of_a_picture_does_not_stop_the_rest(tmp_path):
    folder = tmp_path / "in"
    picture(folder / "a.jpg")
    picture(folder / "a.png" / "b.jpg")
    picture(folder / "c.jpg")
    out = tmp_path / "out"
    failures = predict_files(predictor(), collect(folder), out)
    done = {p.relative_to(out / SALIENCY) for p in (out / SALIENCY).rglob("*") if p.is_file()}
    assert len(done) + len(failures) == 3
    assert Path("c.png") in done
