"""The pages: no link leads nowhere, and no page is left out of the index."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def links(page: Path) -> set[Path]:
    found = LINK.findall(page.read_text())
    return {(page.parent / link).resolve() for link in found if "://" not in link and not link.startswith("mailto:")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    assert [str(link) for link in links(page) if not link.exists()] == []


def test_index_names_every_page() -> None:
    index = ROOT / "docs" / "README.md"

    assert {page for page in PAGES if page.parent.parent == ROOT / "docs"} - links(index) == set()
