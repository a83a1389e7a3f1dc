"""The page of each data set says what the table says."""

from pathlib import Path

import pytest

from paddleseg_u2net.datasets import TABLE

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", TABLE)
def test_files_that_a_page_names_are_there(name):
    page = (DOCS / "data" / f"{name}.md").read_text(encoding="utf-8")
    for word in page.replace("`", " ").split():
        if word.startswith(("configs/", "benchmark_data_prepare/")):
            assert (ROOT / word.rstrip(".,;")).is_file(), word
