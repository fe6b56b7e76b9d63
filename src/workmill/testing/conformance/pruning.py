"""What a prune leaves: jobs that others follow, until those have ended."""

from datetime import timedelta

import pytest

from workmill.store import Store
from workmill.testing.conformance.after import follower
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    SECOND,
    add,
    end,
    ended,
    new_job,
    running,
    settle,
    stored,
)
from workmill.words.job import Job
from workmill.words.policy import Policy


@pytest.mark.anyio
class TestPruneParents:
    """A job stays as long as one that follows it has not ended, and no longer for that reason than an hour after."""

    async def followed(self, store: Store, harness: Harness) -> tuple[Job, Job]:
        """Return a job that is past its keep time, and one that runs and follows it."""
        parent = await ended(store, new=new_job(policy=Policy(keep=SECOND)))
        job = await running(store, follower(parent, policy=Policy(keep=timedelta(days=1))))
        await harness.advance(SECOND)
        return parent, job

    async def test_followed_job_stays(self, store: Store, harness: Harness) -> None:
        parent, _ = await self.followed(store, harness)

        for _ in range(3):
            assert await store.prune(10) == 0
            await harness.advance(timedelta(hours=2))

        assert (await stored(store, parent.id)).result == parent.result

    async def test_it_goes_an_hour_after_its_followers_end_at_the_latest(self, store: Store, harness: Harness) -> None:
        parent, job = await self.followed(store, harness)
        await store.prune(10)
        await settle(store, end(job))
        await harness.advance(timedelta(hours=1))

        assert await store.prune(10) == 1

        assert await store.get([parent.id]) == [None]

    async def test_job_whose_follower_waits_for_another_stays(self, store: Store, harness: Harness) -> None:
        parent, other = await ended(store, new=new_job(policy=Policy(keep=SECOND))), await running(store)
        await add(store, follower(parent, other))
        await harness.advance(timedelta(hours=2))

        assert await store.prune(10) == 0

    async def test_followed_jobs_do_not_keep_others(self, store: Store, harness: Harness) -> None:
        await self.followed(store, harness)
        for _ in range(2):
            await ended(store, new=new_job(task="other", policy=Policy(keep=SECOND)))
        await harness.advance(SECOND)

        assert await store.prune(1) + await store.prune(1) + await store.prune(1) == 2

    async def test_ended_follower_keeps_nobody(self, store: Store, harness: Harness) -> None:
        parent = await running(store, new_job(policy=Policy(keep=SECOND)))
        waiting = await add(store, follower(parent, policy=Policy(keep=timedelta(days=1))))
        await store.cancel([waiting.id], None)
        await settle(store, end(parent))
        await harness.advance(SECOND)

        assert await store.prune(10) == 1
