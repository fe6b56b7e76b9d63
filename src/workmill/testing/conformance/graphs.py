"""Graphs of jobs under racing hands, and large ones."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from workmill.store import Count, Store
from workmill.testing.conformance.after import follower
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.making import (
    DONE,
    ERROR,
    TASK,
    add,
    claim_all,
    end,
    hired,
    new_job,
    new_jobs,
    request,
    running,
    settle,
    stored,
)
from workmill.words.errors import ParentNotFound
from workmill.words.job import Job, JobState, NewJob
from workmill.words.outcome import Cancelled, Failed, Outcome
from workmill.words.policy import Policy
from workmill.words.ties import After, Needs

DEADLINE_SECONDS = 60.0
PAIRS = 25
MANY = 10_000
AT_ONCE = 1000
"""How many jobs a test brings to a store in one call."""


async def settled_by(store: Store, jobs: list[Job], outcome: Outcome = DONE) -> None:
    """Settle jobs one after the other, giving way to others in between."""
    for job in jobs:
        await settle(store, end(job, outcome))
        await asyncio.sleep(0)


async def counted(store: Store) -> dict[JobState, int]:
    """Return how many jobs of the one task on the one queue are in each state."""
    counts = await store.counts()
    assert all(count == Count(queue="default", task=TASK, state=count.state, jobs=count.jobs) for count in counts)
    return {count.state: count.jobs for count in counts}


async def enqueue_all(store: Store, batch: list[NewJob]) -> None:
    """Store many jobs in the order given."""
    for start in range(0, len(batch), AT_ONCE):
        await store.enqueue(batch[start : start + AT_ONCE])


def chain_of(count: int) -> list[NewJob]:
    """Make jobs that follow one another, the first of them nobody."""
    links = new_jobs(count)
    return [links[0], *(new_job(id=link.id, after=After(jobs=(before.id,))) for before, link in pairwise(links))]


@pytest.mark.anyio
class TestFollowersRace:
    """However ends and storings fall together, no follower is forgotten, and none goes on twice."""

    async def test_last_parents_that_end_at_once_free_their_follower_once(self, store: Store, another: Another) -> None:
        await store.enqueue(new_jobs(2 * PAIRS))
        parents = await store.claim(request(await hired(store), limit=2 * PAIRS))
        first, second = parents[:PAIRS], parents[PAIRS:]
        batch = [follower(*pair) for pair in zip(first, second, strict=True)]
        await store.enqueue(batch)
        rivals = [await another(), await another()]

        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(settled_by(rivals[0], first), settled_by(rivals[1], second))

        assert await counted(store) == {JobState.SUCCEEDED: 2 * PAIRS, JobState.QUEUED: PAIRS}
        workers = [await hired(store), await hired(store)]
        shares = await asyncio.gather(
            *(claim_all(rival, worker, at_a_time=3) for rival, worker in zip(rivals, workers, strict=True))
        )
        assert sorted(shares[0] + shares[1]) == sorted(new.id for new in batch)

    async def test_parents_that_fail_at_once_fail_their_follower_once(self, store: Store, another: Another) -> None:
        await store.enqueue(new_jobs(2 * PAIRS))
        parents = await store.claim(request(await hired(store), limit=2 * PAIRS))
        first, second = parents[:PAIRS], parents[PAIRS:]
        batch = [follower(*pair) for pair in zip(first, second, strict=True)]
        await store.enqueue([*batch, *(follower(new, needs=Needs.FAILURE) for new in batch)])
        rivals = [await another(), await another()]
        failed = Failed(failure=ERROR)

        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(settled_by(rivals[0], first, failed), settled_by(rivals[1], second, failed))

        assert await counted(store) == {JobState.FAILED: 3 * PAIRS, JobState.QUEUED: PAIRS}

    async def test_follower_that_is_stored_while_its_parent_ends_goes_on(self, store: Store, another: Another) -> None:
        await store.enqueue(new_jobs(2 * PAIRS))
        parents = await store.claim(request(await hired(store), limit=2 * PAIRS))
        batch = [follower(parent) for parent in parents]
        rival = await another()

        async def store_each() -> None:
            for new in batch:
                await rival.enqueue([new])
                await asyncio.sleep(0)

        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(settled_by(store, list(parents)), store_each())

        assert await counted(store) == {JobState.SUCCEEDED: 2 * PAIRS, JobState.QUEUED: 2 * PAIRS}

    async def test_cancel_and_end_of_a_parent_leave_one_end_of_its_follower(
        self, store: Store, another: Another
    ) -> None:
        await store.enqueue(new_jobs(2 * PAIRS))
        parents = await store.claim(request(await hired(store), limit=2 * PAIRS))
        batch = [follower(parent) for parent in parents]
        last = [follower(new, needs=Needs.END) for new in batch]
        await store.enqueue([*batch, *last])
        rival = await another()

        async def cancel_each() -> None:
            for new in batch:
                await rival.cancel([new.id], None)
                await asyncio.sleep(0)

        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(settled_by(store, list(parents)), cancel_each())

        assert await counted(store) == {
            JobState.SUCCEEDED: 2 * PAIRS,
            JobState.CANCELLED: 2 * PAIRS,
            JobState.QUEUED: 2 * PAIRS,
        }

    async def test_parent_is_not_pruned_away_from_a_follower_that_is_being_stored(
        self, store: Store, another: Another
    ) -> None:
        rival = await another()
        for _ in range(PAIRS):
            parent = await running(store, new_job(policy=Policy(keep=timedelta(0))))
            await settle(store, end(parent))
            new = follower(parent)

            async with asyncio.timeout(DEADLINE_SECONDS):
                answers = await asyncio.gather(store.enqueue([new]), rival.prune(10), return_exceptions=True)

            assert not isinstance(answers[0], BaseException) or isinstance(answers[0], ParentNotFound)
            if not isinstance(answers[0], BaseException):
                assert (await stored(store, parent.id)).state is JobState.SUCCEEDED
                assert (await store.claim(request(await hired(store))))[0].id == new.id


@pytest.mark.anyio
class TestLargeGraphs:
    """Ten thousand jobs that hang on one end are one settle."""

    async def test_chain_that_fails_at_its_head_ends_whole(self, store: Store) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await enqueue_all(store, chain_of(MANY))
            (head,) = await store.claim(request(await hired(store)))

            await settle(store, end(head, Failed(failure=ERROR)))

            assert await counted(store) == {JobState.FAILED: MANY}

    async def test_chain_that_is_cancelled_at_its_head_ends_whole(self, store: Store) -> None:
        chain = chain_of(MANY)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await enqueue_all(store, chain)

            await store.cancel([chain[0].id], None)

            assert await counted(store) == {JobState.CANCELLED: MANY}

    @pytest.mark.parametrize(
        ("outcome", "states"),
        [
            (DONE, {JobState.SUCCEEDED: 1, JobState.QUEUED: MANY}),
            (Failed(failure=ERROR), {JobState.FAILED: MANY + 1}),
            (Cancelled(), {JobState.CANCELLED: MANY + 1}),
        ],
        ids=["done", "failed", "cancelled"],
    )
    async def test_parent_of_ten_thousand(self, store: Store, outcome: Outcome, states: dict[JobState, int]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            parent = await running(store)
            await enqueue_all(store, [follower(parent) for _ in range(MANY)])

            await settle(store, end(parent, outcome))

            assert await counted(store) == states

    async def test_follower_of_ten_thousand(self, store: Store) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            batch, worker_id = new_jobs(MANY), await hired(store)
            await enqueue_all(store, batch)
            waiting = await add(store, follower(*batch))
            assert await store.parents([waiting.id]) == [tuple(new.id for new in batch)]
            jobs = [job for _ in range(MANY // AT_ONCE) for job in await store.claim(request(worker_id, limit=AT_ONCE))]
            for start in range(0, MANY, AT_ONCE):
                assert (await stored(store, waiting.id)).state is JobState.WAITING
                await settle(store, *(end(job) for job in jobs[start : start + AT_ONCE]))

            assert await counted(store) == {JobState.SUCCEEDED: MANY, JobState.QUEUED: 1}

    async def test_ten_thousand_parents_that_have_ended(self, store: Store) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            batch = [new_job() for _ in range(MANY)]
            await enqueue_all(store, batch)
            for start in range(0, MANY, AT_ONCE):
                await store.cancel([new.id for new in batch[start : start + AT_ONCE]], None)

            waiting = await add(store, follower(*batch, needs=Needs.END))

            assert waiting.state is JobState.QUEUED
