"""Listing reads little, however much is stored, and finds the same as a look at everything does."""

import asyncio
import random
from datetime import timedelta

import psycopg
import pytest

from tests.servers.harness import PostgresHarness
from workmill.store import JobFilter, Store
from workmill.stores.postgres import PostgresStore, finding
from workmill.testing.conformance.making import DONE, ERROR, PATIENT, add, end, hired, new_job, request
from workmill.words.job import Job, JobState
from workmill.words.outcome import Failed, Outcome, Returned, Snoozed

TASKS = ("resize", "crop")
QUEUES = ("default", "bulk")
OUTCOMES: tuple[Outcome, ...] = (
    DONE,
    Failed(failure=ERROR),
    Returned(),
    Returned(),
    Snoozed(after=timedelta(seconds=60)),
)


async def everything(store: Store) -> list[Job]:
    """Return all jobs, newest first."""
    return list((await store.find(JobFilter(), limit=10_000, cursor=None)).jobs)


async def listed(store: Store, wanted: JobFilter) -> list[str]:
    """Return the ids of all pages."""
    ids: list[str] = []
    cursor = None
    while True:
        page = await store.find(wanted, limit=7, cursor=cursor)
        ids += [job.id for job in page.jobs]
        cursor = page.next_cursor
        if cursor is None:
            return ids


def fits(job: Job, wanted: JobFilter) -> bool:
    """Whether a filter asks for this job."""
    return (
        (not wanted.states or job.state in wanted.states)
        and (not wanted.tasks or job.task in wanted.tasks)
        and (not wanted.queues or job.queue in wanted.queues)
    )


async def live_through(store: Store, chance: random.Random) -> None:
    """Store jobs, and let some of them run and end in all ways."""
    worker_id = await hired(store)
    for _ in range(40):
        delay = chance.choice((None, None, timedelta(seconds=60)))
        news = [
            new_job(task=chance.choice(TASKS), queue=chance.choice(QUEUES), policy=PATIENT, delay=delay)
            for _ in range(chance.choice((1, 2, 5)))
        ]
        await store.enqueue(news)
        jobs = await store.claim(
            request(worker_id, tasks=(chance.choice(TASKS),), queues=(chance.choice(QUEUES),), limit=3)
        )
        await store.settle([end(job, chance.choice(OUTCOMES)) for job in jobs if chance.random() < 0.8])
        await store.cancel([job.id for job in jobs if chance.random() < 0.1], None)


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 20, finding.WINDOW])
async def test_each_filter_finds_what_a_look_at_everything_does(
    stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(finding, "WINDOW", window)
    await live_through(stores[0], random.Random(window))
    jobs = await everything(stores[0])
    filters = [
        JobFilter(states=states, tasks=tasks, queues=queues)
        for states in ((), *((state,) for state in JobState), (JobState.QUEUED, JobState.SUCCEEDED))
        for tasks in ((), TASKS[:1])
        for queues in ((), QUEUES[:1])
    ]

    found = [await listed(stores[0], wanted) for wanted in filters]

    assert len({job.state for job in jobs}) >= 5
    assert found == [[job.id for job in jobs if fits(job, wanted)] for wanted in filters]


async def test_queued_job_whose_transaction_committed_late_is_found(
    stores: list[PostgresStore], database: PostgresHarness, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "WINDOW", 1)
    store = stores[0]
    worker_id = await hired(store)
    await add(store, new_job())
    async with await psycopg.AsyncConnection.connect(postgres) as line:
        sql = f"INSERT INTO {database.schema}.job (id, lane, args, policy, created_at, xid) "
        await line.execute(sql + f"VALUES ('late', 1, '{{}}', '{{}}', {database.schema}.clock(), pg_current_xact_id())")
        await add(store, new_job())
        assert len(await store.claim(request(worker_id, limit=10))) == 2
        await line.commit()

    await asyncio.gather(*(add(store, new_job(task="crop", delay=timedelta(seconds=60))) for _ in range(3)))

    assert await listed(store, JobFilter(states=(JobState.QUEUED,))) == ["late"]


async def test_moments_bound_what_is_read(stores: list[PostgresStore], database: PostgresHarness) -> None:
    store = stores[0]
    old = [await add(store, new_job()) for _ in range(5)]
    database.execute("UPDATE {schema}.job SET created_at = created_at - 3600000000")
    new = [await add(store, new_job()) for _ in range(5)]
    middle = new[0].created_at - timedelta(minutes=30)

    assert await listed(store, JobFilter(created_after=middle)) == [job.id for job in reversed(new)]
    assert await listed(store, JobFilter(created_before=middle)) == [job.id for job in reversed(old)]
    session = store._session  # noqa: SLF001 - what is read shows nowhere else
    assert session is not None
    edges = await finding.bounds(JobFilter(created_after=middle, created_before=middle), finding.LARGEST, session)
    assert edges["above"] == edges["below"] == 6
