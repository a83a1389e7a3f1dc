"""Names of scores, as people and other toolboxes write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from paddleseg_u2net.metrics import FAMILIES, SCORES
from paddleseg_u2net.metrics.scores import chosen, resolve


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


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_the_documentation_has_a_row_of_every_score(score):
    page = (Path(__file__).resolve().parents[2] / "docs/metrics.md").read_text("utf-8")
    better = "" if score.higher_is_better else ", lower is better"
    assert f"\n| `{score.key}` | {score.family} | {score.meaning}{better}" in page
