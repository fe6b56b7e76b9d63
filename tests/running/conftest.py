"""What the tests of worker trees share: a database, and the application that looks into it from outside."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running.tasks import application
from workmill import App


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that opens what waits for it when it is made."""
    return tmp_path / "gate"


@pytest.fixture
def app(url: str) -> Iterator[App]:
    with application(url) as app:
        yield app
