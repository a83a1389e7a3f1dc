"""Which mask belongs to which image: list files, folders, and the shares of both."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from paddleseg_u2net.datasets.pairing import (
    Pair,
    PairingError,
    from_folders,
    from_list,
    split_train_val,
)


def files(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def listed(root, text, separator=None, encoding="utf-8"):
    path = root / "list.txt"
    path.write_bytes(text.encode(encoding))
    return [
        (pair.image.relative_to(root).as_posix(), pair.mask.relative_to(root).as_posix())
        for pair in from_list(path, root, separator)
    ]


@pytest.mark.parametrize(
    ("line", "separator", "image", "mask"),
    [
        ("a.jpg a.png", None, "a.jpg", "a.png"),
        ("a.jpg\ta.png", None, "a.jpg", "a.png"),
        ("a.jpg  a.png", None, "a.jpg", "a.png"),
        ("my a.jpg my a.png", None, "my a.jpg", "my a.png"),
        ("my folder/one two three.jpg m/x.png", None, "my folder/one two three.jpg", "m/x.png"),
        ("my a.jpg , my a.png", ",", "my a.jpg", "my a.png"),
        ("bild ü.jpg maske ü.png", None, "bild ü.jpg", "maske ü.png"),
        ("a.jpg\ta.png\r", None, "a.jpg", "a.png"),
    ],
)
def test_a_line_names_an_image_and_its_mask(tmp_path, line, separator, image, mask):
    files(tmp_path, image, mask)
    assert listed(tmp_path, line, separator) == [(image, mask)]


def test_a_list_in_another_encoding_is_an_error_that_names_it(tmp_path):
    files(tmp_path, "ü.jpg", "ü.png")
    with pytest.raises(PairingError, match=r"list\.txt"):
        listed(tmp_path, "ü.jpg ü.png\n", encoding="cp1252")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [" ", "\t"])
def test_a_list_from_windows(tmp_path, encoding, separator):
    files(tmp_path, "images/my a.jpg", "masks/my a.png", "images/ü.jpg", "masks/ü.png")
    text = f"images\\my a.jpg{separator}masks\\my a.png\r\n"
    text += f".\\images\\ü.jpg{separator}.\\masks\\ü.png\r\n"
    assert listed(tmp_path, text, encoding=encoding) == [
        ("images/my a.jpg", "masks/my a.png"),
        ("images/ü.jpg", "masks/ü.png"),
    ]


@pytest.mark.skipif(os.sep != "/", reason="no name has a backslash there")
def test_a_name_with_a_backslash_is_a_name(tmp_path):
    files(tmp_path, "a\\b.jpg", "a\\b.png", "a/b.jpg", "a/b.png")
    assert listed(tmp_path, "a\\b.jpg a\\b.png\n") == [("a\\b.jpg", "a\\b.png")]


@pytest.mark.parametrize(
    ("text", "number", "separator"),
    [
        ("a.jpg a.png\na.jpg", 2, None),
        ("a.jpg\ta.png\tmore", 1, None),
        ("a.jpg\t", 1, None),
        ("a.jpg;a.png", 1, ","),
        ("a.jpg is not there", 1, None),
    ],
)
def test_a_line_that_is_not_two_files_is_named(tmp_path, text, number, separator):
    files(tmp_path, "a.jpg", "a.png")
    with pytest.raises(PairingError, match=rf"list\.txt:{number}: expected `image mask`"):
        listed(tmp_path, text, separator)


@pytest.mark.parametrize("line", ["a.jpg", "in a folder\\a b.jpg"])
def test_a_line_without_a_mask_is_named_as_such(tmp_path, line):
    files(tmp_path, "a.jpg", "in a folder/a b.jpg")
    with pytest.raises(PairingError, match=r"list\.txt:1: .*the mask is missing: training and"):
        listed(tmp_path, line)


def test_a_line_that_can_be_split_in_two_ways_is_an_error(tmp_path):
    files(tmp_path, "a", "b c", "a b", "c")
    with pytest.raises(PairingError, match=r"list\.txt:1: .*put a tab between them"):
        listed(tmp_path, "a b c")
    assert listed(tmp_path, "a\tb c") == [("a", "b c")]


def paired(root):
    return [
        (
            pair.image.relative_to(root / "images").as_posix(),
            pair.mask.relative_to(root / "masks").as_posix(),
        )
        for pair in from_folders(root / "images", root / "masks")
    ]


def test_folders_are_paired_by_name_without_suffix(tmp_path):
    files(tmp_path, "images/b.jpg", "images/a.JPG", "images/c.d.Jpeg", "images/e.png")
    files(tmp_path, "masks/a.png", "masks/b.PNG", "masks/c.d.bmp", "masks/e.png")
    assert paired(tmp_path) == [
        ("a.JPG", "a.png"),
        ("b.jpg", "b.PNG"),
        ("c.d.Jpeg", "c.d.bmp"),
        ("e.png", "e.png"),
    ]


def test_subfolders_are_part_of_the_name(tmp_path):
    files(tmp_path, "images/x/a.jpg", "images/y/a.jpg", "masks/x/a.png", "masks/y/a.png")
    assert paired(tmp_path) == [("x/a.jpg", "x/a.png"), ("y/a.jpg", "y/a.png")]
    pairs = from_folders(tmp_path / "images", tmp_path / "masks")
    assert [pair.name for pair in pairs] == ["x/a.jpg", "y/a.jpg"]


@pytest.mark.parametrize("missing", ["images", "masks"])
def test_a_missing_folder_is_named_with_what_it_should_hold(tmp_path, missing):
    files(tmp_path, "images/a.jpg", "masks/a.png")
    (tmp_path / missing).rename(tmp_path / "gone")
    with pytest.raises(PairingError, match=rf"{missing}: expected a folder of {missing}"):
        paired(tmp_path)


def many(count, root="r"):
    names = [f"picture {n}.jpg" for n in range(count)]
    return [Pair(Path(root, name), Path(root, name + ".png"), name) for name in names]


@pytest.mark.parametrize(
    ("count", "part", "expected"),
    [(10, 0.1, 1), (10, 0.25, 2), (10, 0.5, 5), (100, 0.2, 20), (3, 0.01, 1), (2, 0.5, 1)],
)
def test_a_share_is_of_the_size_asked_for_and_never_empty(count, part, expected):
    train, val = split_train_val(many(count), part)
    assert (len(train), len(val)) == (count - expected, expected)


def test_the_parts_are_those_of_every_machine():
    # Written down once: another choice would mix training and validation data of old runs.
    expected = ["picture 1.jpg", "picture 3.jpg", "picture 6.jpg"]
    assert [pair.name for pair in split_train_val(many(10), 0.3)[1]] == expected


def test_a_share_that_leaves_nothing_to_train_on_is_an_error():
    for count, part in ((1, 0.1), (2, 0.9), (0, 0.5)):
        with pytest.raises(PairingError, match=f"val_share: {part} of {count} pairs"):
            split_train_val(many(count), part)


def told(problems):
    return [(problem.kind, [file.name for file in problem.files]) for problem in problems]


def test_a_list_with_faults_gives_pairs_and_faults(tmp_path):
    files(tmp_path, "a.jpg", "b.jpg", "a.png", "b.png")
    path = tmp_path / "list.txt"
    path.write_text("a.jpg a.png\na.jpg\ngone.jpg a.png\na.jpg b.png\nb.jpg b.png\n")
    problems = []
    pairs = from_list(path, tmp_path, problems=problems)
    assert [pair.name for pair in pairs] == ["a.jpg", "b.jpg"]
    assert told(problems) == [("line", []), ("missing", ["gone.jpg"]), ("repeated", ["a.jpg"])]
    for number, problem in zip((2, 3, 4), problems):
        assert f"list.txt:{number}: " in problem.message


def test_folders_with_faults_give_pairs_and_faults(tmp_path):
    files(tmp_path, "images/a.jpg", "images/b.jpg", "images/d.jpg", "images/d.png", "masks/d.png")
    files(tmp_path, "masks/a.png", "masks/c.png")
    problems = []
    pairs = from_folders(tmp_path / "images", tmp_path / "masks", problems)
    assert [pair.name for pair in pairs] == ["a.jpg"]
    assert told(problems) == [
        ("same_name", ["d.jpg", "d.png"]),
        ("no_mask", ["b.jpg"]),
        ("no_image", ["c.png"]),
    ]
