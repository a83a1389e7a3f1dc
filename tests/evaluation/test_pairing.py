"""Which map belongs to which mask: names, endings, lists, and what is missing."""

from __future__ import annotations

import pytest

from paddleseg_u2net.datasets import PairingError
from paddleseg_u2net.evaluation.pairing import MapFiles, pair_maps


@pytest.fixture
def maps(tmp_path):
    return tmp_path / "maps"


@pytest.fixture
def masks(tmp_path):
    return tmp_path / "masks"


def files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    folder.mkdir(exist_ok=True)


def pair(maps, masks, map_suffix="", mask_suffix="", **settings):
    """Maps and masks alone."""
    endings = {"map": map_suffix, "mask": mask_suffix}
    return pair_maps(maps, {"mask": masks}, endings, **settings)


def names_of(pairing):
    return [item.name for item in pairing[0]]


def refused(what, *parts):
    with pytest.raises(PairingError) as error:
        what()
    for part in parts:
        assert str(part) in str(error.value)


def test_names_are_paths_below_the_folder(maps, masks):
    files(maps, "b.png", "a.JPG", "sub/a.npy", "v1.0.tif", ".hidden.png", ".git/x.png", "x.txt")
    files(masks, "a.png", "b.png", "sub/a.png", "v1.0.png")
    items = pair(maps, masks)[0]
    assert items[2] == MapFiles("sub/a", maps / "sub/a.npy", masks / "sub/a.png")
    found = {item.name: item.map.relative_to(maps).as_posix() for item in items}
    assert found == {"a": "a.JPG", "b": "b.png", "sub/a": "sub/a.npy", "v1.0": "v1.0.tif"}


def test_folders_without_such_files_are_refused(maps, masks):
    files(masks, "a.png")
    refused(lambda: pair(maps, masks), maps, "found nothing")
    files(maps, "a.mat", "b.mat", "c")
    refused(lambda: pair(maps, masks), "found none")
    refused(lambda: pair(maps / "a.mat", masks), "found a file")
    files(maps, "a.png", "a.npy")
    refused(lambda: pair(maps, masks), maps, "a.npy", "a.png", "--map_suffix .npy or .png")


def test_endings_are_cut_in_any_letter_case(maps, masks):
    files(maps, "a_DSS.png", "b_dss.PNG", "sub/c_DSS.png", "a_other.png")
    files(masks, "a_mask.png", "b_mask.png", "sub/c_mask.png", "_mask.png")
    pairing = pair(maps, masks, "_DSS", "_mask")
    assert names_of(pairing) == ["a", "b", "sub/c"]
    assert pairing[0][1].map == maps / "b_dss.PNG"


@pytest.mark.parametrize("more", ["a_mask_1.png", "a_mask1.png", "a_mask (2).png", "a_MASK-2.png"])
def test_further_masks_of_an_image_are_not_passed_over(maps, masks, more):
    files(maps, "a.png", "b.png")
    files(masks, "a_mask.png", "b_mask.png", "b_other_1.png", "c_mask_1.png")
    assert names_of(pair(maps, masks, mask_suffix="_mask")) == ["a", "b"]
    files(masks, more)
    with pytest.raises(PairingError) as caught:
        pair(maps, masks, mask_suffix="_mask")
    for part in (str(masks), more, "a_mask.png", "dataset.py import folders"):
        assert part in str(caught.value)


def test_endings_that_no_file_has_or_that_make_names_equal(maps, masks):
    files(maps, "a_DSS.png", "a_dss.png")
    files(masks, "a.png")
    refused(lambda: pair(maps, masks, "_sal"), "end in _sal", "a_DSS", "--map_suffix")
    refused(lambda: pair(maps, masks, "", "_gt"), "end in _gt", "--mask_suffix")
    refused(lambda: pair(maps, masks, "_DSS"), "a_DSS.png", "a_dss.png", "letter case")


def test_missing_counterparts_are_counted_and_named(maps, masks):
    files(maps, "a.png", *(f"m{k}.png" for k in range(7)))
    files(masks, "a.png", "t.png")
    refused(
        lambda: pair(maps, masks),
        f"{masks} has no mask for 7 of 9 names: m0, m1, m2 and 4 more",
        f"{maps} has no map for 1 of 9 names: t",
    )


def test_a_folder_is_not_compared_with_itself(maps):
    files(maps, "a_sal.png", "a_gt.png")
    refused(lambda: pair(maps, maps / ".." / "maps"), "themselves")
    refused(lambda: pair(maps, maps, "_sal", "_SAL"), "themselves")
    assert names_of(pair(maps, maps, "_sal", "_gt")) == ["a"]


@pytest.mark.parametrize(
    ("map_names", "mask_names", "repair"),
    [
        ("0001_DSS 0002_DSS 0011_DSS", "0001 0002 0011", "--map_suffix=_DSS would pair 3 of 3"),
        ("0001sal 0002sal 0003", "0001 0002 0004", "--map_suffix=sal would pair 2 of 3"),
        ("1_DSS 2_DSS", "1_mask 2_mask", "--map_suffix=_DSS and --mask_suffix=_mask would"),
        ("a/1_D a/2_D", "a/1 a/2", "--map_suffix=_D would"),
        ("11 12 13", "21 22 23", "give folders of the same images"),
        ("cat cow", "dog pig", "give folders of the same images"),
    ],
)
def test_the_likely_repair_is_proposed(maps, masks, map_names, mask_names, repair):
    map_names, mask_names = map_names.split(), mask_names.split()
    files(maps, *(f"{name}.png" for name in map_names))
    files(masks, *(f"{name}.png" for name in mask_names))
    refused(lambda: pair(maps, masks), maps, masks, map_names[0], mask_names[0], repair)


def test_every_item_has_a_file_of_every_kind(maps, masks, tmp_path):
    points = tmp_path / "points"
    files(maps, "a.png", "b.png")
    files(masks, "a.png", "b.png")
    files(points, "a_fix.csv", "b_fix.MAT")
    truths = {"mask": masks, "points": points}
    items = pair_maps(maps, truths, {"points": "_fix"})[0]
    assert items[1] == MapFiles("b", maps / "b.png", masks / "b.png", points / "b_fix.MAT", None)
    assert pair_maps(maps, {"density": masks}, {})[0][0].density == masks / "a.png"
    refused(lambda: pair_maps(maps, truths, {}), f"{points} (points)", "points without _fix would")


def listed(tmp_path, *lines):
    path = tmp_path / "test.txt"
    path.write_text("\ufeff# names\n\n" + "\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "line",
    [
        "sub/a b",
        "sub/a b.png",
        "./sub/a b.JPG",
        "sub\\a b.png",
        "data/masks/sub/a b.png",
        "sub/a b_gt.png",
        "images/sub/a b.jpg masks/sub/a b.png",
        "images/sub/a b.jpg masks/sub/a b_gt.png",
        "images/sub/a b.JPG\tmasks/sub/a b_gt.png",
        "images/x.jpg,masks/sub/a b.png",
    ],
)
def test_a_list_chooses_names(maps, masks, tmp_path, line):
    files(maps, "sub/a b.png", "a b.png", "b.png", "x.png", "y.png")
    files(masks, "sub/a b_gt.png", "a b_gt.png", "b_gt.png", "x_gt.png", "z_gt.png")
    pairing = pair(maps, masks, mask_suffix="_gt", subset=listed(tmp_path, "x", line))
    assert names_of(pairing) == ["sub/a b", "x"]
    assert pairing[1] == []


def test_listed_names_must_exist_on_both_sides(maps, masks, tmp_path):
    files(maps, "a.png", "m.png")
    files(masks, "a.png", "t.png")
    subset = listed(tmp_path, "a", "m", "t", "my a")
    refused(
        lambda: pair(maps, masks, subset=subset),
        subset,
        "no map for 2 of 4 names: my a, t",
        "no mask for 2 of 4 names: m, my a",
    )
    pairing = pair(maps, masks, subset=subset, allow_missing=True)
    assert names_of(pairing) == ["a"]
    assert pairing[1] == ["m", "my a", "t"]
    refused(lambda: pair(maps, masks, subset=listed(tmp_path, "q"), allow_missing=True), "q")


def test_lists_that_are_none(maps, masks, tmp_path):
    files(maps, "a.png")
    files(masks, "a.png")
    refused(lambda: pair(maps, masks, subset=tmp_path / "no.txt"), "no.txt", "list of names")
    refused(lambda: pair(maps, masks, subset=listed(tmp_path)), "has none")
    twice = listed(tmp_path, "a", "", "masks/a.png")
    refused(lambda: pair(maps, masks, subset=twice), "lines 3 and 5", "name a;")
    (tmp_path / "latin.txt").write_bytes(b"\xe4")
    refused(lambda: pair(maps, masks, subset=tmp_path / "latin.txt"), "UTF-8")
