"""Unique jobs that take the place of others, and the races of many for one place."""

import asyncio
from collections import Counter

import pytest

from workmill.store import NoticeKind, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.making import (
    DONE,
    ERROR,
    add,
    end,
    ended,
    hired,
    new_job,
    request,
    running,
    settle,
    stored,
)
from workmill.testing.conformance.notices import CANCEL, CHANGED, about, changed, earlier, hear, listening
from workmill.testing.conformance.unique import ANY_STATE, CALLERS, ONE, OR_REPLACE, attempted, refused, unfinished
from workmill.words.errors import UniqueConflict
from workmill.words.job import JobState, NewJob
from workmill.words.outcome import Cancelled, Failed, Outcome
from workmill.words.ties import After
from workmill.words.unique import OnConflict, Uniqueness
from workmill.words.unstarted import parent_cancelled, replaced_by


@pytest.mark.anyio
class TestUniqueReplace:
    """The one there is is cancelled and the new one takes its place; the two never run at the same time."""

    @pytest.mark.parametrize("state", [JobState.SCHEDULED, JobState.QUEUED, JobState.RETRYING])
    async def test_one_that_does_not_run_is_cancelled_at_once(self, store: Store, state: JobState) -> None:
        first = await unfinished(store, state)

        second = await add(store, new_job(unique=OR_REPLACE))

        replaced = await stored(store, first.id)
        assert second.state is JobState.QUEUED
        assert (replaced.state, replaced.cancel_reason) == (JobState.CANCELLED, replaced_by(second.id))
        assert replaced.cancel_requested_at == replaced.finished_at == await store.now()
        assert (await refused(store, new_job(unique=ONE))).job_id == second.id

    async def test_running_one_is_asked_to_end(self, store: Store) -> None:
        first = await running(store, new_job(unique=ONE))

        second = await add(store, new_job(unique=OR_REPLACE))

        asked = await stored(store, first.id)
        assert (asked.state, asked.cancel_reason) == (JobState.RUNNING, replaced_by(second.id))
        assert (asked.cancel_requested_at, asked.cancel_forced) == (await store.now(), False)
        assert second.state is JobState.WAITING
        assert await store.parents([second.id]) == [(first.id,)]
        assert (await refused(store, new_job(unique=ONE))).job_id == second.id

    @pytest.mark.parametrize("outcome", [DONE, Failed(failure=ERROR), Cancelled()], ids=["done", "failed", "cancelled"])
    async def test_end_of_the_running_one_lets_the_new_one_begin(self, store: Store, outcome: Outcome) -> None:
        first = await running(store, new_job(unique=ONE))
        second = await add(store, new_job(unique=OR_REPLACE))
        early = await store.claim(request(await hired(store)))

        await settle(store, end(first, outcome))

        assert early == []
        (claimed,) = await store.claim(request(await hired(store)))
        assert claimed.id == second.id

    async def test_waiting_one_leaves_its_parents_to_the_new_one(self, store: Store) -> None:
        first = await running(store, new_job(unique=ONE))
        second = await add(store, new_job(unique=OR_REPLACE))

        third = await add(store, new_job(unique=OR_REPLACE))

        assert third.state is JobState.WAITING
        assert (await stored(store, second.id)).state is JobState.CANCELLED
        assert await store.parents([third.id]) == [(first.id,)]
        await settle(store, end(first))
        assert (await stored(store, third.id)).state is JobState.QUEUED

    async def test_running_one_is_in_the_way_when_its_successor_was_cancelled(self, store: Store) -> None:
        first = await running(store, new_job(unique=ONE))
        second = await add(store, new_job(unique=OR_REPLACE))
        await store.cancel([second.id], None)

        assert (await refused(store, new_job(unique=ONE))).job_id == first.id
        third = await add(store, new_job(unique=OR_REPLACE))
        assert third.state is JobState.WAITING
        assert await store.parents([third.id]) == [(first.id,)]
        assert (await stored(store, first.id)).cancel_reason == replaced_by(second.id)
        await settle(store, end(first))
        assert (await stored(store, third.id)).state is JobState.QUEUED

    async def test_running_one_is_in_the_way_after_several_successors(self, store: Store) -> None:
        first = await running(store, new_job(unique=ONE))
        await add(store, new_job(unique=OR_REPLACE))
        third = await add(store, new_job(unique=OR_REPLACE))
        await store.cancel([third.id], None)

        assert (await refused(store, new_job(unique=ONE))).job_id == first.id
        await settle(store, end(first))
        assert (await store.enqueue([new_job(unique=ONE)]))[0].created

    async def test_running_one_is_awaited_though_its_cancelled_successor_is_in_the_way(self, store: Store) -> None:
        first = await running(store, new_job(unique=ONE))
        second = await add(store, new_job(unique=OR_REPLACE))
        await store.cancel([second.id], None)
        anew = Uniqueness(name="one", states=ANY_STATE, on_conflict=OnConflict.REPLACE)

        third = await add(store, new_job(unique=anew))

        assert third.state is JobState.WAITING
        assert await store.parents([third.id]) == [(first.id,)]

    async def test_running_one_is_in_nobodys_way_when_its_successor_has_run(self, store: Store) -> None:
        first = await running(store, new_job(unique=ONE))
        await add(store, new_job(unique=OR_REPLACE))
        await settle(store, end(first))
        (second,) = await store.claim(request(await hired(store)))
        await settle(store, end(second))

        assert (await store.enqueue([new_job(unique=ONE)]))[0].created

    async def test_waiting_one_leaves_those_that_it_named(self, store: Store) -> None:
        parent = await add(store, new_job())
        second = await add(store, new_job(unique=ONE, after=After(jobs=(parent.id,))))

        third = await add(store, new_job(unique=OR_REPLACE))

        assert (await stored(store, second.id)).state is JobState.CANCELLED
        assert third.state is JobState.WAITING
        assert await store.parents([third.id]) == [(parent.id,)]

    async def test_chain_in_one_batch_leaves_the_last(self, store: Store) -> None:
        batch = [new_job(unique=OR_REPLACE) for _ in range(4)]

        enqueued = await store.enqueue(batch)

        assert [one.job.id for one in enqueued] == [new.id for new in batch]
        states = [job and job.state for job in await store.get([new.id for new in batch])]
        assert states == [JobState.CANCELLED] * 3 + [JobState.QUEUED]
        assert (await stored(store, batch[0].id)).cancel_reason == replaced_by(batch[1].id)

    async def test_end_that_was_named_is_left_as_it_is(self, store: Store) -> None:
        first = await ended(store, new=new_job(unique=ONE))
        anew = Uniqueness(name="one", states=ANY_STATE, on_conflict=OnConflict.REPLACE)

        second = await add(store, new_job(unique=anew))

        assert second.state is JobState.QUEUED
        assert await stored(store, first.id) == first
        assert (await refused(store, new_job(unique=ONE))).job_id == second.id

    async def test_what_follows_the_replaced_one_ends_with_it(self, store: Store) -> None:
        first = await add(store, new_job(unique=ONE))
        follower = await add(store, new_job(after=After(jobs=(first.id,))))

        await add(store, new_job(unique=OR_REPLACE))

        after = await stored(store, follower.id)
        assert (after.state, after.cancel_reason) == (JobState.CANCELLED, parent_cancelled(first.id))

    async def test_refusal_behind_it_leaves_the_first_as_it_was(self, store: Store) -> None:
        held = await running(store, new_job(unique=Uniqueness(name="two")))
        first = await add(store, new_job(unique=ONE))
        follower = await add(store, new_job(after=After(jobs=(first.id,))))
        batch = [
            new_job(unique=OR_REPLACE),
            new_job(unique=Uniqueness(name="two", on_conflict=OnConflict.REPLACE)),
            new_job(unique=ONE),
        ]

        with pytest.raises(UniqueConflict) as error:
            await store.enqueue(batch)

        assert error.value.job_id == batch[0].id
        assert await store.get([held.id, first.id, follower.id]) == [held, first, follower]
        assert await store.get([new.id for new in batch]) == [None] * 3
        assert (await refused(store, new_job(unique=ONE))).job_id == first.id
        (claimed,) = await store.claim(request(await hired(store), limit=5))
        assert claimed.id == first.id
        await settle(store, end(claimed))
        assert (await stored(store, follower.id)).state is JobState.QUEUED

    async def test_worker_of_the_running_one_is_told(self, store: Store, another: Another) -> None:
        first = await earlier(another, lambda early: running(early, new_job(unique=ONE)))
        async with listening(store, CANCEL) as cancels, listening(store, CHANGED) as changes:
            await add(store, new_job(unique=OR_REPLACE))

            await hear(cancels, about(NoticeKind.CANCEL, first))
            await hear(changes, changed(first))

    async def test_who_follows_the_cancelled_one_is_told(self, store: Store, another: Another) -> None:
        first = await earlier(another, lambda early: add(early, new_job(unique=ONE)))
        async with listening(store, CHANGED) as ear:
            await add(store, new_job(unique=OR_REPLACE))

            await hear(ear, changed(first))

    async def test_of_many_at_the_same_time_one_is_left(self, store: Store, another: Another) -> None:
        stores = [store, await another(), await another()]
        batch = [new_job(unique=OR_REPLACE) for _ in range(20)]

        async with asyncio.timeout(60):
            await asyncio.gather(*(stores[n % 3].enqueue([new]) for n, new in enumerate(batch)))

        states = Counter([(await stored(store, new.id)).state for new in batch])
        assert states == {JobState.CANCELLED: 19, JobState.QUEUED: 1}


@pytest.mark.anyio
class TestUniqueRace:
    """However many ask at the same time, one is accepted."""

    async def test_one_of_many_callers_is_accepted(self, store: Store, another: Another) -> None:
        stores = [store, await another(), await another()]
        batch = [new_job(unique=ONE) for _ in range(CALLERS)]

        async with asyncio.timeout(60):
            named = await asyncio.gather(*(attempted(stores[n % 3], new) for n, new in enumerate(batch)))

        (accepted,) = set(named)
        assert [job is not None for job in await store.get([new.id for new in batch])].count(True) == 1
        assert (await stored(store, accepted)).state is JobState.QUEUED

    async def test_each_name_has_one_of_its_own(self, store: Store, another: Another) -> None:
        stores, names, batches = [store, await another(), await another()], ["a", "b", "c", "d"], list[list[NewJob]]()
        for turn in range(12):
            order = names if turn % 2 else names[::-1]
            batches.append([new_job(unique=Uniqueness(name=name, on_conflict=OnConflict.SKIP)) for name in order])

        async with asyncio.timeout(60):
            answers = await asyncio.gather(*(stores[n % 3].enqueue(batch) for n, batch in enumerate(batches)))

        assert sum(len(answer) for answer in answers) == len(names)

    async def test_end_lets_exactly_one_in(self, store: Store, another: Another) -> None:
        other = await another()
        first = await running(store, new_job(unique=ONE))
        batch = [new_job(unique=ONE) for _ in range(10)]

        async with asyncio.timeout(60):
            early = [attempted(other, new) for new in batch[:5]]
            late = [attempted(store, new) for new in batch[5:]]
            await asyncio.gather(*early, settle(store, end(first)), *late)
            await attempted(store, new_job(unique=ONE))

        queued = sum(count.jobs for count in await store.counts() if count.state is JobState.QUEUED)
        assert queued == 1
