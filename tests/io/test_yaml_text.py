"""YAML of anybody's: what is read, and what would be read for ever or is broken in its tags."""

from __future__ import annotations

import time

import pytest
import yaml

from paddleseg_u2net.config.reading import ConfigError, apply_opts, read_yaml
from paddleseg_u2net.data_tools.annotations.sample import AnnotationError
from paddleseg_u2net.data_tools.formats.yolo_layout import find_layout
from paddleseg_u2net.evaluation.plan import PlanError, from_yaml
from paddleseg_u2net.io.yaml_text import YamlError, load_yaml, read_yaml_file

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi")
)
MERGES = "a: &a {x: 1, y: 2}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 10)}]}}\n"
    for old, new in zip("abcdefgh", "bcdefghi")
)
# Each alias is one level below the list that it stands in.
STAIRS = "a0: &a0 []\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 300))
DEEP = "a: " + "[" * 20_000 + "]" * 20_000
REFUSED = {
    "flow": (DEEP, "line 1: nested deeper than 64 levels"),
    "dictionaries": ("{a: " * 3000 + "1" + "}" * 3000, "line 1: nested deeper"),
    "block": ("- " * 3000 + "x", "line 1: nested deeper"),
    "stairs": (STAIRS, "line 6[0-9]: nested deeper"),
    "itself": ("x: 1\na: &a [1, *a]", r"line 2: \*a stands inside of what it names"),
    "laughs": (LAUGHS, "line 5: .*aliases stand for more than 100,000 values"),
    "merges": (MERGES, "line [67]: .*aliases stand for more than 100,000 values"),
    "large": ("# " + "x" * 2**20, "expected at most 1048576 bytes"),
    "unclosed": ("a: [1", "line 1: while parsing a flow sequence, expected ',' or ']'"),
    "no such alias": ("a: *b", "undefined alias 'b'"),
    "tag": ("a: !!python/object:os.system {}", "could not determine a constructor"),
    "empty number": ("a: !!int ''", "a value cannot be read"),
    "no date": ("a: 2020-02-31", "a value cannot be read"),
    "sixties": (f"a: {'1:' * 400}1.5", "a value cannot be read"),
    "list as a key": ("? [1]\n: 1", "found unhashable key"),
}


@pytest.mark.parametrize("text, reason", REFUSED.values(), ids=REFUSED)
def test_a_text_that_cannot_be_used_is_refused_in_time(text, reason):
    start = time.process_time()
    with pytest.raises(YamlError, match=reason) as caught:
        load_yaml(text)
    assert "\n" not in str(caught.value)
    assert time.process_time() - start < 5  # a bound for hanging, not a measure


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: &a {x: [1, {y: 2}]}\nb: *a\nc: {<<: *a, z: 3}",
        "base: &b [1, 2]\nmore: [*b, *b, {k: *b}]",
        "&k key: *k",
        "[" * 64 + "]" * 64,
    ],
)
def test_everything_else_is_what_pyyaml_reads(text):
    try:
        expected = yaml.safe_load(text)
    except yaml.YAMLError:
        with pytest.raises(YamlError):
            load_yaml(text)
    else:
        assert load_yaml(text) == load_yaml(text.encode()) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_have_a_mark_of_its_encoding(tmp_path, encoding):
    (tmp_path / "a.yml").write_text("grün: é", encoding=encoding)
    assert read_yaml_file(tmp_path / "a.yml") == {"grün": "é"}
    (tmp_path / "b.yml").write_bytes("grün".encode("latin-1"))
    with pytest.raises(YamlError, match="position 2 is no text in UTF-8"):
        read_yaml_file(tmp_path / "b.yml")


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: !!int ''"])
@pytest.mark.parametrize(
    "read, error",
    [(read_yaml, ConfigError), (from_yaml, PlanError), (find_layout, AnnotationError)],
)
def test_every_reader_of_files_names_the_file(tmp_path, read, error, text):
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(error, match=r"data\.yaml"):
        read(tmp_path / "data.yaml")


@pytest.mark.parametrize(
    "value", ["[" * 3000, "-" * 5000 + "1", "(" * 3000, "{[1]: 2}", "&a [*a]", "!!int ''"]
)
def test_a_value_of_opts_that_cannot_be_read_is_its_text(value):
    assert apply_opts({}, [f"key={value}"]) == {"key": value}
