"""Listings answer what a plain search would, whatever the clock did while the jobs were stored."""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.stores.sqlite.conftest import NewStore
from workmill.store import JobFilter
from workmill.stores.sqlite import SqliteStore
from workmill.testing.conformance.making import add, end, hired, new_job, request, stored
from workmill.words.job import Job, JobState
from workmill.words.policy import Policy

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TASKS, QUEUES = ("a", "b", "c"), ("x", "y")
SHORT = Policy(keep=SECOND)


class JumpingClock:
    """A clock that is set by hand, also backwards."""

    def __init__(self) -> None:
        self.now = EPOCH

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
async def store(path: Path, clock: JumpingClock, new_store: NewStore) -> AsyncIterator[SqliteStore]:
    store = new_store(path, clock=clock)
    await store.open()
    yield store
    await store.close()


async def lives(store: SqliteStore, clock: JumpingClock, chance: random.Random) -> list[Job]:
    """Store jobs of all kinds while the clock jumps, and return them in the order of storing."""
    worker_id, ids = await hired(store, lease=timedelta(days=99)), []
    for _ in range(60):
        clock.now += chance.choice([0, 1, 3, 12, 60, 600, -5, -30, -400]) * SECOND
        for _ in range(chance.randrange(4)):
            delay = chance.choice([None, None, timedelta(days=9)])
            keep = chance.choice([Policy(), SHORT])
            new = new_job(
                task=chance.choice(TASKS),
                queue=chance.choice(QUEUES),
                priority=chance.randrange(3),
                delay=delay,
                policy=keep,
            )
            ids.append((await add(store, new)).id)
        claimed = await store.claim(request(worker_id, tasks=TASKS, limit=chance.randrange(3)))
        await store.settle([end(job) for job in claimed if chance.random() < 0.7])
        if chance.random() < 0.1:
            await store.prune(5)
    return [job for job in await store.get(ids) if job is not None]


def matches(job: Job, wanted: JobFilter) -> bool:
    return (
        (not wanted.states or job.state in wanted.states)
        and (not wanted.tasks or job.task in wanted.tasks)
        and (not wanted.queues or job.queue in wanted.queues)
        and (wanted.created_after is None or job.created_at > wanted.created_after)
        and (wanted.created_before is None or job.created_at < wanted.created_before)
    )


def a_filter(jobs: Sequence[Job], chance: random.Random) -> JobFilter:
    def moment() -> datetime | None:
        nudge = chance.choice([-1, 0, 1]) * timedelta(microseconds=1)
        return chance.choice([None, chance.choice(jobs).created_at + nudge, EPOCH - timedelta(days=1)])

    def some(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(chance.sample([*names, "absent"], chance.randrange(3)))

    states = tuple(chance.sample(list(JobState), chance.randrange(4)))
    return JobFilter(
        states=states, tasks=some(TASKS), queues=some(QUEUES), created_after=moment(), created_before=moment()
    )


async def listed(store: SqliteStore, wanted: JobFilter, limit: int) -> list[Job]:
    jobs, cursor = list[Job](), None
    while True:
        page = await store.find(wanted, limit=limit, cursor=cursor)
        jobs += page.jobs
        if page.next_cursor is None:
            return jobs
        cursor = page.next_cursor


@pytest.mark.parametrize("seed", range(6))
async def test_listing_is_what_a_plain_search_finds(store: SqliteStore, clock: JumpingClock, seed: int) -> None:
    chance = random.Random(seed)
    jobs = await lives(store, clock, chance)

    for _ in range(60):
        wanted = a_filter(jobs, chance)
        expected = [job for job in reversed(jobs) if matches(job, wanted)]
        assert await listed(store, wanted, chance.choice([1, 3, 100])) == expected, wanted


async def test_places_are_taken_again_without_confusion(store: SqliteStore, clock: JumpingClock) -> None:
    """When the newest jobs are pruned, the next ones take their places, at another time."""
    worker_id = await hired(store, lease=timedelta(days=99))
    oldest = await add(store, new_job(policy=Policy(keep=timedelta(days=99))))
    for _ in range(5):
        clock.now += 20 * SECOND
        await add(store, new_job(policy=SHORT))
    await store.settle([end(job) for job in await store.claim(request(worker_id, limit=6))])
    clock.now += 20 * SECOND
    assert await store.prune(10) == 5
    newest = await add(store, new_job())

    after = JobFilter(created_after=oldest.created_at)
    before = JobFilter(created_before=newest.created_at)

    assert await listed(store, after, 10) == [newest]
    assert await listed(store, before, 10) == [await stored(store, oldest.id)]


@pytest.mark.parametrize("limit", [0, -1, -(2**63)])
async def test_page_of_none_is_empty(store: SqliteStore, limit: int) -> None:
    await add(store, new_job())

    page = await store.find(JobFilter(), limit=limit, cursor=None)

    assert (page.jobs, page.next_cursor) == ((), None)


async def test_page_without_bound_is_everything(store: SqliteStore) -> None:
    job = await add(store, new_job())

    page = await store.find(JobFilter(), limit=2**80, cursor=None)

    assert (page.jobs, page.next_cursor) == ((job,), None)
