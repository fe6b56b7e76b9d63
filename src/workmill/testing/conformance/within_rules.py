"""Rules over work and the transactions of a caller: they hold for what is committed, and wait for what is not yet."""

import pytest

from workmill.store import Enqueued, Store
from workmill.testing.conformance.bounds import bound, refused
from workmill.testing.conformance.fixtures import AnotherCaller
from workmill.testing.conformance.harness import Caller, Harness
from workmill.testing.conformance.limits import claimed, gated, limited, of_key
from workmill.testing.conformance.making import SECOND, add, end, hired, new_job, new_jobs, request, running, stored
from workmill.testing.conformance.unique import ONE, OR_ANSWER, OR_REPLACE, OR_SKIP
from workmill.testing.conformance.within import beside, enqueue, finish
from workmill.words.errors import QueueFull, UniqueConflict
from workmill.words.job import JobState
from workmill.words.policy import Policy


@pytest.mark.anyio
class TestUniqueWithin:
    """A caller's unique job is one of all, from its storing on if it is committed."""

    async def test_caller_conflicts_with_what_is_stored(self, store: Store, caller: Caller) -> None:
        first = await add(store, new_job(unique=ONE))
        await caller.write("before")

        with pytest.raises(UniqueConflict) as error:
            await enqueue(store, caller, new_job(), new_job(unique=ONE))
        (answered,) = await enqueue(store, caller, new_job(unique=OR_ANSWER))
        skipped = await enqueue(store, caller, new_job(unique=OR_SKIP))
        await caller.commit()

        assert (error.value.job_id, error.value.state) == (first.id, JobState.QUEUED)
        assert answered == Enqueued(job=first, created=False)
        assert skipped == []
        assert await caller.read() == ["before"]
        assert sum(count.jobs for count in await store.counts()) == 1

    async def test_caller_conflicts_with_its_own(self, store: Store, caller: Caller) -> None:
        (first,) = await enqueue(store, caller, new_job(unique=ONE))

        with pytest.raises(UniqueConflict) as error:
            await enqueue(store, caller, new_job(unique=ONE))
        await caller.commit()

        assert error.value.job_id == first.job.id
        assert await stored(store, first.job.id) == first.job

    async def test_who_is_second_waits_and_conflicts_with_what_is_committed(self, store: Store, caller: Caller) -> None:
        (ours,) = await enqueue(store, caller, new_job(unique=ONE))

        with pytest.raises(UniqueConflict) as error:
            await beside(store.enqueue([new_job(unique=ONE)]), caller.commit)

        assert error.value.job_id == ours.job.id

    async def test_who_is_second_waits_and_is_first_after_a_roll_back(self, store: Store, caller: Caller) -> None:
        await enqueue(store, caller, new_job(unique=ONE))

        (theirs,) = await beside(store.enqueue([new_job(unique=ONE)]), caller.roll_back)

        assert theirs.created

    async def test_of_two_callers_one_is_first(self, store: Store, another_caller: AnotherCaller) -> None:
        first, second = await another_caller(), await another_caller()
        (ours,) = await enqueue(store, first, new_job(unique=ONE))

        with pytest.raises(UniqueConflict) as error:
            await beside(enqueue(store, second, new_job(unique=ONE)), first.commit)
        await second.write("after")
        await second.commit()

        assert error.value.job_id == ours.job.id
        assert await second.read() == ["after"]

    async def test_replaced_job_is_cancelled_with_the_commit(self, store: Store, caller: Caller) -> None:
        first = await add(store, new_job(unique=ONE))

        (second,) = await enqueue(store, caller, new_job(unique=OR_REPLACE))
        before = await store.get([first.id])
        await caller.commit()

        assert before == [first]
        assert (await stored(store, first.id)).state is JobState.CANCELLED
        assert await stored(store, second.job.id) == second.job

    async def test_replaced_job_is_as_it_was_after_a_roll_back(self, store: Store, caller: Caller) -> None:
        first = await running(store, new_job(unique=ONE))

        (second,) = await enqueue(store, caller, new_job(unique=OR_REPLACE))
        await caller.roll_back()

        assert second.job.state is JobState.WAITING
        assert await stored(store, first.id) == first
        with pytest.raises(UniqueConflict) as error:
            await store.enqueue([new_job(unique=ONE)])
        assert error.value.job_id == first.id

    async def test_end_within_a_transaction_makes_room_with_its_commit(self, store: Store, caller: Caller) -> None:
        first = await running(store, new_job(unique=ONE))
        await finish(store, caller, end(first))
        (second,) = await enqueue(store, caller, new_job(unique=ONE))
        await caller.commit()

        assert second.created
        assert await stored(store, second.job.id) == second.job


@pytest.mark.anyio
class TestRulesWithin:
    """What a caller stores or ends is bounded, limited and too late like anything else."""

    async def test_full_queue_refuses_a_callers_jobs(self, store: Store, caller: Caller) -> None:
        await store.set_rules([bound(3)])
        await add(store, new_job())
        await caller.write("before")

        await enqueue(store, caller, new_job())
        with pytest.raises(QueueFull) as error:
            await enqueue(store, caller, *new_jobs(2))
        await enqueue(store, caller, new_job())
        await caller.commit()

        assert (error.value.queue, error.value.waiting) == ("default", 3)
        assert await caller.read() == ["before"]
        assert sum(count.jobs for count in await store.counts()) == 3

    async def test_room_that_a_caller_took_is_taken(self, store: Store, caller: Caller) -> None:
        await store.set_rules([bound(2)])
        await enqueue(store, caller, new_job())

        with pytest.raises(QueueFull):
            await beside(store.enqueue(new_jobs(2)), caller.commit)

        await store.enqueue(new_jobs(1))
        await refused(store, new_job())

    async def test_room_that_a_caller_gave_back_is_free(self, store: Store, caller: Caller) -> None:
        await store.set_rules([bound(2)])
        await enqueue(store, caller, *new_jobs(2))

        enqueued = await beside(store.enqueue(new_jobs(2)), caller.roll_back)

        assert len(enqueued) == 2

    async def test_gates_of_a_callers_job_hold(self, store: Store, caller: Caller) -> None:
        worker_id = await limited(store, of_key(1))
        await enqueue(store, caller, gated("a"), gated("a"), gated("b"))
        await caller.commit()

        assert len(await claimed(store, worker_id)) == 2

    async def test_end_within_a_transaction_lets_the_next_begin(self, store: Store, caller: Caller) -> None:
        worker_id = await limited(store, of_key(1))
        first = await running(store, gated("a"), worker_id=worker_id)
        second = await add(store, gated("a"))

        await finish(store, caller, end(first))
        await caller.commit()

        assert await claimed(store, worker_id) == [second.id]

    async def test_end_that_is_rolled_back_makes_no_room(self, store: Store, caller: Caller) -> None:
        worker_id = await limited(store, of_key(1))
        first = await running(store, gated("a"), worker_id=worker_id)
        await add(store, gated("a"))

        await finish(store, caller, end(first))
        await caller.roll_back()

        assert await claimed(store, worker_id) == []

    async def test_callers_job_expires(self, store: Store, caller: Caller, harness: Harness) -> None:
        (enqueued,) = await enqueue(store, caller, new_job(policy=Policy(expires=SECOND)))
        await caller.commit()
        await harness.advance(SECOND)

        assert await store.claim(request(await hired(store))) == []
        assert (await stored(store, enqueued.job.id)).state is JobState.CANCELLED
