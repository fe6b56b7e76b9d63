"""What the tests of the craft share."""

from collections.abc import Iterator

import pytest

from workmill import App


@pytest.fixture
def app() -> Iterator[App]:
    with App("memory://") as app:
        yield app
