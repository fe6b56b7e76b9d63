"""Threads that block and enqueue without the store's loop: the same verb, the same answers, or none and the loop's."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers.redis import RedisServer
from workmill import App
from workmill.stores.redis import RedisStore, direct
from workmill.testing.conformance.making import add, new_job, stored
from workmill.words.errors import JobConflict
from workmill.words.job import JobState, NewJob

CALLERS = 3 * direct.MOST_CONNECTIONS
DEADLINE_SECONDS = 10.0


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(server.url())
    await store.open()
    yield store
    await store.close()


def connections(server: RedisServer) -> int:
    """How many there are, besides the one that asks."""
    return int(server.ask("INFO", "clients")["connected_clients"]) - 1


async def test_job_is_stored_by_the_thread_itself(store: RedisStore) -> None:
    new = new_job()

    enqueued = store.enqueue_blocking([new])

    assert enqueued is not None
    assert [(entry.job.id, entry.created) for entry in enqueued] == [(new.id, True)]
    assert (await stored(store, new.id)).state is JobState.QUEUED


async def test_job_that_is_stored_already_is_not_stored_again(store: RedisStore) -> None:
    job = await add(store, new_job())

    again = store.enqueue_blocking([new_job(id=job.id)])

    assert again is not None
    assert [(entry.job, entry.created) for entry in again] == [(job, False)]


async def test_what_the_store_refuses_is_raised_and_the_connection_serves_on(
    store: RedisStore, server: RedisServer
) -> None:
    store.enqueue_blocking([new_job(key="k", args=b"{}")])
    before = connections(server)

    with pytest.raises(JobConflict):
        store.enqueue_blocking([new_job(key="k", args=b'{"other":1}')])

    assert store.enqueue_blocking([new_job()])
    assert connections(server) == before


async def test_many_threads_are_served_by_few_connections(store: RedisStore, server: RedisServer) -> None:
    before = connections(server)
    news = [new_job() for _ in range(CALLERS)]
    together = threading.Barrier(CALLERS)

    def enqueue(new: NewJob) -> bool:
        together.wait(10)
        return store.enqueue_blocking([new]) is not None

    with ThreadPoolExecutor(CALLERS) as pool:
        served = list(pool.map(enqueue, news))

    assert any(served)
    assert before < connections(server) <= before + direct.MOST_CONNECTIONS


async def test_restarted_server_is_left_to_the_loop_and_then_used_again(
    store: RedisStore, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "REST_SECONDS", 0.0)
    store.enqueue_blocking([new_job()])
    server.kill()
    server.start()
    new = new_job()

    first = store.enqueue_blocking([new])

    assert first is None
    assert (await add(store, new)).id == new.id
    assert store.enqueue_blocking([new_job()])


async def test_silent_server_is_left_to_the_loop(
    store: RedisStore, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "ANSWER_SECONDS", 0.1)
    store.enqueue_blocking([new_job()])
    server.freeze()

    assert store.enqueue_blocking([new_job()]) is None

    server.thaw()


async def test_after_a_failure_no_connection_is_made_for_a_moment(
    store: RedisStore, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "REST_SECONDS", 60.0)
    store.enqueue_blocking([new_job()])
    server.kill()
    server.start()
    store.enqueue_blocking([new_job()])

    assert store.enqueue_blocking([new_job()]) is None


async def test_lost_data_are_noticed_by_the_loop(
    store: RedisStore, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    store.enqueue_blocking([new_job()])
    server.ask("FLUSHALL")
    new = new_job()

    first = store.enqueue_blocking([new])

    assert first is None
    with caplog.at_level(logging.ERROR, "workmill"):
        await add(store, new)
    assert ["has lost all data of this store" in record.message for record in caplog.records] == [True]


async def test_lost_changes_that_only_a_thread_had_seen_are_noticed_by_the_loop(
    store: RedisStore, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        store.enqueue_blocking([new_job()])
    server.ask("HINCRBY", "{workmill}:meta", "changes", -2)
    new = new_job()

    first = store.enqueue_blocking([new])

    assert first is None
    with caplog.at_level(logging.ERROR, "workmill"):
        await add(store, new)
    assert ["has lost at least the last" in record.message for record in caplog.records] == [True]


async def test_closed_store_serves_no_thread_and_keeps_no_connection(server: RedisServer) -> None:
    store = RedisStore(server.url())
    await store.open()
    store.enqueue_blocking([new_job()])

    await store.close()

    assert store.enqueue_blocking([new_job()]) is None
    async with asyncio.timeout(DEADLINE_SECONDS):
        while connections(server) > 0:  # noqa: ASYNC110 - a server tells nobody when it notices that somebody is gone
            await asyncio.sleep(0.01)


async def test_store_that_waits_for_its_replicas_serves_no_thread(server: RedisServer) -> None:
    store = RedisStore(f"{server.url()}?replicas=1")
    await store.open()

    assert store.enqueue_blocking([new_job()]) is None

    await store.close()


def test_blocking_enqueue_of_an_application_leaves_the_loop_alone(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = App(server.url())

    @app.task
    def nothing() -> None: ...

    with app:
        nothing.enqueue()  # opens the store
        monkeypatch.setattr(RedisStore, "enqueue", None)

        job = nothing.enqueue()

        assert app.job(job.id).state is JobState.QUEUED


async def test_awaited_enqueue_goes_by_the_loop(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RedisStore, "enqueue_blocking", None)
    app = App(server.url())

    @app.task
    def nothing() -> None: ...

    try:
        job = await nothing.aenqueue()

        assert (await app.ajob(job.id)).state is JobState.QUEUED
    finally:
        await asyncio.to_thread(app.close)
