"""The page of each data set says what the table says."""

from pathlib import Path

import pytest

from paddleseg_u2net.datasets import TABLE

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", TABLE)
def test_page(name):
    row, page = TABLE[name], (DOCS / "data" / f"{name}.md").read_text(encoding="utf-8")
    facts = [row.title, row.licence or "none is stated", row.cite, row.homepage, row.config]
    facts += [f"{part} {split.pairs:,}" for part, split in row.splits.items()]
    facts += [", ".join(row.classes), f"prepare.py {name}"]
    facts.append(f"about {row.megabytes:,} MB" if row.megabytes else "| unknown |")
    if not row.fetchable:
        facts.append("--archive FILE")
    words = " ".join(page.split())
    assert [fact for fact in facts if fact not in words] == []
    assert f"data/{name}.md" in (DOCS / "data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TABLE)
def test_files_that_a_page_names_are_there(name):
    page = (DOCS / "data" / f"{name}.md").read_text(encoding="utf-8")
    for word in page.replace("`", " ").split():
        if word.startswith(("configs/", "benchmark_data_prepare/")):
            assert (ROOT / word.rstrip(".,;")).is_file(), word


def test_no_page_without_a_data_set():
    assert {path.stem for path in (DOCS / "data").glob("*.md")} == set(TABLE)
