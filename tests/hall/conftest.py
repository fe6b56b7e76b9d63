"""What the tests of the hall share."""

from collections.abc import Iterator

import pytest

from workmill import App
from workmill.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def app(clock: FakeClock) -> Iterator[App]:
    with App("memory://", clock=clock) as app:
        yield app
