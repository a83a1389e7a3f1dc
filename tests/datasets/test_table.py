"""The table of data sets: configurations and pages fit its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)
from paddleseg_u2net.config.reading import read_yaml
from paddleseg_u2net.datasets import TABLE, PairDataset, PairingError

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs/RGB/U2Net"


def test_an_unknown_row_is_an_error_that_names_all():
    with pytest.raises(PairingError, match=r"name: expected one of optic_disc_seg, .*got 'dust'"):
        PairDataset("train", name="dust")


def test_configurations_use_every_row_by_both_models():
    for name, row in TABLE.items():
        if not row.config:
            continue
        assert row.config.startswith("u2netp")
        for config in (row.config, row.config.replace("u2netp", "u2net", 1)):
            tree = read_yaml(CONFIGS / config)
            assert tree["val_dataset"]["name"] == name
            assert ("train_dataset" in tree) == ("train" in row.splits)


@pytest.mark.parametrize("name", TABLE)
def test_files_that_a_page_names_are_there(name):
    page = (ROOT / "docs" / "data" / f"{name}.md").read_text(encoding="utf-8")
    for word in page.replace("`", " ").split():
        if word.startswith(("configs/", "benchmark_data_prepare/")):
            assert (ROOT / word.rstrip(".,;")).is_file(), word
