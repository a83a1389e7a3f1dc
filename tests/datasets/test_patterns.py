"""Images and masks whose stars stand for the same."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from paddleseg_u2net.datasets import PairDataset, PairingError
from paddleseg_u2net.datasets.pairing import Problem
from paddleseg_u2net.datasets.patterns import Patterns, from_patterns
from paddleseg_u2net.datasets.table import resolve_paths


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names(pairs):
    return [(pair.name, pair.mask.name) for pair in pairs]


CITY = {
    "images": "leftImg8bit/train/*/*_leftImg8bit.png",
    "masks": "gtFine/train/*/*_gtFine_labelTrainIds.png",
}


def find(root, problems=None, list_path=None, **patterns):
    paths = resolve_paths("train", None, str(root), list_path, **patterns)
    return from_patterns(root, paths.patterns, problems)


def test_stars_stand_for_the_same_in_both(tmp_path):
    touch(
        tmp_path,
        *(f"leftImg8bit/train/{name}_leftImg8bit.png" for name in ("a/a_1", "a/a_2", "b/b_1")),
        *(f"gtFine/train/{name}_gtFine_labelTrainIds.png" for name in ("a/a_1", "a/a_2", "b/b_1")),
        "gtFine/train/a/a_1_gtFine_color.png",
        "gtFine/train/a/a_1_gtFine_polygons.json",
        "leftImg8bit/val/a/a_9_leftImg8bit.png",
    )
    assert names(find(tmp_path, **CITY)) == [
        (f"leftImg8bit/train/{folder}/{folder}_{n}_leftImg8bit.png",
         f"{folder}_{n}_gtFine_labelTrainIds.png")
        for folder, n in (("a", 1), ("a", 2), ("b", 1))
    ]  # fmt: skip


def test_lists_of_names_choose_and_order(tmp_path):
    touch(tmp_path, *(f"images/{n}.jpg" for n in "abcd"), "first/a.png", "first/b.png")
    touch(tmp_path, "second/c.png", "second/a.png")
    (tmp_path / "one.txt").write_text("b\na\n")
    (tmp_path / "two.txt").write_text("c\n")
    found = find(
        tmp_path,
        list_path=["one.txt", "two.txt"],
        images="images/*.jpg",
        masks=["first/*.png", "second/*.png"],
    )
    expected = [("b", "first"), ("a", "first"), ("c", "second")]
    assert [(pair.image.stem, pair.mask.parent.name) for pair in found] == expected


def test_each_problem_names_its_file(tmp_path):
    touch(tmp_path, "images/a.jpg", "images/b.jpg", "masks/b.png", "masks/c.png")
    problems: List[Problem] = []
    assert len(find(tmp_path, problems, images="images/*.jpg", masks="masks/*.png")) == 1
    assert [(problem.kind, problem.files[0].name) for problem in problems] == [
        ("no_mask", "a.jpg"),
        ("no_image", "c.png"),
    ]
    with pytest.raises(PairingError, match=r"a\.jpg: expected its mask .*a\.png, found none.*of 2"):
        find(tmp_path, images="images/*.jpg", masks="masks/*.png")
    (tmp_path / "list.txt").write_text("b\nx\nb\n")
    problems = []
    patterns = {"images": "images/*.jpg", "masks": "masks/*.png"}
    assert len(find(tmp_path, problems, list_path="list.txt", **patterns)) == 1
    assert {problem.kind for problem in problems} == {"missing", "repeated"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"images": "i/*.jpg", "masks": "m/a.png"}, r"masks: expected as many \* as in images"),
        ({"images": "i/*.jpg"}, r"masks: expected as many \* as in images \(i/\*\.jpg\)"),
        ({"images": "i/*.jpg", "masks": [5]}, "masks: expected as many"),
        (
            {"images": "i/*/*.jpg", "masks": "m/*/*.png", "list_path": "list.txt"},
            r"images: expected one \*",
        ),
        ({"images": "none/*.jpg", "masks": "m/*.png"}, "expected images, found none"),
        ({"images": "i/**/*.jpg", "masks": "m/**/*.png"}, r"a \* for each folder between"),
        (
            {"images": "i/*.jpg", "masks": "m/*.png", "list_path": "no.txt"},
            "no.txt: expected a list of names; there is no such file",
        ),
        ({"images": "i", "masks": ["m", "n"]}, "masks: expected one path, or a pattern"),
        ({"list_path": ["list.txt"]}, "train_path: expected one path, or a pattern"),
    ],
)
def test_what_is_no_pattern(tmp_path, arguments, says):
    (tmp_path / "list.txt").write_text("a\n")
    with pytest.raises(PairingError, match=says):
        find(tmp_path, **arguments)


def test_letters_that_mean_something_to_programs(tmp_path):
    touch(tmp_path, "i [1]/a+b?.x.jpg", "m/a+b?.x.png", "i [1]/a+b.y.jpg")
    found = find(tmp_path, images="i [1]/*.x.jpg", masks="m/*.x.png")
    assert names(found) == [("i [1]/a+b?.x.jpg", "a+b?.x.png")]


def test_masks_beside_their_images_are_no_images(tmp_path):
    touch(tmp_path, "a.png", "a_mask.png", "b.png", "b_mask.png")
    found = find(tmp_path, images="*.png", masks="*_mask.png")
    assert names(found) == [("a.png", "a_mask.png"), ("b.png", "b_mask.png")]


def test_a_data_set_takes_patterns(drawn):
    plain = PairDataset("train", dataset_root=str(drawn), train_path="train_list.txt")
    image, mask = plain.pairs[0].image, plain.pairs[0].mask
    below = [path.parent.relative_to(drawn).as_posix() for path in (image, mask)]
    found = PairDataset(
        "val",
        dataset_root=str(drawn),
        images=f"{below[0]}/*{image.suffix}",
        masks=f"{below[1]}/*{mask.suffix}",
    )
    assert {pair[:2] for pair in plain.pairs} <= {pair[:2] for pair in found.pairs}
    assert Patterns("a", ("b",)).lists == ()
