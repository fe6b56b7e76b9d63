"""What the tests of the craft share."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.craft.runs import Bench, bench
from workmill import App


@pytest.fixture
def app() -> Iterator[App]:
    with App("memory://") as app:
        yield app


@pytest.fixture
async def runner(app: App) -> AsyncIterator[Bench]:
    async with bench(app) as runner:
        yield runner
