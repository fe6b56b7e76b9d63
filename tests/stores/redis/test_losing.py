"""A server that comes back with less than it had said it had: all notice, say so, and go on with what is there."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.servers.redis import RedisServer, chosen_program, redis_server
from tests.servers.redis_harness import RedisHarness
from tests.stores.redis.scripted import Answer, scripted
from workmill.store import Level
from workmill.stores.redis import RedisStore
from workmill.stores.redis.session import SCHEMA
from workmill.testing.conformance.making import add, hired, new_job, request, stored
from workmill.words.errors import LeaseLost, SchemaMismatch, StoreUnavailable

LOST = b"*2\r\n:-1\r\n$5\r\nepoch\r\n"
"""What a script answers whose server has other data."""


@pytest.fixture
def forgetful() -> Iterator[RedisServer]:
    """Give a server that writes nothing to its disk but snapshots that it is told to."""
    with redis_server(chosen_program(), settings={"appendonly": "no"}) as server:
        yield server


@pytest.fixture
async def store(forgetful: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(forgetful.url())
    await store.open()
    yield store
    await store.close()


async def data_finding(store: RedisStore) -> tuple[Level, str]:
    (found,) = [one for one in await store.diagnose() if one.subject == "data"]
    return found.level, found.detail


async def test_lost_data_are_noticed_by_the_next_verb_which_does_its_work(
    store: RedisStore, forgetful: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    lost = await add(store, new_job())
    forgetful.kill()
    forgetful.start()

    with caplog.at_level(logging.ERROR, "workmill"):
        job = await add(store, new_job())

    assert [await stored(store, job.id), *await store.get([lost.id])] == [job, None]
    assert ["has lost all data of this store" in record.message for record in caplog.records] == [True]
    assert (await data_finding(store))[0] is Level.FAIL


async def test_worker_of_lost_data_has_lost_its_lease(store: RedisStore, forgetful: RedisServer) -> None:
    worker = await hired(store)
    forgetful.ask("FLUSHALL")

    with pytest.raises(LeaseLost):
        await store.claim(request(worker))


async def test_lost_changes_are_noticed_by_the_next_verb_and_counted(
    store: RedisStore, forgetful: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    kept = await add(store, new_job())
    forgetful.ask("SAVE")
    lost = [await add(store, new_job()) for _ in range(3)]
    forgetful.kill()
    forgetful.start()

    with caplog.at_level(logging.ERROR, "workmill"):
        found = await store.get([kept.id, *(job.id for job in lost)])

    assert found == [kept, None, None, None]
    assert ["at least the last 3 changes" in record.message for record in caplog.records] == [True]
    level, detail = await data_finding(store)
    assert level is Level.FAIL
    assert "at least the last 3 changes" in detail


async def test_loss_is_said_once_by_each_who_saw_more(
    store: RedisStore, forgetful: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    await add(store, new_job())
    forgetful.ask("FLUSHALL")

    with caplog.at_level(logging.ERROR, "workmill"):
        for _ in range(3):
            await store.now()

    assert len(caplog.records) == 1


async def test_who_comes_later_is_told_by_diagnose_for_a_day(store: RedisStore, forgetful: RedisServer) -> None:
    forgetful.ask("FLUSHALL")
    await store.now()
    other = RedisStore(forgetful.url())
    await other.open()

    fresh = await data_finding(other)
    forgetful.ask("HINCRBY", "{workmill}:meta", "lost_at", -86_400_000_000)
    old = await data_finding(other)

    assert (fresh[0], old[0]) == (Level.FAIL, Level.OK)
    await other.close()


async def test_restart_that_loses_nothing_is_not_said(
    store: RedisStore, forgetful: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    job = await add(store, new_job())
    forgetful.ask("SAVE")
    forgetful.kill()
    forgetful.start()

    with caplog.at_level(logging.ERROR, "workmill"):
        assert await stored(store, job.id) == job

    assert caplog.records == []
    assert (await data_finding(store))[0] is Level.OK


async def test_store_of_a_newer_workmill_is_refused(database: RedisHarness) -> None:
    await (await database.make()).close()
    database.execute("HSET", database.key("meta"), "schema", SCHEMA + 1)

    with pytest.raises(SchemaMismatch, match="upgrade"):
        await database.make()


async def test_server_that_loses_its_data_again_and_again_is_unavailable() -> None:
    def answer(command: list[bytes]) -> Answer:
        if command[0] == b"EVALSHA":
            is_opening = len(command) > 7 and command[7] == b"{workmill}:s"
            return b"*3\r\n$16\r\n%s\r\n$1\r\n1\r\n$1\r\n0\r\n" % command[5] if is_opening else LOST
        return b"*0\r\n" if command[0] == b"CONFIG" else b"$0\r\n\r\n"

    async with scripted(answer) as server:
        store = RedisStore(server.url)
        await store.open()

        with pytest.raises(StoreUnavailable, match="again and again"):
            await store.now()
        await store.close()
