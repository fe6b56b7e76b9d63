"""An application on a memory store and a fake clock."""

from collections.abc import Iterator

import pytest

from workmill import App
from workmill.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that stands still."""
    return FakeClock()


@pytest.fixture
def app(clock: FakeClock) -> Iterator[App]:
    """Give an application whose store goes by that clock."""
    with App("memory://", clock=clock) as app:
        yield app
