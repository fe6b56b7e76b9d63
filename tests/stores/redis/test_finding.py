"""Listing looks at little, however much is stored, and finds the same as a look at everything does."""

import random
from datetime import datetime, timedelta

import pytest

from tests.servers.redis_harness import RedisHarness
from tests.stores.redis.counting import counted
from workmill.store import JobFilter, Store
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.making import DONE, ERROR, PATIENT, add, end, hired, new_job, new_jobs, request
from workmill.words.job import Job, JobState
from workmill.words.outcome import Failed, Outcome, Returned, Snoozed
from workmill.words.ticks import ticks
from workmill.words.ties import Ties

TASKS = ("resize", "crop", "turn")
QUEUES = ("default", "bulk")
FLOWS = (None, "f", "g")
HOUR = timedelta(hours=1)
OUTCOMES: tuple[Outcome, ...] = (
    DONE,
    Failed(failure=ERROR),
    Returned(),
    Returned(),
    Snoozed(after=timedelta(seconds=60)),
)
LOOKED_AT_ONCE = 1000


async def listed(store: Store, wanted: JobFilter, *, limit: int = 7) -> list[Job]:
    """Return the jobs of all pages."""
    page = await store.find(wanted, limit=limit, cursor=None)
    jobs = [*page.jobs]
    while page.next_cursor is not None:
        page = await store.find(wanted, limit=limit, cursor=page.next_cursor)
        jobs += page.jobs
    return jobs


def fits(job: Job, wanted: JobFilter) -> bool:
    """Whether a filter asks for this job."""
    return (
        (not wanted.states or job.state in wanted.states)
        and (not wanted.tasks or job.task in wanted.tasks)
        and (not wanted.queues or job.queue in wanted.queues)
        and (not wanted.flows or (job.ties is not None and job.ties.flow in wanted.flows))
    )


async def live_through(store: Store, chance: random.Random) -> None:
    """Store jobs, and let some of them run and end in all ways."""
    worker_id = await hired(store)
    for _ in range(40):
        delay, flow = chance.choice((None, None, timedelta(seconds=60))), chance.choice(FLOWS)
        ties = None if flow is None else Ties(flow=flow)
        news = [
            new_job(task=chance.choice(TASKS), queue=chance.choice(QUEUES), policy=PATIENT, delay=delay, ties=ties)
            for _ in range(chance.choice((1, 2, 5)))
        ]
        await store.enqueue(news)
        jobs = await store.claim(
            request(worker_id, tasks=(chance.choice(TASKS),), queues=(chance.choice(QUEUES),), limit=3)
        )
        await store.settle([end(job, chance.choice(OUTCOMES)) for job in jobs if chance.random() < 0.8])
        await store.cancel([job.id for job in jobs if chance.random() < 0.1], None)


async def set_clock(store: RedisStore, database: RedisHarness, moment: datetime) -> None:
    """Let the store's clock stand still at a moment."""
    database.execute("HSET", database.key("meta"), "clock", ticks(moment))
    assert await store.now() == moment


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_each_filter_finds_what_a_look_at_everything_does(store: RedisStore, seed: int) -> None:
    await live_through(store, random.Random(seed))
    jobs = [*(await store.find(JobFilter(), limit=10_000, cursor=None)).jobs]
    filters = [
        JobFilter(states=states, tasks=tasks, queues=queues, flows=flows)
        for states in ((), *((state,) for state in JobState), (JobState.QUEUED, JobState.SUCCEEDED))
        for tasks in ((), TASKS[:1], TASKS[1:])
        for queues in ((), QUEUES[:1])
        for flows in ((), ("f", "g"))
    ]

    found = [await listed(store, wanted) for wanted in filters]

    assert len({job.state for job in jobs}) >= 5
    assert found == [[job for job in jobs if fits(job, wanted)] for wanted in filters]


async def test_page_that_one_script_does_not_hand_over_is_whole(store: RedisStore) -> None:
    batch = new_jobs(1300)
    await store.enqueue(batch)

    with counted(store) as verbs:
        page = await store.find(JobFilter(), limit=1200, cursor=None)

    assert [job.id for job in page.jobs] == [new.id for new in batch[:99:-1]]
    assert verbs == ["find"] * 3


async def test_long_jobs_are_handed_over_in_several_answers(store: RedisStore) -> None:
    batch = [new_job(args=b'"' + b"x" * 100_000 + b'"') for _ in range(120)]
    await store.enqueue(batch)

    with counted(store) as verbs:
        page = await store.find(JobFilter(), limit=120, cursor=None)

    assert [job.id for job in page.jobs] == [new.id for new in reversed(batch)]
    assert (page.next_cursor, len(verbs)) == (None, 3)


async def test_rare_kind_among_many_is_found_at_once(store: RedisStore) -> None:
    rare = await add(store, new_job(task="rare"))
    await store.enqueue(new_jobs(3 * LOOKED_AT_ONCE))

    with counted(store) as verbs:
        found = await store.find(JobFilter(tasks=("rare", "none")), limit=10, cursor=None)

    assert (found.jobs, found.next_cursor) == ((rare,), None)
    assert verbs == ["find"]


async def test_flow_is_looked_through_in_steps(store: RedisStore) -> None:
    flow = Ties(flow="f")
    rare = await add(store, new_job(task="rare", ties=flow))
    await store.enqueue([new_job(ties=flow) for _ in range(2 * LOOKED_AT_ONCE)])

    with counted(store) as verbs:
        found = await listed(store, JobFilter(flows=("f",), tasks=("rare",)))

    assert found == [rare]
    assert verbs == ["find"] * 3


async def test_moments_bound_what_is_looked_at(store: RedisStore, database: RedisHarness) -> None:
    start = await store.now()
    await set_clock(store, database, start)
    old = [await add(store, new_job(task=task)) for task in "abc"]
    await store.enqueue(new_jobs(2 * LOOKED_AT_ONCE))
    await set_clock(store, database, start + 2 * HOUR)
    new = [await add(store, new_job(task=task)) for task in "abc"]
    await store.enqueue(new_jobs(2 * LOOKED_AT_ONCE))
    tasks, middle = ("a", "b", "c"), start + HOUR

    with counted(store) as verbs:
        later = await listed(store, JobFilter(created_after=middle, tasks=tasks))
        earlier = await store.find(JobFilter(created_before=middle), limit=5, cursor=None)
        between = await listed(store, JobFilter(created_after=middle, created_before=middle + timedelta(seconds=1)))

    assert later == new[::-1]
    assert [job.created_at for job in earlier.jobs] == [start] * 5
    assert (old[0] in await listed(store, JobFilter(created_before=middle, tasks=tasks)), between) == (True, [])
    assert verbs == ["find"] * 3


async def test_clock_that_was_set_back_hides_nothing(store: RedisStore, database: RedisHarness) -> None:
    start = await store.now()
    jobs = []
    for minutes in (10, 12, 9, 11, 20):
        await set_clock(store, database, start + timedelta(minutes=minutes))
        jobs.append(await add(store, new_job()))

    after = JobFilter(created_after=start + timedelta(minutes=10, seconds=30))
    before = JobFilter(created_before=start + timedelta(minutes=10, seconds=30))

    assert await listed(store, after) == [jobs[4], jobs[3], jobs[1]]
    assert await listed(store, before) == [jobs[2], jobs[0]]
