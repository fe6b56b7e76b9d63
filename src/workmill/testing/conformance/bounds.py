"""Bounded queues: how many jobs that have not begun one may hold."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from workmill.store import Enqueued, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.making import (
    ERROR,
    PATIENT,
    SECOND,
    add,
    end,
    ended,
    hired,
    new_job,
    new_jobs,
    request,
    running,
    settle,
    stored,
)
from workmill.words.errors import QueueFull
from workmill.words.job import JobState, NewJob
from workmill.words.limit import Gate, Rule, Scope
from workmill.words.outcome import Failed, Returned, Snoozed
from workmill.words.ties import After, Ties
from workmill.words.unique import OnConflict, Uniqueness


def bound(waiting: int, name: str = "default") -> Rule:
    """Bound how many jobs of a queue wait."""
    return Rule(scope=Scope.QUEUE, name=name, waiting=waiting)


async def refused(store: Store, *new: NewJob) -> QueueFull:
    """Enqueue jobs, which must be refused, and return the error."""
    with pytest.raises(QueueFull) as error:
        await store.enqueue(new)
    assert await store.get([one.id for one in new]) == [None] * len(new)
    return error.value


async def accepted(store: Store, new: NewJob) -> bool:
    """Enqueue one job and say whether the queue took it."""
    try:
        return bool(await store.enqueue([new]))
    except QueueFull:
        return False


async def queued(store: Store) -> None:
    """Bring a job before its beginning: queued."""
    await add(store, new_job())


async def scheduled(store: Store) -> None:
    """Likewise: scheduled."""
    await add(store, new_job(delay=SECOND))


async def retrying(store: Store) -> None:
    """Likewise: to run again after a failure."""
    await ended(store, Failed(failure=ERROR), new_job(policy=PATIENT))


async def snoozed(store: Store) -> None:
    """Likewise: to run again at a time."""
    await ended(store, Snoozed(after=SECOND))


async def returned(store: Store) -> None:
    """Likewise: given back."""
    await ended(store, Returned())


async def waiting(store: Store) -> None:
    """Likewise: waiting for another queue's job."""
    parent = await add(store, new_job(queue="parents"))
    await add(store, new_job(after=After(jobs=(parent.id,))))


async def gated(store: Store) -> None:
    """Likewise: before a gate."""
    await add(store, new_job(ties=Ties(gates=(Gate(name="tenant", key="a"),))))


@pytest.mark.anyio
class TestBound:
    """A queue that would hold more than it may takes none of the batch."""

    async def test_queue_takes_as_many_as_it_may_hold(self, store: Store) -> None:
        await store.set_rules([bound(3)])

        await store.enqueue(new_jobs(3))

        error = await refused(store, new_job())
        assert (error.queue, error.waiting) == ("default", 3)

    @pytest.mark.parametrize(
        "fill",
        [queued, scheduled, waiting, retrying, snoozed, returned, gated],
        ids=lambda fill: fill.__name__,
    )
    async def test_whoever_is_to_begin_counts(self, store: Store, fill: Callable[[Store], Awaitable[None]]) -> None:
        await fill(store)

        await store.set_rules([bound(1)])

        await refused(store, new_job())
        await store.set_rules([bound(2)])
        assert await accepted(store, new_job(delay=SECOND))
        await refused(store, new_job(delay=SECOND))

    async def test_what_runs_or_has_ended_does_not_count(self, store: Store) -> None:
        await store.set_rules([bound(1)])
        await ended(store)
        await running(store)
        cancelled = await add(store, new_job())
        await store.cancel([cancelled.id], None)

        assert await accepted(store, new_job())

    async def test_claim_makes_room(self, store: Store) -> None:
        await store.set_rules([bound(2)])
        await store.enqueue(new_jobs(2))
        await store.claim(request(await hired(store)))

        assert await accepted(store, new_job())
        await refused(store, new_job())

    async def test_job_that_goes_back_needs_no_room(self, store: Store) -> None:
        await store.set_rules([bound(1)])
        job = await running(store)
        await add(store, new_job())

        await settle(store, end(job, Returned()))

        assert (await stored(store, job.id)).state is JobState.QUEUED
        await refused(store, new_job())

    async def test_batch_that_is_too_large_is_refused_whole(self, store: Store) -> None:
        await store.set_rules([bound(3)])
        first = await add(store, new_job())

        await refused(store, *new_jobs(3))

        assert [count.jobs for count in await store.counts()] == [1]
        assert await stored(store, first.id) == first
        await store.enqueue(new_jobs(2))

    async def test_full_queue_refuses_what_the_batch_brings_to_others(self, store: Store) -> None:
        await store.set_rules([bound(1)])

        error = await refused(store, new_job(queue="other", key="a"), new_job(), new_job())

        assert error.queue == "default"
        assert (await store.enqueue([new_job(queue="other", key="a", args=b'{"n":1}')]))[0].created

    async def test_each_queue_has_a_bound_of_its_own(self, store: Store) -> None:
        await store.set_rules([bound(1, "a"), bound(2, "b")])

        await store.enqueue([new_job(queue=queue) for queue in "abbccc"])

        assert (await refused(store, new_job(queue="b"))).waiting == 2
        assert (await refused(store, new_job(queue="c"), new_job(queue="a"))).queue == "a"

    async def test_jobs_of_all_tasks_count(self, store: Store) -> None:
        await store.set_rules([bound(2)])
        await store.enqueue([new_job(task="a"), new_job(task="b")])

        await refused(store, new_job(task="c"))

    async def test_bound_of_zero_takes_none(self, store: Store) -> None:
        await store.set_rules([bound(0)])

        await refused(store, new_job())

    async def test_empty_batch_is_taken_by_a_full_queue(self, store: Store) -> None:
        await store.set_rules([bound(0)])

        assert await store.enqueue([]) == []

    async def test_repeated_id_and_key_need_no_room(self, store: Store) -> None:
        await store.set_rules([bound(1)])
        new = new_job(key="a")
        job = await add(store, new)

        assert await store.enqueue([new, new_job(key="a")]) == [Enqueued(job=job, created=False)] * 2

    async def test_job_that_is_skipped_or_answered_needs_no_room(self, store: Store) -> None:
        await store.set_rules([bound(1)])
        job = await add(store, new_job(unique=Uniqueness(name="one")))
        batch = [
            new_job(unique=Uniqueness(name="one", on_conflict=how)) for how in (OnConflict.SKIP, OnConflict.RETURN)
        ]

        assert await store.enqueue(batch) == [Enqueued(job=job, created=False)]

    async def test_job_that_replaces_one_takes_its_room(self, store: Store) -> None:
        await store.set_rules([bound(1)])
        first = await add(store, new_job(unique=Uniqueness(name="one")))

        (second,) = await store.enqueue([new_job(unique=Uniqueness(name="one", on_conflict=OnConflict.REPLACE))])

        assert second.created
        assert (await stored(store, first.id)).state is JobState.CANCELLED

    async def test_job_that_replaces_a_running_one_needs_room(self, store: Store) -> None:
        await store.set_rules([bound(1)])
        first = await running(store, new_job(unique=Uniqueness(name="one")))
        await add(store, new_job())

        await refused(store, new_job(unique=Uniqueness(name="one", on_conflict=OnConflict.REPLACE)))

        assert await stored(store, first.id) == first

    async def test_job_that_ends_at_once_needs_no_room(self, store: Store) -> None:
        parent = await ended(store, Failed(failure=ERROR), new_job(queue="parents"))
        await store.enqueue(new_jobs(2))
        await store.set_rules([bound(1)])

        (follower,) = await store.enqueue([new_job(after=After(jobs=(parent.id,)))])

        assert follower.job.state is JobState.FAILED

    async def test_lower_bound_throws_nobody_out(self, store: Store) -> None:
        batch = new_jobs(5)
        await store.enqueue(batch)

        await store.set_rules([bound(2)])

        await refused(store, new_job())
        assert len(await store.claim(request(await hired(store), limit=4))) == 4
        assert await accepted(store, new_job())

    async def test_higher_bound_and_none_hold_at_once(self, store: Store, another: Another) -> None:
        other = await another()
        await store.set_rules([bound(1)])
        await other.enqueue(new_jobs(1))
        await refused(other, new_job())

        await store.set_rules([bound(2)])
        await other.enqueue(new_jobs(1))
        await refused(other, new_job())
        await store.reset_rules([(Scope.QUEUE, "default")])

        assert len(await other.enqueue(new_jobs(20))) == 20

    async def test_many_at_the_same_time_fill_it_and_no_more(self, store: Store, another: Another) -> None:
        stores = [store, await another(), await another()]
        await store.set_rules([bound(7)])
        batch = new_jobs(20)

        async with asyncio.timeout(60):
            taken = await asyncio.gather(*(accepted(stores[n % 3], new) for n, new in enumerate(batch)))

        assert taken.count(True) == 7
        assert [job is not None for job in await store.get([new.id for new in batch])] == taken
