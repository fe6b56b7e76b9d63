"""All that waits goes into one transaction; what one verb did wrong concerns it alone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from tests.stores.sqlite.conftest import NewStore, Raw
from workmill.stores.sqlite import SqliteStore
from workmill.stores.sqlite.transaction import MOST_ROWS
from workmill.testing.conformance.making import LEASE, add, hired, new_job, new_jobs, request
from workmill.words.errors import InvalidOption, JobConflict, LeaseLost, StoreError

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
async def store(path: Path, new_store: NewStore) -> AsyncIterator[SqliteStore]:
    """A store whose every transaction has a moment of its own: jobs of one moment were stored together."""
    ticks = count()
    store = new_store(path, clock=lambda: EPOCH + timedelta(microseconds=next(ticks)))
    await store.open()
    yield store
    await store.close()


async def begun() -> None:
    """Let calls reach the writer's line."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_calls_that_wait_are_one_transaction(store: SqliteStore, raw: Raw) -> None:
    raw.execute("BEGIN IMMEDIATE")
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(add(store, new_job())) for _ in range(50)]
        await begun()
        raw.execute("COMMIT")

    # The first may have gone ahead alone; all that came while it waited for the lock went together.
    assert len({call.result().created_at for call in calls}) <= 2


async def test_failed_call_takes_back_its_own_part_only(store: SqliteStore, raw: Raw) -> None:
    kept = await add(store, new_job(key="taken", args=b"1"))
    raw.execute("BEGIN IMMEDIATE")
    good = [asyncio.ensure_future(store.enqueue(new_jobs(2))) for _ in range(3)]
    wrong = [
        asyncio.ensure_future(store.enqueue([new_job(), new_job(key="taken", args=b"2")])),
        asyncio.ensure_future(store.enqueue([new_job(), new_job(priority=2**63)])),
        asyncio.ensure_future(store.claim(request("nobody"))),
    ]
    more = asyncio.ensure_future(store.enqueue(new_jobs(2)))
    await begun()
    raw.execute("COMMIT")

    errors = await asyncio.gather(*wrong, return_exceptions=True)
    await asyncio.gather(*good, more)

    assert [type(error) for error in errors] == [JobConflict, InvalidOption, LeaseLost]
    assert [each.jobs for each in await store.counts()] == [1 + 4 * 2]
    assert kept.id == errors[0].job_id


@pytest.mark.parametrize("place", [0, MOST_ROWS, 2 * MOST_ROWS])
async def test_known_job_in_a_large_batch_takes_back_no_more_than_the_batch(store: SqliteStore, place: int) -> None:
    """Several statements store such a batch; where one is refused, what the others stored goes, too."""
    known, batch = await add(store, new_job(key="a")), new_jobs(2 * MOST_ROWS)
    batch.insert(place, new_job(key="a"))

    enqueued = await store.enqueue(batch)

    assert [number for number, each in enumerate(enqueued) if not each.created] == [place]
    assert enqueued[place].job == known
    assert [each.jobs for each in await store.counts()] == [1 + 2 * MOST_ROWS]


async def test_call_that_nobody_waits_for_is_done_all_the_same(store: SqliteStore, raw: Raw) -> None:
    raw.execute("BEGIN IMMEDIATE")
    gone = asyncio.ensure_future(store.enqueue([new_job()]))
    await begun()
    gone.cancel()
    beside = asyncio.ensure_future(store.enqueue([new_job()]))
    raw.execute("COMMIT")

    await beside

    assert sum(each.jobs for each in await store.counts()) == 2


async def test_claim_sees_what_was_stored_in_its_own_transaction(store: SqliteStore, raw: Raw) -> None:
    worker_id = await hired(store)
    raw.execute("BEGIN IMMEDIATE")
    first = asyncio.ensure_future(store.renew(worker_id))
    new = new_job()
    stored = asyncio.ensure_future(store.enqueue([new]))
    claimed = asyncio.ensure_future(store.claim(request(worker_id)))
    await begun()
    raw.execute("COMMIT")

    await asyncio.gather(first, stored)
    assert [job.id for job in await claimed] == [new.id]


async def test_moment_of_a_transaction_is_not_older_than_the_lock(path: Path, raw: Raw, new_store: NewStore) -> None:
    """A claim that waited until its worker's lease was over is refused, though it was asked for in time."""
    now = EPOCH
    store = new_store(path, clock=lambda: now)
    await store.open()
    worker_id = await hired(store)
    raw.execute("BEGIN IMMEDIATE")
    claim = asyncio.ensure_future(store.claim(request(worker_id)))
    await begun()

    now += LEASE
    raw.execute("COMMIT")

    with pytest.raises(LeaseLost):
        await claim
    await store.close()


async def test_value_that_cannot_be_stored_is_refused_and_named(store: SqliteStore) -> None:
    with pytest.raises(InvalidOption, match=r"queue='\\udc00'.*lone surrogates"):
        await store.enqueue([new_job(), new_job(queue="\udc00")])
    with pytest.raises(InvalidOption, match=r"args=b'\\xff'.*UTF-8"):
        await store.enqueue([new_job(args=b"\xff")])
    with pytest.raises(InvalidOption, match="priority"):
        await store.enqueue([new_job(priority=-(2**63) - 1)])

    assert await store.counts() == []


async def test_writer_lives_on_after_a_verb_that_cannot_be(store: SqliteStore) -> None:
    with pytest.raises(StoreError, match="cannot hold"):
        await store.promote(2**64)

    assert await add(store, new_job())


async def test_clock_that_fails_is_an_error_and_no_more(path: Path, new_store: NewStore) -> None:
    moments = iter([EPOCH])
    store = new_store(path, clock=lambda: next(moments, None) or EPOCH + timedelta(days="no"))
    await store.open()
    job = await add(store, new_job())

    with pytest.raises(StoreError):
        await add(store, new_job())

    assert job.created_at == EPOCH
    await store.close()
