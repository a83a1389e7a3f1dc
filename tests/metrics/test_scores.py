"""Names of scores, as people and other toolboxes write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from paddleseg_u2net.metrics import FAMILIES, SCORES
from paddleseg_u2net.metrics.scores import chosen, resolve, table


@pytest.mark.parametrize("name", [*SCORES, *FAMILIES, "all"])
def test_every_name_in_any_case(name):
    assert resolve(name) == resolve(name.lower()) == resolve(name.upper()) == name


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("mae", "MAE"),
        ("M", "MAE"),
        ("Sm", "S"),
        ("S\u03b1", "S"),
        ("S-measure", "S"),
        ("max Fm", "maxF"),
        ("Fβmax", "maxF"),
        ("Fβ^w", "wF"),
        ("wFm", "wF"),
        ("mean-Em", "meanE"),
        ("E_max", "maxE"),
        ("adaptive F", "adpF"),
        ("relaxF_b", "relaxF"),
        ("Boundary IoU", "BIoU"),
    ],
)
def test_names_of_papers_and_toolboxes(name, key):
    assert resolve(name) == key
    assert [score.key for score in chosen([name])] == [key]


@pytest.mark.parametrize("name", ["F", "Fm", "f-measure", "Fβ", "E", "Em", "Eξ", "IoU"])
def test_names_that_say_too_little(name):
    with pytest.raises(ValueError, match="may be any one of these scores: m"):
        resolve(name)


def test_the_documentation_has_the_table_of_scores():
    page = (Path(__file__).resolve().parents[2] / "docs/metrics.md").read_text("utf-8")
    assert f"\n{table()}\n" in page, "write it anew with `make pages`"
