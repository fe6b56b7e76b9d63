"""`replicas=` and `fsync=1`: a change is answered when it is where the URL wants it, and is unknown until then."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.servers.redis import RedisServer, chosen_program, redis_server
from tests.servers.sentinel import replica_of
from workmill.store import Level
from workmill.stores.redis import RedisStore, confirming
from workmill.stores.redis.setting import Setting, syncs
from workmill.testing.conformance.making import add, new_job, stored
from workmill.words.errors import StoreUnavailable

REDIS = Setting(
    product="Redis",
    is_valkey=False,
    version=(7, 4, 3),
    policy="noeviction",
    memory=0,
    most_memory=0,
    keeps_log=True,
    syncs_log="everysec",
    saves="",
    is_failing=False,
    is_primary=True,
    replicas=0,
)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server(chosen_program(), settings={"repl-diskless-sync-delay": "0"}) as server:
        yield server


@pytest.fixture
def replica(server: RedisServer, tmp_path: Path) -> Iterator[RedisServer]:
    with replica_of(chosen_program(), server, tmp_path / "replica") as replica:
        yield replica


async def opened(url: str) -> RedisStore:
    store = RedisStore(url)
    await store.open()
    return store


async def test_change_is_at_the_replica_when_it_is_answered(server: RedisServer, replica: RedisServer) -> None:
    store = await opened(f"{server.url()}?replicas=1")

    for _ in range(20):
        job = await add(store, new_job())
        assert replica.ask("HEXISTS", "{workmill}:jobs", job.id) == 1

    await store.close()


@pytest.mark.slow
async def test_change_that_no_replica_has_is_unknown_and_can_be_repeated(
    server: RedisServer, replica: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "WAIT_MILLISECONDS", 100)
    store = await opened(f"{server.url()}?replicas=1")
    job = new_job()
    replica.freeze()

    with pytest.raises(StoreUnavailable, match="0 of the 1 replicas"):
        await store.enqueue([job])
    read = await stored(store, job.id)
    replica.thaw()
    (again,) = await store.enqueue([job])

    assert (again.job, again.created) == (read, False)
    await store.close()


async def test_changes_of_many_are_confirmed_together(
    server: RedisServer,
    replica: RedisServer,  # noqa: ARG001 - it is what confirms
) -> None:
    store = await opened(f"{server.url()}?replicas=1")
    await add(store, new_job())
    server.ask("CONFIG", "RESETSTAT")

    await asyncio.gather(*(add(store, new_job()) for _ in range(100)))

    waits = server.ask("INFO", "commandstats")["cmdstat_wait"]["calls"]
    assert waits < 50
    await store.close()


async def test_what_only_reads_waits_for_nobody(
    server: RedisServer, replica: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "WAIT_MILLISECONDS", 100)
    store = await opened(f"{server.url()}?replicas=1")
    job = await add(store, new_job())
    replica.freeze()

    assert await stored(store, job.id) == job
    replica.thaw()
    await store.close()


@pytest.mark.slow
async def test_too_few_replicas_are_named(server: RedisServer, replica: RedisServer) -> None:  # noqa: ARG001 - it is one
    store = await opened(f"{server.url()}?replicas=2")

    (found,) = [one for one in await store.diagnose() if one.subject == "replicas"]

    assert found.level is Level.FAIL
    assert found.detail.startswith("1 are connected")
    await store.close()


async def test_disk_is_waited_for_where_the_server_can_tell() -> None:
    with redis_server(chosen_program(), settings={"appendfsync": "always"}) as server:
        if server.ask("INFO", "server")["redis_version"] < "7.2":
            pytest.skip("this server has no WAITAOF")
        store = await opened(f"{server.url()}?fsync=1")

        await add(store, new_job())

        assert server.ask("INFO", "commandstats")["cmdstat_waitaof"]["calls"] == 1
        await store.close()


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (REDIS, True),
        (replace(REDIS, version=(7, 4, 2)), False),
        (replace(REDIS, is_valkey=True), False),
        (replace(REDIS, syncs_log="no"), False),
        (replace(REDIS, syncs_log=None), False),
        (replace(REDIS, keeps_log=False), False),
        (replace(REDIS, syncs_log="always", is_valkey=True), True),
        (replace(REDIS, syncs_log="always", version=(7, 2, 4)), True),
        (replace(REDIS, syncs_log="always", version=(7, 0, 15)), False),
    ],
)
def test_sync_is_believed_where_it_is_true(setting: Setting, *, expected: bool) -> None:
    assert syncs(setting) is expected
