"""Every rule of the schema against values that fit and others."""

from __future__ import annotations

import copy

import pytest

from paddleseg_u2net.config import schema
from paddleseg_u2net.config.settings import DICTIONARY, top_rules

TREE = {
    "batch_size": 1,
    "iters": 1,
    "model": {},
    "train_dataset": {},
    "optimizer": {},
    "lr_scheduler": {},
    "loss": {"types": [{}]},
}
# Section, key, values that fit, values that do not. Sizes are pixels: 0.5 would be rounded to none.
PAIR = ([[1, 1], (1, 2)], [[0, 1], [1], [0.5, 1], "1"])
FLAG = ([True], [1, "1"])
RULES = [
    ("", "batch_size", [1], [0, True, 0.5, "1", None]),
    ("", "iters", [1], [0, "1"]),
    ("", "metrics", [["mIoU"]], [[], "mIoU", [1]]),
    ("", "plugins", [["a"], []], ["a", [1]]),
    ("trainer", "best_metric", ["a"], [1]),
    ("trainer", "early_stop", [0, 2], [-1, 0.5]),
    ("trainer", "accumulate", [1], [0]),
    ("trainer", "ema_decay", [0, 0.5, 1], [-1, 2, float("nan"), True, "1"]),
    ("trainer", "vdl_images", [0], [-1]),
    ("trainer", "freeze", [["a"], []], ["a"]),
    ("preprocess", "type", ["a"], [1]),
    ("preprocess", "size", [*PAIR[0], None], PAIR[1]),
    ("preprocess", "mean", [[0.5], [-1, 0]], [0.5, [], ["1"], [float("nan")], [True]]),
    ("preprocess", "std", [[0.5]], [[0], [-1], 1]),
    ("test_config", "batch_size", [1], [0]),
    ("test_config", "aug_eval", *FLAG),
    ("test_config", "scales", [1, 0.5, [0.5, 1]], [0, [], [0], "1", True]),
    ("test_config", "flip_horizontal", *FLAG),
    ("test_config", "flip_vertical", *FLAG),
    ("test_config", "is_slide", *FLAG),
    ("test_config", "crop_size", [*PAIR[0], None], PAIR[1]),
    ("test_config", "stride", [*PAIR[0], None], PAIR[1]),
    ("loss", "coef", [1, 0.5, [1], [0, -1]], ["1", True, [], ["1"]]),
    ("loss", "types", [[{}]], [None, [], {}, {"type": "DeepSupervisionLoss"}]),
]
DICTIONARIES = [key for key, rule in top_rules().items() if rule is DICTIONARY]


def check_keys(tree):
    faults = []
    schema.check_keys(tree, faults)
    return faults


@pytest.mark.parametrize(("section", "key", "fitting", "wrong"), RULES)
def test_values_of_the_kind_are_taken_and_others_refused(section, key, fitting, wrong):
    tree = copy.deepcopy(TREE)
    own = tree.setdefault(section, {}) if section else tree
    for value in fitting:
        own[key] = value
        assert check_keys(tree) == []
    for value in wrong:
        own[key] = value
        (fault,) = check_keys(tree)
        assert fault.startswith(f"{section}.{key}: expected ".lstrip(".")) and ", got " in fault


@pytest.mark.parametrize("key", DICTIONARIES)
def test_a_section_that_is_no_dictionary_is_refused(key):
    for value in (None, "text"):
        (fault,) = check_keys({**TREE, key: value})
        assert fault.startswith(f"{key}: expected a dictionary, got ")


@pytest.mark.parametrize("key", schema.REQUIRED)
def test_a_required_key_that_is_missing_is_named(key):
    tree = {name: value for name, value in TREE.items() if name != key}
    assert check_keys(tree) == [f"{key}: this key is missing; training needs it"]


@pytest.mark.parametrize(
    ("lengths", "fault"),
    [
        ({"iters": 4, "epochs": 2}, "iters, epochs: both say how long to train; keep one of"),
        ({}, "iters: this key is missing; training needs it, or epochs instead"),
        ({"iters": None, "epochs": None}, "iters: this key is missing"),
        ({"epochs": 0}, "epochs: expected a whole number of 1 or more, or null, got 0"),
        ({"epochs": 1.5}, "epochs: expected a whole number"),
        ({"epochs": 3}, None),
        ({"epochs": 3, "iters": None}, None),
    ],
)
def test_training_is_as_long_as_one_of_two_keys_says(lengths, fault):
    tree = {**TREE, "iters": None, **lengths}
    found = check_keys(tree)
    assert [text[: len(fault)] for text in found] == [fault] if fault else found == []
