"""Where pictures without their background go, and what of a command line says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddleseg_u2net.prediction.jobs import Job
from paddleseg_u2net.prediction.naming import Names, Output, inputs_and_output


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg", "c.jpg", "photos/a.jpg", "out/x.png", "list.txt"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "inputs", "output"),
    [
        ("a.jpg", "a.jpg", Output()),
        ("photos", "photos", Output()),
        ("-", "-", Output(stream=True)),
        ("- -", "-", Output(stream=True)),
        ("a.jpg -", "a.jpg", Output(stream=True)),
        ("- new.png", "-", Output(file=Path("new.png"))),
        ("a.jpg new.png", "a.jpg", Output(file=Path("new.png"))),
        ("a.jpg out", "a.jpg", Output(folder=Path("out"))),
        ("a.jpg new", "a.jpg", Output(folder=Path("new"))),
        ("a.jpg new.d/", "a.jpg", Output(folder=Path("new.d"))),
        ("photos new", "photos", Output(folder=Path("new"))),
        ("photos new.v2", "photos", Output(folder=Path("new.v2"))),
        ("photos out", "photos", Output(folder=Path("out"))),
        ("list.txt out", "list.txt", Output(folder=Path("out"))),
        ("*.jpg new", "*.jpg", Output(folder=Path("new"))),
        ("a.jpg b.jpg out", "a.jpg b.jpg", Output(folder=Path("out"))),
        # a shell writes out *.jpg: all that is there is read, nothing overwritten
        ("a.jpg b.jpg c.jpg", "a.jpg b.jpg c.jpg", Output()),
        ("photos a.jpg", "photos a.jpg", Output()),
    ],
)
def test_the_last_path_is_the_output_as_for_cp(here, paths, inputs, output):
    assert inputs_and_output(paths.split(), None) == (inputs.split(), output)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ("a.jpg b.jpg", "a.jpg b.jpg: both are there, .*--output b.jpg overwrites it"),
        ("photos -", "-: standard output takes the picture of one image"),
        ("a.jpg b.jpg -", "-: standard output takes the picture of one image"),
        ("- a.jpg new", "-: standard input holds one image"),
        ("photos new.png", "new.png: expected a folder .* got the name of a file"),
        ("a.jpg b.jpg new.jpg", "new.jpg: expected a folder .* got the name of a file"),
        ("a.jpg /dev/null", "/dev/null: expected a file, a folder or -"),
        ("photos photos", "photos: expected another folder than that of the images"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(here, paths, said):
    words = paths.split()
    output = words.pop() if words[-1] == "/dev/null" else None
    with pytest.raises(ValueError, match=said):
        inputs_and_output(words, output)


def test_output_by_its_flag_leaves_all_paths_to_be_read(here):
    paths = ["a.jpg", "b.jpg"]
    assert inputs_and_output(paths[:1], "b.jpg") == (["a.jpg"], Output(file=Path("b.jpg")))
    assert inputs_and_output(paths, "out") == (paths, Output(folder=Path("out")))
    assert inputs_and_output(paths, None, has_name=True) == (paths, Output())
    with pytest.raises(ValueError, match=r"c.jpg: expected a folder .* got a file"):
        inputs_and_output(paths, "c.jpg")


def jobs(*names):
    return [Job(Path("in", name), Path(name)) for name in names]


def test_names_beside_and_in_a_folder():
    some = jobs("a.jpg", "x/b.tar.PNG", "c.jpg", "c.png")
    beside = [path.as_posix() for path in Names(Output(), (".png",))(some)]
    assert beside == [
        "in/a.cutout.png",
        "in/x/b.tar.cutout.png",
        "in/c.jpg.cutout.png",
        "in/c.png.cutout.png",
    ]
    folder = Names(Output(folder=Path("out")), (".webp",), "{stem}_cut{suffix}")(some)
    assert [path.as_posix() for path in folder] == [
        "out/a_cut.webp",
        "out/x/b.tar_cut.webp",
        "out/c.jpg_cut.webp",
        "out/c.png_cut.webp",
    ]


def test_an_image_that_comes_again_gets_its_name_again():
    names = Names(Output(folder=Path("out")), (".png",))
    first = names(jobs("a.jpg", "b.jpg"))
    later = names(jobs("b.jpg", "a.png", "a.jpg"))
    assert later[0] == first[1] and later[2] == first[0]
    assert later[1] == Path("out/a.png.png")


NAMES = st.builds(
    lambda folder, stem, suffix: f"{folder}{stem}{suffix}",
    st.sampled_from(["", "x/", "X/"]),
    st.sampled_from(["a", "A", "a.jpg", "a.cutout", "a_2"]),
    st.sampled_from([".jpg", ".png", ".PNG", ".webp"]),
)


@given(st.lists(st.lists(NAMES, min_size=1, max_size=5), min_size=1, max_size=3), st.booleans())
def test_no_two_pictures_share_a_name(batches, beside):
    names = Names(Output(folder=None if beside else Path("out")), (".png",))
    found = {}
    for batch in batches:
        found.update(zip(batch, names(jobs(*batch))))
    given_once = {str(path).lower() for path in found.values()}
    assert len(given_once) == len(found)


def test_results_of_earlier_runs_are_known_by_their_names(tmp_path):
    for name in ("a.jpg", "IMG_7.jpg", "7.jpg"):
        (tmp_path / name).touch()
    usual = Names(Output(), (".png",))
    for name, is_one in {
        "a.cutout.png": True,
        "gone.cutout.WEBP": True,
        "a.cutout.txt": False,
        "a.png": False,
        "cutout.png": False,
    }.items():
        assert usual.is_result(tmp_path / name) == is_one, name
    own = Names(Output(), (".png",), "IMG_{stem}{suffix}")
    # a camera's name is one only beside the image that it would be of
    assert own.is_result(tmp_path / "IMG_7.png") and own.is_result(tmp_path / "IMG_a.webp")
    assert not own.is_result(tmp_path / "IMG_8.jpg")
    same = Names(Output(folder=tmp_path / "out"), (".png",), "{stem}{suffix}")
    assert not same.is_result(tmp_path / "7.jpg")
    written = usual([Job(tmp_path / "b.jpg", Path("b.jpg"))])
    assert written == [tmp_path / "b.cutout.png"] and usual.is_result(written[0])


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("cut{suffix}", "expected a name of {stem} and {suffix}"),
        ("{stem", "expected a name of {stem} and {suffix}"),
        ("{stem}{0}", "expected a name of {stem} and {suffix}"),
        ("{stem.x}{suffix}", "expected a name of {stem} and {suffix}"),
        ("{folder}{stem}{suffix}", "expected a name of {stem} and {suffix}"),
        ("x/{stem}{suffix}", "expected a name, got a path"),
        ("{stem}_cut", "expected a name that ends in {suffix}"),
        ("{stem}.webp", "expected a name that ends in {suffix}"),
        ("{stem}{suffix}", "expected more than that beside images"),
    ],
)
def test_a_wrong_template_is_named(template, said):
    with pytest.raises(ValueError, match=said):
        Names(Output(), (".png",), template)
    assert Names(Output(folder=Path("out")), (".png",), "{stem}.png")
