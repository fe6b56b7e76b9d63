"""What is wrong with a server is named by `diagnose`: each case is made to happen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.servers.redis import RedisServer, chosen_program, redis_server
from workmill.store import Finding, Level, NoticeKind
from workmill.stores import hearing
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.making import add, hired, new_job, request

DEADLINE_SECONDS = 20.0


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[RedisStore]:
    """Have a store while inside."""
    store = RedisStore(url)
    await store.open()
    yield store
    await store.close()


async def finding(store: RedisStore, subject: str) -> Finding:
    """Return what the store says of one subject."""
    (found,) = [one for one in await store.diagnose() if one.subject == subject]
    return found


async def finding_in_time(store: RedisStore, subject: str) -> Finding:
    """Return what is found amiss about a subject as soon as the server knows."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            found = await finding(store, subject)
            if found.level is not Level.OK:
                return found
            await asyncio.sleep(0.02)  # the server tells nobody that it knows


async def test_server_in_order_has_nothing_to_mend() -> None:
    with redis_server(chosen_program(), settings={"appendfsync": "always"}) as server:
        async with opened(server.url()) as store:
            found = await store.diagnose()

    assert {one.level for one in found} == {Level.OK}
    assert next(one.detail for one in found if one.subject == "server").startswith(("Redis ", "Valkey "))


@pytest.mark.parametrize(
    ("name", "value", "level"),
    [("appendfsync", "everysec", Level.WARN), ("appendfsync", "no", Level.WARN), ("appendonly", "no", Level.FAIL)],
)
async def test_weak_persistence_is_named_with_the_remedy(
    server: RedisServer, name: str, value: str, level: Level
) -> None:
    async with opened(server.url()) as store:
        server.ask("CONFIG", "SET", name, value)

        found = await finding(store, "durability")

    assert found.level is level
    assert "CONFIG SET append" in found.remedy


async def test_eviction_that_was_set_later_is_named(server: RedisServer) -> None:
    async with opened(server.url()) as store:
        server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")

        assert (await finding(store, "eviction")).level is Level.FAIL


@pytest.mark.parametrize(("share", "level"), [(2.0, Level.OK), (1.05, Level.WARN), (0.5, Level.FAIL)])
async def test_memory_that_is_short_is_named(server: RedisServer, share: float, level: Level) -> None:
    async with opened(server.url()) as store:
        used = server.ask("INFO", "memory")["used_memory"]
        server.ask("CONFIG", "SET", "maxmemory", int(used * share))

        assert (await finding(store, "memory")).level is level


async def test_disk_that_cannot_be_written_is_named(server: RedisServer) -> None:
    async with opened(server.url()) as store:
        (server.folder / "dump.rdb").mkdir()  # a snapshot cannot take its place
        server.ask("BGSAVE")

        found = await finding_in_time(store, "disk")

    assert found.level is Level.FAIL
    assert "log" in found.remedy


async def test_what_this_user_may_not_see_is_said(server: RedisServer) -> None:
    async with opened(server.url()) as store:
        server.ask("ACL", "SETUSER", "default", "-info", "-config")

        found = {one.subject: one.level for one in await store.diagnose()}

    assert (found["durability"], found["eviction"]) == (Level.WARN, Level.WARN)
    assert Level.FAIL not in found.values()


async def test_clock_that_is_wrong_is_named(server: RedisServer) -> None:
    async with opened(server.url()) as store:
        server.ask("HSET", "{workmill}:meta", "clock", 1_893_499_200_000_000)

        found = await finding(store, "clock")

    assert found.level is Level.WARN
    assert "NTP" in found.remedy


async def test_listener_that_hears_nothing_is_named_and_jobs_are_found_all_the_same(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "FIRST_PAUSE_SECONDS", 0.01)
    async with opened(server.url()) as store:
        server.ask("ACL", "SETUSER", "default", "-subscribe")
        async with store.listen(frozenset({NoticeKind.QUEUED})) as ear, asyncio.timeout(DEADLINE_SECONDS):
            await ear.next(1)
            found = await finding(store, "notices")
            job = await add(store, new_job())

            claimed = await store.claim(request(await hired(store)))

    assert found.level is Level.WARN
    assert [one.id for one in claimed] == [job.id]


@pytest.mark.slow
async def test_server_that_is_gone_is_a_finding_and_no_error(server: RedisServer) -> None:
    async with opened(server.url()) as store:
        server.kill()

        (found,) = await store.diagnose()

    assert (found.level, found.subject) == (Level.FAIL, "server")
