"""The primary is lost and its replica takes over: programs go on by themselves, by way of the Sentinels."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.servers.redis import chosen_program
from tests.servers.sentinel import Watched, watched_servers
from workmill.store import NoticeKind
from workmill.stores.redis import RedisStore, listening, wire
from workmill.testing.conformance.making import add, hired, new_job, request
from workmill.testing.conformance.notices import QUEUED, hear, queued_on
from workmill.words.errors import StoreUnavailable

DEADLINE_SECONDS = 30.0


@pytest.fixture
def watched() -> Iterator[Watched]:
    with watched_servers(chosen_program()) as watched:
        yield watched


@pytest.fixture
async def store(watched: Watched) -> AsyncIterator[RedisStore]:
    store = RedisStore(f"{watched.url}?replicas=1")
    await store.open()
    yield store
    await store.close()


async def until_stored(store: RedisStore) -> None:
    """Store a job, repeating what a caller would repeat."""
    job = new_job(queue="after")
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                await store.enqueue([job])
            except StoreUnavailable:
                await asyncio.sleep(0.05)  # nothing tells when somebody has taken over
            else:
                return


@pytest.mark.slow
async def test_confirmed_jobs_survive_the_primary_and_ears_hear_again(
    watched: Watched, store: RedisStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "ANSWER_SECONDS", 1.0)
    primary, replica = watched.servers
    jobs = [await add(store, new_job()) for _ in range(50)]
    (claimed,) = await store.claim(request(await hired(store)))
    plain = RedisStore(watched.url)  # on its own after the failover there is no replica that could confirm
    await plain.open()
    async with plain.listen(QUEUED) as ear:
        await hear(ear, queued_on("default"))

        primary.kill()
        await until_stored(plain)

        await hear(ear, lambda notice: notice.kind is NoticeKind.QUEUED and not notice.queue)
        await add(plain, new_job(queue="new"))
        await hear(ear, queued_on("new"))
    with caplog.at_level(logging.ERROR, "workmill"):
        found = await plain.get([job.id for job in jobs])
    assert found == [claimed, *jobs[1:]]
    assert caplog.records == []
    assert watched.primary_port == replica.port

    await plain.close()

    primary.start()  # it is a replica as soon as the Sentinels have told it so
    await until_stored(store)


@pytest.mark.slow
async def test_primary_that_stands_still_too_long_is_left(
    watched: Watched, store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ANSWER_SECONDS", 1.0)
    primary, replica = watched.servers
    job = await add(store, new_job())

    primary.freeze()
    await asyncio.to_thread(watched.wait_for_primary, replica)
    found = await store.get([job.id])
    primary.thaw()

    assert found == [job]
    await until_stored(store)
    assert watched.primary_port == replica.port


@pytest.mark.slow
async def test_sentinel_that_is_silent_is_passed_over(watched: Watched) -> None:
    watched.sentinels[0].freeze()
    store = RedisStore(watched.url)
    began = time.monotonic()

    await store.open()

    assert time.monotonic() - began < 8
    await store.close()
    watched.sentinels[0].thaw()


@pytest.mark.slow
async def test_service_that_no_sentinel_knows_is_named(watched: Watched) -> None:
    with pytest.raises(StoreUnavailable, match="'other'"):
        await RedisStore(watched.url.replace("/mill/", "/other/")).open()
