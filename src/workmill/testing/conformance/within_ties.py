"""What binds jobs to others, in a caller's transaction: ties come, and ends have consequences, with its commit."""

import pytest

from workmill.store import Flow, Store, TickVerdict
from workmill.testing.conformance.after import follower
from workmill.testing.conformance.firing import fire
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Caller
from workmill.testing.conformance.loops import is_due_after_its_pause, looping
from workmill.testing.conformance.making import DONE, ERROR, add, end, hired, new_job, request, running, settle, stored
from workmill.testing.conformance.notices import QUEUED, earlier, hear, listening, queued_on
from workmill.testing.conformance.schedules import known, tick
from workmill.testing.conformance.within import beside, enqueue, finish
from workmill.words.errors import ParentNotFound
from workmill.words.job import Job, JobState
from workmill.words.outcome import Failed, Outcome
from workmill.words.ties import Needs, Ties
from workmill.words.unstarted import parent_failed


async def states(store: Store, *jobs: Job) -> list[JobState]:
    """Return the states of stored jobs."""
    return [(await stored(store, job.id)).state for job in jobs]


@pytest.mark.anyio
class TestFollowWithin:
    """A caller's job follows what is stored, and what the caller stored, from the commit on."""

    async def test_follower_of_a_stored_job_goes_on_after_it(self, store: Store, caller: Caller) -> None:
        parent = await running(store)
        (answer,) = await enqueue(store, caller, follower(parent))
        await caller.commit()

        assert answer.job == await stored(store, answer.job.id)
        assert answer.job.state is JobState.WAITING
        assert await store.parents([answer.job.id]) == [(parent.id,)]
        await settle(store, end(parent))
        assert await states(store, answer.job) == [JobState.QUEUED]

    async def test_chain_of_one_transaction(self, store: Store, caller: Caller) -> None:
        first = new_job(ties=Ties(flow="f"))
        second = follower(first)
        await enqueue(store, caller, first, second)
        (third,) = await enqueue(store, caller, follower(second))
        before = await store.flow("f"), await store.parents([second.id])
        await caller.commit()

        (job,) = await store.claim(request(await hired(store)))
        await settle(store, end(job, Failed(failure=ERROR)))

        assert before == (None, [()])
        assert await store.flow("f") == Flow(id="f", created_at=job.created_at, counts={JobState.FAILED: 1})
        after = await stored(store, third.job.id)
        assert (after.state, after.failure) == (JobState.FAILED, parent_failed(second.id))

    async def test_follower_that_is_rolled_back_was_never_there(self, store: Store, caller: Caller) -> None:
        parent = await running(store)
        (answer,) = await enqueue(store, caller, follower(parent))
        await caller.roll_back()

        await settle(store, end(parent))

        assert await store.get([answer.job.id]) == [None]
        assert await store.parents([answer.job.id]) == [()]
        assert await store.claim(request(await hired(store))) == []

    async def test_refusal_leaves_the_callers_transaction_alone(self, store: Store, caller: Caller) -> None:
        missing = new_job()
        await caller.write("before")

        with pytest.raises(ParentNotFound) as caught:
            await enqueue(store, caller, new_job(), follower(missing))
        (kept,) = await enqueue(store, caller, new_job())
        await caller.commit()

        assert caught.value.parent == missing.id
        assert await caller.read() == ["before"]
        assert [count.jobs for count in await store.counts()] == [1]
        assert await stored(store, kept.job.id) == kept.job

    async def test_follower_of_a_job_that_has_ended_begins_so(self, store: Store, caller: Caller) -> None:
        parent = await running(store)
        await settle(store, end(parent, Failed(failure=ERROR)))

        lost, called = await enqueue(store, caller, follower(parent), follower(parent, needs=Needs.FAILURE))
        await caller.commit()

        assert (lost.job.state, called.job.state) == (JobState.FAILED, JobState.QUEUED)
        assert await store.get([lost.job.id, called.job.id]) == [lost.job, called.job]

    async def test_parent_that_ends_while_its_follower_is_being_stored(self, store: Store, caller: Caller) -> None:
        parent = await running(store)
        (answer,) = await enqueue(store, caller, follower(parent))

        await beside(settle(store, end(parent)), caller.commit)

        assert await states(store, answer.job) == [JobState.QUEUED]


@pytest.mark.anyio
class TestEndWithin:
    """What follows from an end in a caller's transaction is done in that transaction."""

    @pytest.mark.parametrize("outcome", [DONE, Failed(failure=ERROR)], ids=["done", "failed"])
    async def test_followers_go_on_or_end_with_the_commit(self, store: Store, caller: Caller, outcome: Outcome) -> None:
        parent = await running(store)
        then, handler = await add(store, follower(parent)), await add(store, follower(parent, needs=Needs.FAILURE))
        await finish(store, caller, end(parent, outcome))
        before = await states(store, then, handler)
        await caller.commit()

        is_done = outcome is DONE
        assert before == [JobState.WAITING] * 2
        assert await states(store, then, handler) == (
            [JobState.QUEUED, JobState.CANCELLED] if is_done else [JobState.FAILED, JobState.QUEUED]
        )
        assert [job.id for job in await store.claim(request(await hired(store)))] == [(then if is_done else handler).id]

    async def test_rolled_back_everybody_waits_on(self, store: Store, caller: Caller) -> None:
        parent = await running(store)
        waiting = await add(store, follower(parent))
        await finish(store, caller, end(parent, Failed(failure=ERROR)))
        await caller.roll_back()
        assert await stored(store, waiting.id) == waiting

        await settle(store, end(parent))

        assert await states(store, waiting) == [JobState.QUEUED]

    async def test_caller_ends_a_job_and_stores_what_follows_it(self, store: Store, caller: Caller) -> None:
        parent = await running(store)
        await finish(store, caller, end(parent))

        (answer,) = await enqueue(store, caller, follower(parent))
        await caller.commit()

        assert answer.job.state is JobState.QUEUED
        assert await stored(store, answer.job.id) == answer.job

    async def test_follower_that_is_stored_while_its_parent_ends(self, store: Store, caller: Caller) -> None:
        parent = await running(store)
        await finish(store, caller, end(parent))
        new = follower(parent)

        await beside(store.enqueue([new]), caller.commit)

        assert (await stored(store, new.id)).state is JobState.QUEUED

    async def test_loop_goes_on_after_its_pause(self, store: Store, caller: Caller) -> None:
        await looping(store)
        assert await fire(store, tick(await known(store))) is TickVerdict.FIRED
        (job,) = await store.claim(request(await hired(store)))
        await finish(store, caller, end(job))
        before = await known(store)
        await caller.commit()

        assert (before.is_active, before.next_at) == (True, None)
        assert await is_due_after_its_pause(store)

    async def test_freed_job_is_told_on_its_queue(self, store: Store, another: Another, caller: Caller) -> None:
        parent = await earlier(another, running)
        await earlier(another, lambda early: add(early, follower(parent, queue="next")))
        async with listening(store, QUEUED) as ear:
            await finish(store, caller, end(parent))
            await caller.commit()

            await hear(ear, queued_on("next"))
