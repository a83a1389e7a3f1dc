"""Every rule of the schema against values of every other kind, and arguments of components."""

from __future__ import annotations

import copy

import pytest

from paddleseg_u2net.config import schema
from paddleseg_u2net.config.reading import ConfigError
from paddleseg_u2net.config.schema import Faults, nearest
from paddleseg_u2net.config.settings import DICTIONARY, SECTIONS, rules_of, top_rules

TREE = {
    "batch_size": 1,
    "iters": 1,
    "model": {},
    "train_dataset": {},
    "optimizer": {},
    "lr_scheduler": {},
    "loss": {"types": [{}]},
}
VALUES = {
    "text": "1",
    "null": None,
    "flag": True,
    "minus": -1,
    "nought": 0,
    "one": 1,
    "half": 0.5,
    "two": 2,
    "nan": float("nan"),
    "list": [1, 1],
    "list of one": [1],
    "list of halves": [0.5, 0.5],
    "list of noughts": [0, 0],
    "list of negatives": [-1, -1],
    "list of texts": ["1", "1"],
    "list of flags": [True, True],
    "list of nan": [float("nan")] * 2,
    "tuple": (1, 1),
    "empty list": [],
    "dictionary": {},
}
NUMBER_LISTS = {"list", "list of one", "list of halves", "tuple"}
POSITIVE_PAIRS = {"list", "tuple"}
OR_ZERO_OR_LESS = {"list of noughts", "list of negatives"}
# Section, key, and the values above that fit; every other one must be refused.
# Sizes are pixels: 0.5 would be rounded to none.
RULES = [
    ("", "batch_size", {"one", "two"}),
    ("", "iters", {"one", "two"}),
    ("", "metrics", {"list of texts"}),
    ("", "plugins", {"list of texts", "empty list"}),
    ("trainer", "best_metric", {"text"}),
    ("trainer", "early_stop", {"nought", "one", "two"}),
    ("trainer", "accumulate", {"one", "two"}),
    ("trainer", "ema_decay", {"nought", "one", "half"}),
    ("trainer", "vdl_images", {"nought", "one", "two"}),
    ("trainer", "freeze", {"list of texts", "empty list"}),
    ("preprocess", "type", {"text"}),
    ("preprocess", "size", POSITIVE_PAIRS | {"null"}),
    ("preprocess", "mean", NUMBER_LISTS | OR_ZERO_OR_LESS),
    ("preprocess", "std", NUMBER_LISTS),
    ("test_config", "batch_size", {"one", "two"}),
    ("test_config", "aug_eval", {"flag"}),
    ("test_config", "scales", NUMBER_LISTS | {"one", "half", "two"}),
    ("test_config", "flip_horizontal", {"flag"}),
    ("test_config", "flip_vertical", {"flag"}),
    ("test_config", "is_slide", {"flag"}),
    ("test_config", "crop_size", POSITIVE_PAIRS | {"null"}),
    ("test_config", "stride", POSITIVE_PAIRS | {"null"}),
    ("loss", "coef", NUMBER_LISTS | OR_ZERO_OR_LESS),
]
DICTIONARIES = [key for key, rule in top_rules().items() if rule is DICTIONARY]


def check_tree(tree):
    faults = Faults()
    schema.check_tree(tree, faults)
    faults.refuse()


def check_arguments(*arguments):
    faults = Faults()
    schema.check_arguments(*arguments, faults)
    faults.refuse()


def tree_with(section, key, value):
    tree = copy.deepcopy(TREE)
    (tree.setdefault(section, {}) if section else tree)[key] = value
    return tree


def test_the_rules_below_are_all_there_are():
    sections = {"": top_rules()}
    for key in ("trainer", "preprocess", "test_config", "loss"):
        sections[key] = rules_of(SECTIONS[key])
    existing = {(section, key) for section, rules in sections.items() for key in rules}
    tested = {(section, key) for section, key, _ in RULES}
    assert existing == tested | {("", key) for key in DICTIONARIES} | {("loss", "types")}


@pytest.mark.parametrize(("section", "key", "fitting"), RULES)
def test_values_of_the_kind_are_taken_and_others_refused(section, key, fitting):
    where = f"{section}.{key}" if section else key
    for name, value in VALUES.items():
        tree = tree_with(section, key, value)
        if name in fitting:
            check_tree(tree)
            continue
        with pytest.raises(ConfigError, match=f"^{where}: expected .*, got "):
            check_tree(tree)


@pytest.mark.parametrize("key", DICTIONARIES)
def test_a_section_that_is_no_dictionary_is_refused(key):
    for value in (None, "text", 1, [], True):
        with pytest.raises(ConfigError, match=f"^{key}: expected a dictionary, got "):
            check_tree({**TREE, key: value})


@pytest.mark.parametrize("value", [None, "text", 1, [], {}, {"type": "DeepSupervisionLoss"}])
def test_loss_types_that_are_no_list_are_refused(value):
    with pytest.raises(ConfigError, match=r"^loss\.types: expected a list of dictionaries"):
        check_tree(tree_with("loss", "types", value))


@pytest.mark.parametrize("key", schema.REQUIRED)
def test_a_required_key_that_is_missing_is_named(key):
    tree = {name: value for name, value in TREE.items() if name != key}
    with pytest.raises(ConfigError, match=f"^{key}: this key is missing"):
        check_tree(tree)


# ---------------------------------------------------------------- components' arguments


class Component:
    def __init__(self, needed, number=1, real=0.5, flag=False, free=None):
        pass


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"nubmer": 1}, r"^x\.nubmer: there is no such key; did you mean number\?"),
        ({"zzzzzz": 1}, "known: flag, free, needed, number, real"),
        ({"number": "1e-3x"}, r"^x\.number: expected a number, got the text '1e-3x'"),
        ({"real": "1"}, r"^x\.real: expected a number, got the text '1'"),
    ],
)
def test_arguments_of_a_component_are_checked(arguments, words):
    check_arguments("x", Component, {"needed": 1, "number": 2, "flag": 5})
    with pytest.raises(ConfigError, match=words):
        check_arguments("x", Component, {"needed": 1, **arguments})
    with pytest.raises(ConfigError, match=r"^x\.needed: this key is missing; Component needs it"):
        check_arguments("x", Component, {})


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("Rezise", "did you mean Resize?"),
        ("RESIZE", "did you mean Resize?"),
        ("q", "known: RandomCrop, Resize"),
        (5, "known: RandomCrop, Resize"),
    ],
)
def test_nearest(name, answer):
    assert nearest(name, ["Resize", "RandomCrop"]) == answer
