"""The server goes and comes back, connections are killed or fall silent: verbs and ears work again by themselves."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.servers.redis import RedisServer
from tests.stores.postgres.proxy import proxy_to
from workmill.store import NoticeKind
from workmill.stores.redis import RedisStore, connecting, listening, wire
from workmill.testing.conformance.making import add, end, hired, new_job, request, stored, verdict
from workmill.testing.conformance.notices import QUEUED, hear, queued_on
from workmill.words.errors import StoreUnavailable

DEADLINE_SECONDS = 30.0


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(server.url())
    await store.open()
    yield store
    await store.close()


async def answers(store: RedisStore) -> None:
    """Wait until the store answers again."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                await store.now()
            except StoreUnavailable:
                await asyncio.sleep(0.02)  # nothing tells when a server is back
            else:
                return


def end_connections(server: RedisServer) -> None:
    """Have the server hang up on everybody."""
    server.ask("CLIENT", "KILL", "TYPE", "normal")
    server.ask("CLIENT", "KILL", "TYPE", "pubsub")


@pytest.mark.slow
async def test_store_answers_again_after_a_crash_and_has_lost_nothing(store: RedisStore, server: RedisServer) -> None:
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


async def test_restart_in_order_is_not_noticed_by_the_next_verb(store: RedisStore, server: RedisServer) -> None:
    job = await add(store, new_job())
    server.stop()
    server.start()

    assert await stored(store, job.id) == job


async def test_killed_connection_is_not_noticed_by_the_next_verb(store: RedisStore, server: RedisServer) -> None:
    job = await add(store, new_job())

    end_connections(server)

    assert await stored(store, job.id) == job


async def test_server_that_forgot_its_scripts_is_given_them_again(store: RedisStore, server: RedisServer) -> None:
    job = await add(store, new_job())

    server.ask("SCRIPT", "FLUSH")

    assert await stored(store, job.id) == job


@pytest.mark.slow
async def test_verbs_that_are_under_way_when_the_connection_ends_are_repeated(
    store: RedisStore, server: RedisServer
) -> None:
    server.freeze()
    jobs = [new_job() for _ in range(20)]
    adding = [asyncio.create_task(store.enqueue([job])) for job in jobs]
    await asyncio.sleep(0)  # they are sent
    server.kill()
    server.start()

    added = await asyncio.gather(*adding)

    assert [one.job.id for (one,) in added] == [job.id for job in jobs]
    assert {count.jobs for count in await store.counts()} == {20}


@pytest.mark.slow
@pytest.mark.parametrize("is_restart", [True, False], ids=["restart", "killed connection"])
async def test_ear_hears_again(store: RedisStore, server: RedisServer, is_restart: bool) -> None:  # noqa: FBT001 - a parameter of the test
    async with store.listen(QUEUED) as ear:
        await hear(ear, queued_on("default"))  # what was before there was an ear is not known
        if is_restart:
            server.kill()
            server.start()
        else:
            end_connections(server)
        await hear(ear, lambda notice: notice.kind is NoticeKind.QUEUED and not notice.queue)

        await add(store, new_job(queue="new"))

        await hear(ear, queued_on("new"))


@pytest.mark.slow
async def test_silent_connections_are_given_up(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(listening, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(wire, "ANSWER_SECONDS", 1.0)
    async with proxy_to(server.port) as proxy:
        store = RedisStore(f"redis://127.0.0.1:{proxy.port}/0")
        await store.open()
        async with store.listen(QUEUED) as ear:
            await hear(ear, queued_on("default"))
            proxy.cut()
            await hear(ear, lambda notice: not notice.queue)
            await answers(store)

            await add(store, new_job(queue="new"))

            await hear(ear, queued_on("new"))
        await store.close()


@pytest.mark.slow
async def test_verbs_do_not_queue_up_for_a_server_that_stands_still(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 0.3)
    store = RedisStore(server.url())
    await store.open()
    server.freeze()
    began = time.monotonic()

    ended = await asyncio.gather(*(store.now() for _ in range(30)), return_exceptions=True)

    assert {type(error) for error in ended} == {StoreUnavailable}
    assert time.monotonic() - began < 5
    server.thaw()
    await answers(store)
    await store.close()


@pytest.mark.slow
async def test_server_that_stands_still_for_a_moment_is_waited_for(store: RedisStore, server: RedisServer) -> None:
    server.freeze()
    adding = asyncio.create_task(add(store, new_job()))
    await asyncio.sleep(0)  # it is sent
    server.thaw()

    job = await adding

    assert await stored(store, job.id) == job


async def test_ear_that_asks_for_more_kinds_is_heard_on_the_same_connection(
    store: RedisStore, server: RedisServer
) -> None:
    async with store.listen(QUEUED), store.listen(frozenset({NoticeKind.CHANGED})) as ear:
        listeners = server.ask("CLIENT", "LIST", "TYPE", "pubsub")
        job = await add(store, new_job())
        await store.cancel([job.id], None)

        await hear(ear, lambda notice: job.id in notice.job_ids)

    assert len(listeners.splitlines() if isinstance(listeners, bytes) else listeners) == 1


async def test_nothing_listens_where_no_ear_is_open(store: RedisStore, server: RedisServer) -> None:
    async with store.listen(QUEUED):
        pass

    assert not server.ask("CLIENT", "LIST", "TYPE", "pubsub")


def test_silence_is_noticed_within_a_quarter_of_a_minute() -> None:
    assert listening.PROBE_SECONDS + listening.ANSWER_SECONDS < 15
