"""Jobs that a caller's transaction stores once more: by their id, or by their key."""

import pytest

from workmill.store import Enqueued, Store
from workmill.testing.conformance.fixtures import AnotherCaller
from workmill.testing.conformance.harness import Caller
from workmill.testing.conformance.making import (
    add,
    ended,
    new_job,
    new_jobs,
    running,
    stored,
)
from workmill.testing.conformance.within import beside, enqueue
from workmill.words.errors import JobConflict


@pytest.mark.anyio
class TestKnownWithin:
    """What is stored already is answered as it is, and nothing but the caller's own is undone by a conflict."""

    async def test_repeated_id_returns_the_stored_job(self, store: Store, caller: Caller) -> None:
        new = new_job()
        job = await running(store, new)

        (again,) = await enqueue(store, caller, new)
        await caller.commit()

        assert again == Enqueued(job=job, created=False)

    async def test_repeated_batch_stores_only_what_is_missing(self, store: Store, caller: Caller) -> None:
        batch = new_jobs(3)
        await store.enqueue(batch[:2])

        enqueued = await enqueue(store, caller, *batch)
        await caller.commit()

        assert [one.created for one in enqueued] == [False, False, True]
        assert sum(count.jobs for count in await store.counts()) == 3

    async def test_repeated_id_within_the_batch_is_stored_once(self, store: Store, caller: Caller) -> None:
        new = new_job()

        first, second = await enqueue(store, caller, new, new)
        await caller.commit()

        assert (first.created, second.created) == (True, False)
        assert first.job == second.job
        assert sum(count.jobs for count in await store.counts()) == 1

    async def test_same_key_and_arguments_return_the_stored_job(self, store: Store, caller: Caller) -> None:
        first = await ended(store, new=new_job(key="a", args=b'{"n":1}'))

        (again,) = await enqueue(store, caller, new_job(key="a", args=b'{"n":1}', priority=9))

        assert again == Enqueued(job=first, created=False)

    async def test_key_holds_within_the_batch(self, store: Store, caller: Caller) -> None:
        first, second, third = await enqueue(store, caller, new_job(key="a"), new_job(), new_job(key="a"))
        await caller.commit()

        assert (first.created, second.created, third.created) == (True, True, False)
        assert third.job == first.job
        assert sum(count.jobs for count in await store.counts()) == 2

    async def test_conflict_leaves_the_callers_transaction_usable(self, store: Store, caller: Caller) -> None:
        first = await add(store, new_job(key="a", args=b'{"n":1}'))
        beside_it, after = new_job(key="b"), new_job(key="b", args=b'{"other":1}')
        await caller.write("before")

        with pytest.raises(JobConflict) as refused:
            await enqueue(store, caller, beside_it, new_job(key="a", args=b'{"n":2}'))
        await caller.write("after")
        await enqueue(store, caller, after)
        await caller.commit()

        assert refused.value.job_id == first.id
        assert await caller.read() == ["before", "after"]
        found = await store.get([beside_it.id, after.id, first.id])
        assert [job and job.id for job in found] == [None, after.id, first.id]

    async def test_conflict_within_the_batch_stores_nothing(self, store: Store, caller: Caller) -> None:
        first = new_job(key="a", args=b'{"n":1}')

        with pytest.raises(JobConflict) as refused:
            await enqueue(store, caller, first, new_job(key="a", args=b'{"n":2}'))
        await caller.commit()

        assert refused.value.job_id == first.id
        assert await store.counts() == []

    async def test_key_of_a_caller_that_commits_first_is_the_others_answer(
        self, store: Store, another_caller: AnotherCaller
    ) -> None:
        first, second = await another_caller(), await another_caller()
        (ours,) = await enqueue(store, first, new_job(key="a"))

        theirs, free = await beside(enqueue(store, second, new_job(key="a"), new_job(key="b")), first.commit)
        await second.commit()

        assert theirs == Enqueued(job=ours.job, created=False)
        assert free.created
        assert await stored(store, free.job.id) == free.job

    async def test_key_of_a_caller_that_commits_first_conflicts(
        self, store: Store, another_caller: AnotherCaller
    ) -> None:
        first, second = await another_caller(), await another_caller()
        (ours,) = await enqueue(store, first, new_job(key="a", args=b'{"n":1}'))
        beside_it = new_job()

        with pytest.raises(JobConflict) as refused:
            await beside(enqueue(store, second, beside_it, new_job(key="a", args=b'{"n":2}')), first.commit)
        await second.write("after")
        await second.commit()

        assert refused.value.job_id == ours.job.id
        assert await second.read() == ["after"]
        assert await store.get([beside_it.id]) == [None]

    async def test_key_of_a_caller_that_rolls_back_is_free(self, store: Store, another_caller: AnotherCaller) -> None:
        first, second = await another_caller(), await another_caller()
        await enqueue(store, first, new_job(key="a", args=b'{"n":1}'))

        (theirs,) = await beside(enqueue(store, second, new_job(key="a", args=b'{"n":2}')), first.roll_back)
        await second.commit()

        assert theirs.created
        assert await stored(store, theirs.job.id) == theirs.job

    async def test_key_of_a_caller_is_the_answer_to_who_enqueues_alone(self, store: Store, caller: Caller) -> None:
        (ours,) = await enqueue(store, caller, new_job(key="a"))

        (theirs,) = await beside(store.enqueue([new_job(key="a")]), caller.commit)

        assert theirs == Enqueued(job=ours.job, created=False)
