"""Records that somebody has damaged: their jobs fail, visibly, where they can still be told apart."""

from collections.abc import AsyncIterator

import pytest

from tests.servers.redis_harness import RedisHarness
from workmill.store import Report
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.making import ERROR, PATIENT, end, hired, new_job, request, running, settle, stored
from workmill.words.job import Ending, JobState, Progress
from workmill.words.outcome import Failed, FailureKind

DOCS = {
    "no line": b"",
    "no JSON": b"[\n{}",
    "another shape": b'["{}"]\n{}',
    "policy": b'["{",null,null,null]\n{}',
    "ties": b'["{}",null,null,"["]\n{}',
}


@pytest.fixture
async def store(database: RedisHarness) -> AsyncIterator[RedisStore]:
    """Give a store whose clock stands still."""
    store = await database.make()
    yield store
    await store.close()


@pytest.mark.parametrize("doc", DOCS.values(), ids=DOCS)
async def test_damaged_doc_fails_its_job(store: RedisStore, database: RedisHarness, doc: bytes) -> None:
    job = await running(store)
    database.execute("HSET", database.key("docs"), job.id, doc)

    assert await store.held(job.worker or "") == []

    failed = await stored(store, job.id)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert failed.failure.kind is FailureKind.UNREADABLE
    assert "cannot be read" in failed.failure.message
    assert [attempt.ending for attempt in await store.attempts(job.id)] == [Ending.FAILED]


@pytest.mark.parametrize("side", ["failures", "progress"])
async def test_damage_beside_a_job_fails_it(store: RedisStore, database: RedisHarness, side: str) -> None:
    job = await running(store, new_job(policy=PATIENT))
    await store.report([Report(job_id=job.id, token=1, progress=Progress(current=1))])
    await settle(store, end(job, Failed(failure=ERROR)))
    await database.advance(PATIENT.backoff.most)
    await store.promote(10)
    database.execute("HSET", database.key(side), job.id, "{")

    assert await store.claim(request(await hired(store))) == []

    failed = await stored(store, job.id)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert side.removesuffix("s") in failed.failure.message


async def test_damaged_record_stands_in_nobody_s_way(store: RedisStore, database: RedisHarness) -> None:
    spoilt, good, due = new_job(priority=9), new_job(), new_job(delay=PATIENT.backoff.first)
    await store.enqueue([spoilt, good, due])
    for new in (spoilt, due):
        database.execute("HSET", database.key("jobs"), new.id, b"\xc1")
    await database.advance(PATIENT.backoff.first)

    promotion = await store.promote(10)
    claimed = await store.claim(request(await hired(store), limit=2))

    assert (promotion.count, promotion.next_in) == (0, None)
    assert [job.id for job in claimed] == [good.id]
    assert await store.get([spoilt.id, good.id]) == [None, claimed[0]]
