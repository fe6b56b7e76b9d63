"""The server goes and comes back, connections are killed or fall silent: verbs and ears work again by themselves."""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import psycopg
import pytest

from tests.servers.postgres import PostgresServer
from tests.stores.postgres.proxy import proxy_to
from workmill.store import NoticeKind
from workmill.stores.postgres import PostgresStore, lines, listening
from workmill.testing.conformance.making import add, end, hired, new_job, request, stored, verdict
from workmill.testing.conformance.notices import QUEUED, hear, queued_on
from workmill.words.errors import StoreUnavailable

DEADLINE_SECONDS = 30.0


@pytest.fixture
async def store(server: PostgresServer) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(server.url())
    await store.open()
    yield store
    await store.close()


def end_other_sessions(server: PostgresServer) -> None:
    """Kill the server's processes for all other connections.

    The server forgets one a moment before its socket is closed, so the processes themselves are looked for.
    """
    others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        killed = {row[0] for row in connection.execute(f"SELECT pid, pg_terminate_backend(pid) {others}")}
    ends_at = time.monotonic() + DEADLINE_SECONDS
    while any(map(lives, killed)):
        assert time.monotonic() < ends_at
        time.sleep(0.005)


def lives(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def answers(store: PostgresStore) -> None:
    """Wait until the store answers again."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                await store.now()
            except StoreUnavailable:
                await asyncio.sleep(0.02)  # nothing tells when a server is back
            else:
                return


@pytest.mark.slow
async def test_store_answers_again_after_a_crash_and_has_lost_nothing(
    store: PostgresStore, server: PostgresServer
) -> None:
    job = await add(store, new_job())
    (claimed,) = await store.claim(request(await hired(store)))
    server.kill()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await store.enqueue([new_job()])
    waited = time.monotonic() - began
    server.start()

    await answers(store)

    assert waited < 15
    assert await stored(store, job.id) == claimed
    assert await verdict(store, end(claimed)) == "applied"


@pytest.mark.slow
async def test_restart_in_order_is_not_noticed_by_the_next_verb(store: PostgresStore, server: PostgresServer) -> None:
    job = await add(store, new_job())
    server.stop()
    server.start()

    assert await stored(store, job.id) == job


@pytest.mark.slow
async def test_killed_session_is_not_noticed_by_the_next_verb(store: PostgresStore, server: PostgresServer) -> None:
    job = await add(store, new_job())

    end_other_sessions(server)

    assert await stored(store, job.id) == job


@pytest.mark.slow
@pytest.mark.parametrize("is_restart", [True, False], ids=["restart", "killed session"])
async def test_ear_hears_again(store: PostgresStore, server: PostgresServer, is_restart: bool) -> None:  # noqa: FBT001 - a parameter of the test
    async with store.listen(QUEUED) as ear:
        await hear(ear, queued_on("default"))  # what was before there was an ear is not known
        if is_restart:
            server.kill()
            server.start()
        else:
            end_other_sessions(server)
        await hear(ear, lambda notice: notice.kind is NoticeKind.QUEUED and not notice.queue)

        await add(store, new_job(queue="new"))

        await hear(ear, queued_on("new"))


@pytest.mark.slow
async def test_silent_connections_are_given_up(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(listening, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(lines, "ANSWER_SECONDS", 1.0)
    async with proxy_to(server.port) as proxy:
        store = PostgresStore(server.url().replace(str(server.port), str(proxy.port)))
        await store.open()
        async with store.listen(QUEUED) as ear:
            await hear(ear, queued_on("default"))
            proxy.cut()
            await hear(ear, lambda notice: not notice.queue)
            await answers(store)

            await add(store, new_job(queue="new"))

            await hear(ear, queued_on("new"))
        await store.close()


def test_silence_is_noticed_within_a_quarter_of_a_minute() -> None:
    assert listening.PROBE_SECONDS + listening.ANSWER_SECONDS < 15
