"""How names of masks differ from names of their images, on names alone."""

from __future__ import annotations

import unicodedata

import pytest

from paddleseg_u2net.datasets.name_rules import (
    NameRule,
    best_rule,
    common_start,
    fold_case,
    without_ending,
    without_number,
)

FOUR = ["1", "2", "11", "1_1"]
NAMES = [
    (["a", "b", "c.x"], ["a", "b", "c.x"], "paired "),
    *(
        (FOUR, [mask.format(name) for name in FOUR], said)
        for mask, said in (
            ("{}_mask", "masks named x_mask"),
            ("mask_{}", "masks named mask_x"),
            ("{}-removebg-preview", "masks named x-removebg-preview"),
            ("gt_{}_v2", "masks named gt_x_v2"),
            ("{}.jpg", "with their suffix"),
        )
    ),
    (["a", "b"], ["a.jpg", "b.PNG"], "with their suffix"),
    (["IMG_1", "IMG_2"], ["img_1", "img_2"], "letter case"),
    (["IMG_1", "IMG_2"], ["img_1_Mask", "img_2_mask"], "letter case"),
    (
        ["img_001", "img_002", "img_010"],
        ["mask_001", "mask_002", "mask_010"],
        "paired with masks named mask_x, with images named img_x",
    ),
    (
        ["21_training", "22_training"],  # DRIVE
        ["21_manual1", "22_manual1"],
        "masks named x_manual1, with images named x_training",
    ),
    (["a/1", "b/1"], ["a/1_gt", "b/1_gt"], "masks named x_gt"),
    (["a_1", "a_2", "a"], ["a_1_gt2", "a_2_gt2", "a_gt2"], "x_gt2"),
]


@pytest.mark.parametrize(("images", "masks", "said"), NAMES)
def test_names_that_differ_in_what_all_have(images, masks, said):
    rule, matches = best_rule(images, masks)
    assert matches == {image: (mask,) for image, mask in zip(images, masks)}
    assert said in rule.describe() and (rule == NameRule()) == (images == masks)


@pytest.mark.parametrize("mask", ["{}", "{}_mask"])
def test_accents_may_be_stored_in_another_way(mask):
    stems = ["caf\u00e9", "\u017elut\u00fd k\u016f\u0148", "na\u00efve", "plain"]
    images = [unicodedata.normalize("NFD", stem) for stem in stems]
    masks = [mask.format(stem) for stem in stems]
    rule, matches = best_rule(images, masks)
    assert matches == {image: (one,) for image, one in zip(images, masks)} and rule.any_case
    assert fold_case(images[0].upper()) == stems[0]


def test_an_image_may_have_several_masks():
    rule, matches = best_rule(["1", "2"], ["1_mask", "2_mask", "2_mask_1", "2_mask (2)"])
    assert rule.numbered and matches["1"] == ("1_mask",)
    assert set(matches["2"]) == {"2_mask", "2_mask_1", "2_mask (2)"}
    rule, matches = best_rule(["a", "sub/b"], ["a/1", "a/2", "sub/b/left"])
    assert rule.by_folder and matches == {"a": ("a/1", "a/2"), "sub/b": ("sub/b/left",)}


def test_what_fits_two_ways_or_none_is_left_out():
    rule, matches = best_rule(["A", "a", "b", "c"], ["a", "b", "d"])
    assert rule == NameRule() and matches == {"a": ("a",), "b": ("b",)}
    assert NameRule(any_case=True).match(["A", "a", "b"], ["a", "B"]) == {"b": ("B",)}


def test_parts_of_names():
    assert [without_number(name) for name in ("x_mask_1", "x_mask1", "x_mask (1)", "x_mask")] == [
        "x_mask"
    ] * 4
    assert without_ending("a_DSS", "_dss") == "a" and without_ending("sub/_gt", "_gt") is None
    assert without_ending("a", "_gt") is None
    assert common_start(["img_01", "img_02", "im"]) == "im"
