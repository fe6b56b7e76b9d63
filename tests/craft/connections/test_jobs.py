"""Jobs that come and go with a transaction of every driver, and jobs that end in one."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.craft.connections.conftest import Look
from tests.craft.connections.test_transactions import begin, write
from tests.craft.connections.ways import Caller, Place, Way
from tests.craft.connections.ways import done as in_either_colour
from workmill import App, JobNotFound, JobState, current_job
from workmill.craft.connections import AwaitedConnection, connection_of
from workmill.testing import adrain

pytestmark = [pytest.mark.slow]


@pytest.fixture
def app(way: Way, place: Place) -> Iterator[App]:
    match way.kind:
        case "postgresql":
            url = place.postgres
        case "sqlite3":
            url = f"sqlite:///{place.file}?driver=sqlite3"
        case _:
            url = f"sqlite:///{place.file}"
    with App(url) as app:
        yield app


@pytest.fixture
def add(app: App) -> Any:
    @app.task
    def add(a: int, b: int) -> int:
        return a + b

    return add


@asynccontextmanager
async def finishing(connection: object) -> AsyncIterator[Any]:
    """End the job that runs here in a transaction, of whichever colour."""
    block = current_job.finish_in(connection)
    if isinstance(connection_of(connection), AwaitedConnection):
        async with block as finish:
            yield finish
    else:
        with block as finish:
            yield finish


async def test_a_job_comes_and_goes_with_the_transaction(app: App, add: Any, caller: Caller, look: Look) -> None:
    await begin(caller)
    await write(caller, "taken back")
    undone = await add.using(connection=caller.connection).aenqueue(1, 2)
    await in_either_colour(caller.roll_back())
    await begin(caller)
    await write(caller, "kept")
    stored = await add.using(connection=caller.connection).aenqueue(3, 4)
    with pytest.raises(JobNotFound):
        await stored.arefresh()
    await in_either_colour(caller.commit())

    with pytest.raises(JobNotFound):
        await undone.arefresh()
    assert (await stored.arefresh()).state is JobState.QUEUED
    assert look() == ["kept"]
    await adrain(app)
    assert await stored.aresult(0) == 7


async def test_a_job_ends_in_the_transaction(app: App, add: Any, way: Way, place: Place, look: Look) -> None:
    @app.task
    async def keep(word: str, fails: bool) -> int | None:  # noqa: FBT001 - it is called by name
        async with way.open(place) as caller, finishing(caller.connection) as finish:
            await write(caller, word)
            finish.result = len(word)
            child = await add.using(connection=caller.connection).aenqueue(1, 2)
            if fails:
                raise ConnectionError(child.id)
        return None

    failed = await keep.aenqueue("taken back", fails=True)
    job = await keep.aenqueue("kept", fails=False)
    ran = await adrain(app)

    assert ran == 3
    assert ((await failed.arefresh()).state, look()) == (JobState.FAILED, ["kept"])
    assert await job.aresult(0) == 4


async def test_outside_a_transaction_it_is_stored_as_a_row_would_be(add: Any, caller: Caller) -> None:
    job = await add.using(connection=caller.connection).aenqueue(1, 2)

    if caller.begin is None:
        with pytest.raises(JobNotFound):
            await job.arefresh()
        await in_either_colour(caller.commit())
    assert (await job.arefresh()).state is JobState.QUEUED
