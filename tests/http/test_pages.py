"""The reference pages say what the code does."""

import re
from pathlib import Path

from httpx2 import AsyncClient

from workmill.http.jobs import FILTERS
from workmill.http.problem import KINDS
from workmill.http.submit import OPTIONS

PAGES = Path(__file__).parents[2] / "docs" / "reference"


def test_every_problem_is_explained_with_its_status() -> None:
    page = (PAGES / "problems.md").read_text(encoding="utf-8")

    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", page, re.MULTILINE)
    assert rows == [(kind.slug, str(kind.status)) for kind in KINDS]


async def test_every_path_is_explained_with_its_method(client: AsyncClient) -> None:
    page = (PAGES / "http.md").read_text(encoding="utf-8")

    paths = (await client.get("/openapi.json")).json()["paths"]
    served = {
        (re.sub(r"^/v1/tasks/[^/]+/jobs$", "/v1/tasks/{task}/jobs", path), method.upper())
        for path, item in paths.items()
        for method in item
    }
    assert set(re.findall(r"^\| `(/[^`]*)` \| ([A-Z]+) \|", page, re.MULTILINE)) == served


def test_every_parameter_is_explained() -> None:
    page = (PAGES / "http.md").read_text(encoding="utf-8")

    cells = " ".join(re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE))
    assert not [parameter.name for parameter in (*OPTIONS, *FILTERS) if f"`{parameter.name}`" not in cells]
