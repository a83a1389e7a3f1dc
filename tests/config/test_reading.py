"""YAML files over their bases, and `--opts` over both: order, merging, and every broken file."""

from __future__ import annotations

import pytest

from paddleseg_u2net.config import reading
from paddleseg_u2net.config.reading import ConfigError, apply_opts, read_yaml


def write(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return folder / f"{next(iter(texts))}.yml"


def test_a_later_base_wins_over_an_earlier_one(tmp_path):
    path = write(tmp_path, top="_base_: [a.yml, b.yml]", a="iters: 1\nbatch_size: 7", b="iters: 2")
    assert read_yaml(path) == {"iters": 2, "batch_size": 7}


def test_bases_are_relative_to_the_file_that_names_them(tmp_path):
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep", middle="_base_: ../ground.yml\nb: 2")
    path = write(tmp_path, top="_base_: deep/middle.yml\nc: 3", ground="a: 1\nb: 1\nc: 1")
    assert read_yaml(path) == {"a": 1, "b": 2, "c": 3}


def test_two_bases_may_share_a_base(tmp_path):
    path = write(
        tmp_path,
        top="_base_: [a.yml, b.yml]",
        a="_base_: ground.yml\na: 1",
        b="_base_: ground.yml\nb: 1",
        ground="g: 1",
    )
    assert read_yaml(path) == {"g": 1, "a": 1, "b": 1}


def test_a_base_of_many_files_is_read_once(tmp_path, monkeypatch):
    for level in range(12):
        write(tmp_path, **{f"a{level}": f"_base_: [a{level + 1}.yml, a{level + 1}.yml]"})
    write(tmp_path, a12="g: 1")
    read, read_file = [], reading.read_yaml_file
    monkeypatch.setattr(
        reading, "read_yaml_file", lambda path, *more: read.append(path) or read_file(path, *more)
    )
    assert read_yaml(tmp_path / "a0.yml") == {"g": 1} and len(read) == 13


def test_dictionaries_are_merged_and_lists_replaced(tmp_path):
    path = write(
        tmp_path,
        top="_base_: a.yml\nx: {y: {new: 1, both: 1}, list: [9]}",
        a="x: {y: {old: 0, both: 0}, list: [1, 2, 3], other: 0}",
    )
    assert read_yaml(path) == {"x": {"y": {"new": 1, "both": 1, "old": 0}, "list": [9], "other": 0}}


def test_inherited_false_drops_what_lies_below(tmp_path):
    path = write(
        tmp_path,
        top="_base_: a.yml\nx: {_inherited_: False, new: 1}\ny: {new: 1}",
        a="x: {old: 0}\ny: {old: 0}",
    )
    assert read_yaml(path) == {"x": {"new": 1}, "y": {"old": 0, "new": 1}}


def test_another_type_drops_the_old_arguments(tmp_path):
    path = write(
        tmp_path,
        top="_base_: a.yml\nx: {type: B, new: 1}\ny: {type: A, new: 1}\nz: {new: 1}",
        a="x: {type: A, old: 0}\ny: {type: A, old: 0}\nz: {type: A, old: 0}",
    )
    assert read_yaml(path) == {
        "x": {"type": "B", "new": 1},
        "y": {"type": "A", "old": 0, "new": 1},
        "z": {"type": "A", "old": 0, "new": 1},
    }


def test_a_missing_file_is_named_with_who_asked_for_it(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yml.*no such configuration file"):
        read_yaml(tmp_path / "nowhere.yml")
    path = write(tmp_path, top="_base_: a.yml", a="_base_: nowhere.yml")
    with pytest.raises(ConfigError, match=r"nowhere\.yml.*the _base_ of .*a\.yml"):
        read_yaml(path)


@pytest.mark.parametrize(
    "texts",
    [
        {"top": "_base_: a.yml", "a": "_base_: b.yml", "b": "_base_: a.yml"},
        {"top": "_base_: ./a.yml", "a": "_base_: ../{folder}/top.yml"},
    ],
)
def test_a_circle_of_bases_is_refused(tmp_path, texts):
    texts = {name: text.format(folder=tmp_path.name) for name, text in texts.items()}
    with pytest.raises(ConfigError, match="circle"):
        read_yaml(write(tmp_path, **texts))


def test_a_chain_without_end_is_refused(tmp_path):
    write(tmp_path, **{f"a{level}": f"_base_: a{level + 1}.yml" for level in range(99)})
    with pytest.raises(ConfigError, match=r"a65\.yml .*a chain of more than 64"):
        read_yaml(tmp_path / "a0.yml")


@pytest.mark.parametrize("text", ["a: [1, 2", "a: b: c", "\tx: 1", "a: !!python/name:os.system"])
def test_what_is_not_yaml_is_refused_with_the_file(tmp_path, text):
    with pytest.raises(ConfigError, match=r"top\.yml: this is not YAML"):
        read_yaml(write(tmp_path, top=text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("iters: 1\nmodel: {}\niters: 2\n", "line 3: the key iters stands in line 1 already"),
        ("model:\n  type: A\n  type: B\n", "line 3: the key type stands in line 2 already"),
        ("a: [{b: 1, 'b': 2}]\n", "line 1: the key b stands in line 1 already"),
        ("model:\n\ttype: A\n", r"line 2: .*'\\t'.*; indent with spaces"),
    ],
)
def test_a_key_that_stands_twice_and_a_tab_are_refused(tmp_path, text, words):
    (tmp_path / "a.yml").write_text(text)
    with pytest.raises(ConfigError, match=rf"a\.yml: this is not YAML: {words}"):
        read_yaml(tmp_path / "a.yml")


def test_a_key_over_one_that_is_merged_in_is_none_twice(tmp_path):
    (tmp_path / "a.yml").write_text(
        "a: &a {b: 1, c: 1}\nd: {<<: *a, b: 2}\ne: [*a, {<<: *a}]\n1: x\n'1': y\n"
    )
    assert read_yaml(tmp_path / "a.yml")["d"] == {"b": 2, "c": 1}


@pytest.mark.parametrize(("text", "kind"), [("", "NoneType"), ("- 1", "list"), ("word", "str")])
def test_what_is_not_a_dictionary_is_refused(tmp_path, text, kind):
    with pytest.raises(ConfigError, match=rf"top\.yml: expected `key: value` lines, got {kind}"):
        read_yaml(write(tmp_path, top=text))


@pytest.mark.parametrize("value", ["", "5", "{a: b}", "[5]"])
def test_a_base_that_names_no_file_is_a_configuration_error(tmp_path, value):
    with pytest.raises(ConfigError):
        read_yaml(write(tmp_path, top=f"_base_: {value}\niters: 1"))


@pytest.mark.parametrize(("text", "value"), [("1e-3", 1e-3), ("-2.5e+3", -2.5e3), ("1.e2", 100.0)])
def test_numbers_with_an_exponent_are_numbers(tmp_path, text, value):
    read = read_yaml(write(tmp_path, top=f"a: {text}"))["a"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("text", ["1e-3x", "e-3", "4F", "'1e-3'"])
def test_what_only_looks_like_a_number_stays_text(tmp_path, text):
    assert read_yaml(write(tmp_path, top=f"a: {text}"))["a"] == text.strip("'")


@pytest.mark.parametrize(
    ("item", "key", "value"),
    [
        ("a=0.75,1.0", "a", [0.75, 1.0]),
        ("a=(256, 256)", "a", [256, 256]),
        ("a=None", "a", None),
        ("a=1e-3", "a", 1e-3),
        ("a=U2NetP", "a", "U2NetP"),
        ("a=data/[1", "a", "data/[1"),
        ("a=x=y", "a", "x=y"),
        ("a='1e-3'", "a", "1e-3"),
        ("a={0: 0, 38: 1}", "a", {0: 0, 38: 1}),
        ("a=2026-99-99", "a", "2026-99-99"),
    ],
)
def test_values_of_opts(item, key, value):
    read = apply_opts({}, [item])[key]
    assert (read, type(read)) == (value, type(value))


def test_opts_reach_into_dictionaries_and_lists_by_index():
    tree = {"train_dataset": {"transforms": [{"type": "Resize", "target_size": [1, 1]}, {}]}}
    changed = apply_opts(
        tree,
        [
            "train_dataset.transforms.0.target_size=8,6",
            "train_dataset.transforms.0.target_size.1=5",
            "train_dataset.transforms.1={type: RandomDistort}",
        ],
    )
    assert changed["train_dataset"]["transforms"] == [
        {"type": "Resize", "target_size": [8, 5]},
        {"type": "RandomDistort"},
    ]


@pytest.mark.parametrize("item", ["a", "", "=1", "a:1"])
def test_an_item_without_key_or_equals_sign_is_refused(item):
    with pytest.raises(ConfigError, match=r"--opts: expected key=value .*got"):
        apply_opts({}, [item])


@pytest.mark.parametrize(
    "key", ["iters.x", "iters.x.y", "nothing.x", "list.5.x", "list.first.x", "list.0.x.y", "list.2"]
)
def test_a_key_that_leads_nowhere_is_refused(key):
    tree = {"iters": 1, "nothing": None, "list": [{"x": 1}]}
    with pytest.raises(ConfigError, match=f"--opts {key}: there is no such place"):
        apply_opts(tree, [f"{key}=1"])


def test_a_length_of_training_overrides_the_other_way_to_say_it(tmp_path):
    (tmp_path / "base.yml").write_text("iters: 10\nmodel: {iters: 1}")
    (tmp_path / "mine.yml").write_text("_base_: base.yml\nepochs: 3")
    (tmp_path / "back.yml").write_text("_base_: mine.yml\niters: 7")
    assert read_yaml(tmp_path / "mine.yml") == {"model": {"iters": 1}, "epochs": 3}
    assert read_yaml(tmp_path / "back.yml") == {"model": {"iters": 1}, "iters": 7}
    assert apply_opts({"iters": 7}, ["epochs=2"]) == {"epochs": 2}
    assert apply_opts({"epochs": 7}, ["iters=2", "a.epochs=1"]) == {"iters": 2, "a": {"epochs": 1}}
    # both at once is left to be refused
    assert apply_opts({}, ["iters=2", "epochs=1"]) == {"iters": 2, "epochs": 1}
