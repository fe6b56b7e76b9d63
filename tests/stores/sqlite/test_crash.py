"""A process that dies at any point leaves a whole file: what was answered is there, and half of nothing is."""

import asyncio
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.stores.sqlite.conftest import DEADLINE_SECONDS, Start
from workmill.stores.sqlite import SqliteStore
from workmill.testing.conformance.making import add, new_job, stored
from workmill.words.job import JobState

WRITE_FOR_EVER = """
    import asyncio, sys
    from workmill.stores.sqlite import SqliteStore
    from workmill.testing.conformance.making import end, hired, new_jobs, request

    async def main():
        store = SqliteStore(sys.argv[1])
        await store.open()
        worker_id = await hired(store)
        while True:
            enqueued = await store.enqueue(new_jobs(7))
            print("stored", *(each.job.id for each in enqueued), flush=True)
            claimed = await store.claim(request(worker_id, limit=5))
            await store.settle([end(job) for job in claimed])
            print("settled", *(job.id for job in claimed), flush=True)

    asyncio.run(main())
"""
STOP_IN_THE_MIDDLE = """
    import asyncio, sys, time
    from datetime import UTC, datetime
    from workmill.stores.sqlite import SqliteStore
    from workmill.testing.conformance.making import new_job

    asked = 0

    def clock():
        # The second moment asked for is that of the second transaction, which has the write lock by then.
        global asked
        asked += 1
        if asked == 2:
            print("inside", flush=True)
            time.sleep(3600)
        return datetime.now(UTC)

    async def main():
        store = SqliteStore(sys.argv[1], clock=clock)
        await store.open()
        for job_id in sys.argv[2:]:
            await store.enqueue([new_job(id=job_id)])

    asyncio.run(main())
"""


def assert_whole(path: Path) -> None:
    """Check every page, and the tally against what it counts."""
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.pragma("integrity_check") == "ok"
        counted = connection.execute("SELECT state, task, queue, count(*) FROM job GROUP BY 1, 2, 3").fetchall()
        tallied = connection.execute("SELECT state, task, queue, jobs FROM tally WHERE jobs <> 0").fetchall()
    assert sorted(tallied) == sorted(counted)


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 8, 31])
async def test_killed_writer_loses_nothing_that_was_answered(path: Path, start: Start, lines: int) -> None:
    writer = start(WRITE_FOR_EVER, path)
    said = [writer.stdout.readline().split() for _ in range(lines)]
    writer.kill()
    said += [line.split() for line in writer.communicate(timeout=DEADLINE_SECONDS)[0].splitlines()]

    store = SqliteStore(path)
    await store.open()

    accepted = [job_id for verb, *ids in said if verb == "stored" for job_id in ids]
    settled = {job_id for verb, *ids in said if verb == "settled" for job_id in ids}
    jobs = {job.id: job for job in await store.get(accepted) if job is not None}
    assert list(jobs) == accepted
    assert {jobs[job_id].state for job_id in settled} <= {JobState.SUCCEEDED}
    assert await add(store, new_job())
    await store.close()
    assert_whole(path)


@pytest.mark.slow
async def test_killed_within_a_transaction_leaves_nothing_of_it_and_no_lock(path: Path, start: Start) -> None:
    first, second = new_job(), new_job()
    writer = start(STOP_IN_THE_MIDDLE, path, first.id, second.id)
    assert writer.stdout.readline() == "inside\n"

    writer.kill()
    writer.wait(DEADLINE_SECONDS)
    store = SqliteStore(path)
    await store.open()
    third = await add(store, new_job())

    assert [job and job.id for job in await store.get([first.id, second.id, third.id])] == [first.id, None, third.id]
    await store.close()
    assert_whole(path)


@pytest.mark.slow
async def test_stopped_writer_makes_others_wait_and_its_end_lets_them_on(path: Path, start: Start) -> None:
    store = SqliteStore(path)
    await store.open()
    first, second = new_job(), new_job()
    writer = start(STOP_IN_THE_MIDDLE, path, first.id, second.id)
    assert writer.stdout.readline() == "inside\n"

    adding = asyncio.ensure_future(store.enqueue([new_job()]))
    assert (await stored(store, first.id)).id == first.id  # readers do not wait
    assert not adding.done()
    writer.kill()

    (enqueued,) = await adding
    assert enqueued.created
    await store.close()
