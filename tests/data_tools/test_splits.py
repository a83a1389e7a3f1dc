"""Parts of a data set: complete, apart, balanced, and the same everywhere."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.data_tools.splits import PARTS, Item, SplitError, folds, split

ROOT = Path(__file__).resolve().parents[2]

shares = st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.4])


def drawn(count, seed=0, groups=0):
    rng = random.Random(seed)
    items = []
    for number in range(count):
        share = 0.0 if rng.random() < 0.15 else rng.random() ** 3
        group = f"g{rng.randrange(groups)}" if groups else ""
        items.append(Item(f"{seed}/image {number}", share, int(share > 0), group))
    return items


@st.composite
def collections(draw):
    count = draw(st.integers(6, 60))
    groups = draw(st.integers(3, 20))
    return [
        Item(
            f"n{number}",
            draw(st.sampled_from([0.0, 0.01, 0.2, 0.5, 1.0])),
            draw(st.integers(0, 3)),
            # The first ones make sure that there are enough units.
            "" if number < 3 else draw(st.sampled_from(["", f"g{number % groups}"])),
        )
        for number in range(count)
    ]


def sizes(parts):
    return {part: len(names) for part, names in parts.items()}


@given(collections(), shares, shares, st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_parts_are_a_partition_that_keeps_groups_together(items, val, test, seed):
    parts = split(items, val, test, seed)
    assert tuple(parts) == PARTS
    assert sorted(itertools.chain(*parts.values())) == sorted(item.name for item in items)
    assert all(names == sorted(names) for names in parts.values())
    part_of = {name: part for part, names in parts.items() for name in names}
    for item in items:
        others = [other for other in items if other.group == item.group != ""]
        assert all(part_of[other.name] == part_of[item.name] for other in others)
    assert parts["train"]
    assert bool(parts["val"]) == (val > 0) and bool(parts["test"]) == (test > 0)


@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=9), st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9])
)
@settings(max_examples=150, deadline=None)
def test_no_choice_of_groups_comes_nearer_to_the_size(groups, share):
    items = [
        Item(f"{group}/{number}", 0.1, 1, f"g{group}")
        for group, size in enumerate(groups)
        for number in range(size)
    ]
    size = max(1, int(share * len(items) + 0.5))
    possible = [
        sum(some)
        for count in range(1, len(groups))  # one has to be left to train on
        for some in itertools.combinations(groups, count)
    ]
    best = min(abs(total - size) for total in possible)
    assert abs(len(split(items, share)["val"]) - size) == best


@pytest.mark.parametrize("groups", [0, 150])
def test_every_stratum_is_in_every_part(groups):
    items = drawn(600, seed=4, groups=0)
    if groups:  # pairs of about equal content, as frames of a video are
        items = [
            Item(item.name, items[n - n % 2].share, items[n - n % 2].classes, f"g{n // 2}")
            for n, item in enumerate(items)
        ]
    parts = split(items, 0.2, 0.1)
    ordered = sorted((item for item in items if item.share), key=lambda item: item.share)
    strata = [[item for item in items if not item.share]]
    strata += [ordered[k * len(ordered) // 5 : (k + 1) * len(ordered) // 5] for k in range(5)]
    for part, share in (("train", 0.7), ("val", 0.2), ("test", 0.1)):
        for stratum in strata:
            found = len({item.name for item in stratum} & set(parts[part]))
            assert abs(found - share * len(stratum)) <= (6 if groups else 3), (part, share)


@pytest.mark.parametrize("of_group", [1, 5])
@pytest.mark.parametrize("count, moved", [(300, 0.03), (2000, 0.015)])
def test_added_images_move_few_others(count, moved, of_group):
    items = [
        Item(item.name, item.share, item.classes, f"g{n // of_group}")
        for n, item in enumerate(drawn(count + count // 10, seed=2))
    ]
    before, after = split(items[:count], 0.1), split(items, 0.1)
    old = {item.name for item in items[:count]}
    changed = (set(before["val"]) ^ set(after["val"])) & old
    # Groups move as a whole.
    assert len(changed) <= moved * count * of_group**0.5


def test_it_is_the_same_in_every_process_and_on_every_system():
    program = (
        "import json, random\n"
        "from paddleseg_u2net.data_tools.splits import Item, split\n"
        "random.seed()\n"
        "items = [Item(f'Bär {n}', (n % 7) / 9, 1, f'g{n % 40}' if n % 3 else '') "
        "for n in range(90)]\n"
        "random.shuffle(items)\n"
        "print(json.dumps(split(items, .2, .1, 5)))\n"
    )
    found = set()
    for hash_seed in ("0", "1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", program]
        run = subprocess.run(command, env=environment, capture_output=True, check=True)
        found.add(run.stdout)
    assert len(found) == 1
    # The very names, so that a change of the method is noticed.
    items = [Item(f"{n}", n / 20) for n in range(20)]
    assert split(items, 0.2, 0.1)["val"] == KNOWN
    assert len(json.loads(found.pop())["val"]) == 18


KNOWN = ["10", "15", "5", "8"]


def test_accents_may_be_stored_in_either_way():
    composed = [Item(unicodedata.normalize("NFC", f"Bär{n}"), n / 50) for n in range(50)]
    apart = [Item(unicodedata.normalize("NFD", item.name), item.share) for item in composed]
    assert [
        unicodedata.normalize("NFC", name) for name in split(apart, 0.2)["val"]
    ] == split(composed, 0.2)["val"]  # fmt: skip


def test_own_parts_stay():
    items = [Item(str(n), 0.1, split=PARTS[n % 3]) for n in range(9)]
    parts = split(items, 0.5, 0.0)
    assert parts == {part: [str(n) for n in range(9) if PARTS[n % 3] == part] for part in PARTS}


def test_images_without_a_part_fill_up_what_is_wanted():
    items = [Item(f"own{n}", 0.1, split="val") for n in range(10)]
    items += [Item(f"free{n}", 0.1) for n in range(90)]
    assert sizes(split(items, 0.1, 0.2)) == {"train": 70, "val": 10, "test": 20}
    assert sizes(split(items, 0.25)) == {"train": 75, "val": 25, "test": 0}
    assert sizes(split(items, 0.05)) == {"train": 90, "val": 10, "test": 0}


def test_a_group_follows_those_of_its_images_that_have_a_part():
    items = [Item("a", 0.1, 1, "g", "val"), Item("b", 0.1, 1, "g"), Item("c", 0.1)]
    assert split(items, 0.1) == {"train": ["c"], "val": ["a", "b"], "test": []}


def test_a_group_in_two_parts_is_an_error():
    items = [Item("a", 0.1, 1, "patient 7", "val"), Item("b", 0.1, 1, "patient 7", "train")]
    with pytest.raises(SplitError, match=r"group patient 7: .* in train and val; .*--resplit"):
        split(items, 0.1)


@pytest.mark.parametrize("val, test", [(1, 0), (-0.1, 0), (0, 1.5), (float("nan"), 0), (0.6, 0.4)])
def test_shares_that_are_none(val, test):
    with pytest.raises(SplitError, match=r"_share.*(expected 0 or more|leaves nothing)"):
        split(drawn(20), val, test)


def test_too_few_images():
    with pytest.raises(SplitError, match="1 images cannot be divided into train, val: at least 2"):
        split(drawn(1), 0.1)
    with pytest.raises(SplitError, match="train, val, test: at least 3"):
        split(drawn(2), 0.1, 0.1)
    assert split(drawn(1), 0) == {"train": ["0/image 0"], "val": [], "test": []}
    with pytest.raises(SplitError, match="no images"):
        split([], 0.1)


@given(collections(), st.integers(2, 3), st.sampled_from([0.0, 0.1]), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_folds_are_a_partition_that_keeps_groups_together(items, count, test, seed):
    try:
        parted, tested = folds(items, count, test, seed)
    except SplitError as error:  # three units are all that is sure
        assert test and "cannot be divided into" in str(error)
        return
    assert len(parted) == count and all(parted)
    assert bool(tested) == bool(test)
    assert sorted([*tested, *itertools.chain(*parted)]) == sorted(item.name for item in items)
    place = {name: number for number, names in enumerate([tested, *parted]) for name in names}
    for group in {item.group for item in items} - {""}:
        assert len({place[item.name] for item in items if item.group == group}) == 1
    # in any order
    assert folds(reversed(items), count, test, seed) == (parted, tested)


def test_folds_are_as_equal_as_can_be_and_fair_samples():
    items = drawn(503, seed=3)
    parted, tested = folds(items, 5)
    assert sorted(map(len, parted)) == [100, 100, 101, 101, 101] and not tested
    share = {item.name: item.share for item in items}

    def spread(parted):
        means = [sum(share[name] for name in names) / len(names) for names in parted]
        empty = [sum(not share[name] for name in names) for names in parted]
        return max(means) - min(means), max(empty) - min(empty)

    names, rng, by_chance = sorted(share), random.Random(0), []
    for _ in range(100):
        rng.shuffle(names)
        by_chance.append(spread([names[start::5] for start in range(5)]))
    for own, others in zip(spread(parted), zip(*by_chance)):
        assert own < 0.5 * sum(others) / len(others)
    # what is validated on without folds is the first one
    assert folds(drawn(500), 5)[0][0] == split(drawn(500), 0.2)["val"]
    assert folds(items, 5, seed=1)[0] != parted


def test_folds_of_groups_are_of_like_size():
    items = drawn(300, seed=1, groups=40)
    counts = [len(names) for names in folds(items, 4)[0]]
    assert sum(counts) == 300 and max(counts) - min(counts) <= 2


def test_a_source_keeps_its_testing_part_beside_folds():
    items = [Item(f"n{n}", 0.1, split=("train", "val", "test")[n % 3]) for n in range(30)]
    parted, tested = folds(items, 5)
    assert tested == sorted(item.name for item in items if item.split == "test")
    assert [len(names) for names in parted] == [4] * 5
    mixed = [Item("a", 0.1, group="g", split="val"), Item("b", 0.1, group="g", split="test")]
    with pytest.raises(SplitError, match="group g: its images have to stay together"):
        folds([*mixed, *items], 2)


def test_more_folds_than_images_are_refused():
    with pytest.raises(SplitError, match="folds: 4 images cannot be divided into 5; ask for fewer"):
        folds(drawn(4), 5)
    with pytest.raises(SplitError, match="folds: 2 groups cannot be divided into 3"):
        folds([Item(f"n{n}", 0.1, group=f"g{n % 2}") for n in range(9)], 3)
