"""A server whose memory is full: nothing new is stored, and all that there is can be worked off."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.servers.redis import RedisServer
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.limits import gated, of_key
from workmill.testing.conformance.making import LEASE, end, hired, new_job, new_jobs, new_worker, request, settle
from workmill.words.errors import StoreUnavailable
from workmill.words.job import JobState
from workmill.words.limit import Rate, Rule, Scope
from workmill.words.outcome import Returned

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(server.url())
    await store.open()
    yield store
    await store.close()


def fill(server: RedisServer) -> None:
    """Let the server have no memory left."""
    server.ask("CONFIG", "SET", "maxmemory", "1")


async def test_nothing_is_stored_and_everything_is_worked_off(server: RedisServer, store: RedisStore) -> None:
    await store.set_rules([of_key(2), Rule(scope=Scope.TASK, name="resize", rate=Rate(50, MINUTE))])
    await store.enqueue([*new_jobs(4), *(gated("a") for _ in range(4))])
    worker_id = await hired(store)
    fill(server)

    with pytest.raises(StoreUnavailable, match="maxmemory"):
        await store.enqueue(new_jobs(2))
    done = 0
    while jobs := await store.claim(request(worker_id, limit=3)):
        await settle(store, *(end(job) for job in jobs))
        done += len(jobs)

    assert done == 8
    assert [(count.state, count.jobs) for count in await store.counts()] == [(JobState.SUCCEEDED, 8)]


async def test_workers_come_work_and_go(server: RedisServer, store: RedisStore) -> None:
    await store.enqueue(new_jobs(2))
    fill(server)

    await store.register(first := new_worker())
    await store.register(second := new_worker())
    assert (await store.renew(first.id)).is_leader
    jobs = await store.claim(request(first.id, limit=2))
    await store.leave(first.id)
    assert {job.id for job in await store.expired(10)} == {job.id for job in jobs}
    await settle(store, *(end(job, Returned()) for job in jobs))

    assert len(await store.claim(request(second.id, limit=2))) == 2


async def test_rules_can_be_changed(server: RedisServer, store: RedisStore) -> None:
    await store.enqueue([new_job(queue="a"), new_job(queue="b")])
    worker_id = await hired(store, lease=4 * LEASE)
    fill(server)

    await store.pause(["a"])
    await store.set_rules([Rule(scope=Scope.QUEUE, name="b", running=0)])
    assert await store.claim(request(worker_id, limit=2)) == []
    await store.resume(["a"])
    await store.reset_rules([(Scope.QUEUE, "b")])

    assert len(await store.claim(request(worker_id, limit=2))) == 2
