"""Which images are predicted, and where their pictures go."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paddleseg_u2net.prediction.jobs import (
    ADDED,
    CUTOUT,
    PICTURES,
    PSEUDO,
    SALIENCY,
    Job,
    collect,
    output_names,
)
from tests.prediction.making import picture


def found(path):
    return [(job.image.relative_to(path.parent), job.name.as_posix()) for job in collect(path)]


def test_a_folder_is_its_tree_of_images(tmp_path):
    for name in ("b.jpg", "x/a.PNG", "x/y/c.tif", "x/readme.txt", ".hidden.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = ["b.jpg", "x/a.PNG", "x/y/c.tif"]
    assert collect(tmp_path) == [Job(tmp_path / name, Path(name)) for name in names]


@pytest.mark.parametrize("suffix", ["txt", "list", "TXT"])
def test_a_list_is_known_by_its_suffix(tmp_path, suffix):
    path = tmp_path / f"my list.{suffix}"
    path.write_text("a.jpg")
    assert collect(path) == [Job(tmp_path / "a.jpg", Path("a.jpg"))]


@pytest.mark.parametrize(
    ("line", "image"),
    [
        ("a.jpg", "a.jpg"),
        ("x/a.jpg a.png", "x/a.jpg"),
        ("a.jpg\ta.png", "a.jpg"),
        ("my picture.jpg\tmy mask.png", "my picture.jpg"),
        ("my picture.jpg my mask.png", "my picture.jpg"),
        ("\ufeffa.jpg", "a.jpg"),
        ("  # indented comment\na.jpg", "a.jpg"),
    ],
)
def test_a_list_names_images_with_or_without_masks_behind(tmp_path, line, image):
    for name in ("a.jpg", "x/a.jpg", "a.png", "my picture.jpg", "my mask.png"):
        picture(tmp_path / name)
    path = tmp_path / "list.txt"
    path.write_text(line, encoding="utf-8")
    assert collect(path) == [Job(tmp_path / image, Path(image))]


def test_images_outside_of_the_lists_folder(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    picture(tmp_path / "out" / "a.jpg")
    (inside / "list.txt").write_text(f"../out/a.jpg\n{tmp_path}/out/a.jpg\nx/../../out/a.jpg\n")
    jobs = collect(inside / "list.txt")
    assert [job.name for job in jobs] == [Path("a.jpg")] * 3
    assert jobs[0].image.resolve() == jobs[1].image == tmp_path / "out" / "a.jpg"


def test_what_gives_no_image_is_an_error_that_names_it(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("# only this\n")
    for name, says in (
        ("empty", "empty: expected images, found none"),
        ("empty.txt", "empty.txt: expected images, found none"),
        ("b.pdf", r"b.pdf: expected an image .*\.jpg.*found nothing"),
        ("a.jpg", "a.jpg: expected .*found nothing"),
    ):
        with pytest.raises(ValueError, match=f"--image_path .*{says}"):
            collect(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_from_windows(tmp_path, encoding):
    for name in ("x/my weed (0).jpg", "x/ü.jpg", "y/ü.png"):
        picture(tmp_path / name)
    path = tmp_path / "list.txt"
    lines = ["x\\my weed (0).jpg", "x\\ü.jpg y\\ü.png", ".\\x\\missing.jpg"]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    expected = ["x/my weed (0).jpg", "x/ü.jpg", "x/missing.jpg"]
    assert collect(path) == [Job(tmp_path / name, Path(name)) for name in expected]


def names_of(jobs):
    return [job.name.as_posix() for job in jobs]


def test_several_inputs_of_all_kinds(tmp_path):
    for name in ("a.jpg", "one/b.jpg", "one/x/c.png", "two/b.jpg", "d.png"):
        picture(tmp_path / name)
    (tmp_path / "list.txt").write_text("d.png\na.jpg\n")
    given = [tmp_path / name for name in ("a.jpg", "one", "two", "list.txt")]
    jobs = collect(given)
    assert names_of(jobs) == ["a.jpg", "one/b.jpg", "one/x/c.png", "two/b.jpg", "d.png"]
    assert [job.image for job in jobs] == [tmp_path / name for name in names_of(jobs)]
    assert collect([given[0]]) == collect(given[0]) == collect(str(given[0]))


def test_an_image_that_is_given_twice_is_one(tmp_path):
    picture(tmp_path / "a.jpg")
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    given = [tmp_path / "a.jpg", tmp_path, tmp_path / "." / "a.jpg", tmp_path / "link.jpg"]
    assert names_of(collect(given)) == ["a.jpg"]


def test_equal_names_of_several_folders_stay_apart(tmp_path):
    for name in ("x/a.jpg", "x/deep/a.jpg", "y/a.jpg", "y/b.jpg"):
        picture(tmp_path / name)
    given = [tmp_path / name for name in ("x/a.jpg", "y/a.jpg", "y/b.jpg")]
    pictures = [names[SALIENCY].as_posix() for names in output_names(collect(given))]
    assert pictures == ["x/a.png", "y/a.png", "y/b.png"]
    given = [tmp_path / name for name in ("x/a.jpg", "x/deep/a.jpg", "y/../x/a.jpg", "y/b.jpg")]
    assert names_of(collect(given)) == ["x/a.jpg", "deep/a.jpg", "y/b.jpg"]
    assert names_of(collect([tmp_path / "x/a.jpg", tmp_path / "y/b.jpg"])) == ["a.jpg", "b.jpg"]
    assert names_of(collect([str(tmp_path / "**/a.jpg")])) == ["x/a.jpg", "x/deep/a.jpg", "y/a.jpg"]


def test_a_file_of_another_name_is_an_image_or_fails_alone(tmp_path):
    picture(tmp_path / "a.jpg")
    (tmp_path / "notes.md").touch()
    jobs = collect([tmp_path / "a.jpg", tmp_path / "notes.md"])
    assert [job.name.name for job in jobs] == ["a.jpg", "notes.md"]
    (tmp_path / "a.jpg").rename(tmp_path / "photo")
    assert [job.name.name for job in collect(tmp_path / "photo")] == ["photo"]
    # one that is called an image fails as it does in a folder: alone
    missing = tmp_path / "b.jpg"
    assert [job.image for job in collect([tmp_path / "photo", missing])][1] == missing
    with pytest.raises(ValueError, match="nothing.md: expected an image"):
        collect([tmp_path / "photo", tmp_path / "nothing.md"])


def test_patterns(tmp_path, caplog):
    caplog.set_level("INFO", "paddleseg_u2net")
    for name in ("a1.jpg", "a2.png", "b.jpg", "x/a3.jpg", "[c].jpg"):
        picture(tmp_path / name)
    (tmp_path / "a.md").touch()
    assert names_of(collect(str(tmp_path / "a*"))) == ["a1.jpg", "a2.png"]
    assert caplog.messages == [f"Left out 1 that fit {tmp_path}/a* and are no images"]
    assert names_of(collect(str(tmp_path / "?.jpg"))) == ["b.jpg"]
    assert names_of(collect(str(tmp_path / "**/a?.jpg"))) == ["a1.jpg", "x/a3.jpg"]
    assert names_of(collect(str(tmp_path / "x" / "*"))) == ["a3.jpg"]
    assert names_of(collect(str(tmp_path / "[x]"))) == ["x/a3.jpg"]
    both = [str(tmp_path / "?.jpg"), str(tmp_path / "x")]
    assert names_of(collect(both)) == ["b.jpg", "x/a3.jpg"]
    picture(tmp_path / "out" / "saliency" / "b.png")
    caplog.clear()
    every = collect(str(tmp_path / "**/b.*"), tmp_path / "out")
    assert names_of(every) == ["b.jpg"] and "an earlier prediction wrote" in caplog.messages[0]
    assert names_of(collect(str(tmp_path / "[c].jpg"))) == ["[c].jpg"]  # a file of that name
    with pytest.raises(ValueError, match=r"z\*: expected images that fit it, found none"):
        collect(str(tmp_path / "z*"))


def test_pictures_of_an_earlier_prediction_are_no_images(tmp_path, caplog):
    caplog.set_level("INFO", "paddleseg_u2net")
    for name in ("a.png", "saliency/b.png", "out/saliency/a.png", "out/cutout/a.png", "out/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    jobs = collect(tmp_path, tmp_path / "out")
    assert [job.name.as_posix() for job in jobs] == ["a.png", "out/c.png", "saliency/b.png"]
    assert caplog.messages == ["Left out 2 below --save_dir that an earlier prediction wrote"]
    # They are, if they are asked for.
    assert len(collect(tmp_path / "out/cutout", tmp_path / "out")) == 1


def named(*names):
    return output_names([Job(Path(name), Path(name)) for name in names])


def distinct(names):
    for kind in PICTURES:
        of_kind = [str(name[kind]).lower() for name in names]
        assert len(set(of_kind)) == len(of_kind), of_kind


def test_pictures_are_png_and_overlays_keep_the_pictures_name():
    for image, overlay, others in (
        ("a.jpg", "a.jpg", "a.png"),
        ("x/b.PNG", "x/b.PNG", "x/b.png"),
        ("c.tif", "c.png", "c.png"),
        ("d.e.webp", "d.e.png", "d.e.png"),
    ):
        (names,) = named(image)
        assert names.pop(ADDED) == Path(overlay)
        assert names == dict.fromkeys((PSEUDO, SALIENCY, CUTOUT), Path(others))


def test_names_that_would_collide_keep_their_suffix():
    names = [name[PSEUDO].as_posix() for name in named("a.jpg", "a.png", "b.jpg", "x/a.jpg")]
    assert names == ["a.jpg.png", "a.png.png", "b.png", "x/a.png"]


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
@example(["a.tif", "a.tif.png", "a.png", "a.tif_2.png"])
@example(["a.jpg_2.png", "a.jpg_2.jpg", "a.jpg", "a.jpg"])
def test_no_two_pictures_share_a_name_whatever_the_names(names):
    found = named(*names)
    assert len(found) == len(names)
    distinct(found)
    for name, pictures in zip(names, found):
        assert {path.parent for path in pictures.values()} == {Path(name).parent}
        assert pictures[PSEUDO].suffix == pictures[SALIENCY].suffix == ".png"
