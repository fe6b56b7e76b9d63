"""Several processes at the same graph and the same ticks, for stores that cross them."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from workmill.store import JobFilter, Store, TickVerdict
from workmill.testing.conformance.after import follower
from workmill.testing.conformance.channels import PUBLISHED, beginning, data_of, publish, read
from workmill.testing.conformance.firing import fire
from workmill.testing.conformance.harness import Harness, Opener
from workmill.testing.conformance.making import new_jobs
from workmill.testing.conformance.notices import hear, listening
from workmill.testing.conformance.processes import PROCESSES, answers, opened, opener_of, processes, work
from workmill.testing.conformance.schedules import plan, put, tick
from workmill.words.job import NewJob
from workmill.words.schedule import Overlap, Schedule

GROUPS, PARENTS, TICKS = 60, 5, 50


def group() -> list[NewJob]:
    """Make several jobs, one that follows them all, and two more one after the other."""
    parents = new_jobs(PARENTS)
    last = follower(*parents)
    then = follower(last)
    return [*parents, last, then, follower(then, parents[0])]


def fire_all(opener: Opener, schedules: list[Schedule]) -> list[str]:
    """Fire the tick of each schedule, as it was seen; return the names of those that fired."""
    return asyncio.run(_fire_all(opener, schedules))


async def _fire_all(opener: Opener, schedules: list[Schedule]) -> list[str]:
    async with opened(opener) as store:
        next_at = await store.now() + timedelta(days=1)
        fired = [(one.plan.name, await fire(store, tick(one, next_at=next_at))) for one in schedules]
        return [name for name, verdict in fired if verdict is TickVerdict.FIRED]


def publish_one(opener: Opener) -> None:
    """Publish a message."""
    asyncio.run(_publish_one(opener))


async def _publish_one(opener: Opener) -> None:
    async with opened(opener) as store:
        await publish(store, b"1")


async def due(store: Store) -> list[Schedule]:
    """Store schedules that are due, and return them."""
    plans = [plan(name=f"s{number}", overlap=Overlap.ALLOW) for number in range(TICKS)]
    return [await put(store, made, after=timedelta(0)) for made in plans]


@pytest.mark.anyio
class TestProcessesTied:
    """Processes share graphs and schedules as stores in one process do."""

    async def test_graph_is_worked_off_once(self, harness: Harness) -> None:
        opener, batch = opener_of(harness), [new for _ in range(GROUPS) for new in group()]
        async with opened(opener) as store:
            await store.enqueue(batch)

            with processes() as pool:
                shares = await answers([pool.apply_async(work, (opener,)) for _ in range(PROCESSES)])

            assert Counter(job_id for share in shares for job_id in share) == Counter(new.id for new in batch)
            assert [(count.state, count.jobs) for count in await store.counts()] == [("succeeded", len(batch))]

    async def test_tick_that_all_see_fires_once(self, harness: Harness) -> None:
        opener = opener_of(harness)
        async with opened(opener) as store:
            schedules = await due(store)

            with processes() as pool:
                shares = await answers([pool.apply_async(fire_all, (opener, schedules)) for _ in range(PROCESSES)])

            assert Counter(name for share in shares for name in share) == Counter(one.plan.name for one in schedules)
            page = await store.find(JobFilter(), limit=10 * TICKS, cursor=None)
            assert Counter(job.ties and job.ties.schedule for job in page.jobs) == Counter(
                one.plan.name for one in schedules
            )
            assert (await store.due(10)).schedules == ()

    async def test_message_crosses(self, harness: Harness) -> None:
        opener = opener_of(harness)
        async with opened(opener) as store, listening(store, PUBLISHED) as ear:
            start = await beginning(store)
            with processes() as pool:
                result = pool.apply_async(publish_one, (opener,))
                await hear(ear, lambda notice: notice.channel in ("news", ""))
                await answers([result])

            assert data_of(await read(store, start)) == [b"1"]
