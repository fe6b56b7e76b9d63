"""Unique jobs: when two of one task are one too many, and what becomes of the second."""

import asyncio
from collections import Counter

import pytest

from workmill.store import Enqueued, NoticeKind, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    DONE,
    ERROR,
    PATIENT,
    SECOND,
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
from workmill.words.errors import JobConflict, UniqueConflict
from workmill.words.job import Job, JobState, NewJob
from workmill.words.outcome import Cancelled, Failed, Outcome, Returned, Snoozed
from workmill.words.policy import Policy
from workmill.words.ties import After
from workmill.words.unique import UNFINISHED, OnConflict, Uniqueness
from workmill.words.unstarted import parent_cancelled, replaced_by

ONE = Uniqueness(name="one")
OR_ANSWER = Uniqueness(name="one", on_conflict=OnConflict.RETURN)
OR_SKIP = Uniqueness(name="one", on_conflict=OnConflict.SKIP)
OR_REPLACE = Uniqueness(name="one", on_conflict=OnConflict.REPLACE)
ANY_STATE = tuple(JobState)
CALLERS = 50


async def refused(store: Store, new: NewJob) -> UniqueConflict:
    """Enqueue one job, which must be rejected, and return the error."""
    with pytest.raises(UniqueConflict) as error:
        await store.enqueue([new])
    assert await store.get([new.id]) == [None]
    return error.value


async def attempted(store: Store, new: NewJob) -> str:
    """Enqueue one job and return its id, or that of the one in its way."""
    try:
        return (await add(store, new)).id
    except UniqueConflict as error:
        return error.job_id


async def unfinished(store: Store, state: JobState, unique: Uniqueness | None = ONE) -> Job:
    """Bring a job into a state in which it has not ended."""
    if state is JobState.QUEUED:
        return await add(store, new_job(unique=unique))
    if state is JobState.SCHEDULED:
        return await add(store, new_job(unique=unique, delay=SECOND))
    if state is JobState.WAITING:
        parent = await add(store, new_job(queue="parents"))
        return await add(store, new_job(unique=unique, after=After(jobs=(parent.id,))))
    job = await running(store, new_job(unique=unique, policy=PATIENT))
    if state is JobState.RETRYING:
        await settle(store, end(job, Failed(failure=ERROR)))
    after = await stored(store, job.id)
    assert after.state is state
    return after


@pytest.mark.anyio
class TestUnique:
    """A new job conflicts with the one that was stored last under its name for its task."""

    async def test_first_is_stored(self, store: Store) -> None:
        (enqueued,) = await store.enqueue([new_job(unique=ONE)])

        assert enqueued.created
        assert enqueued.job.state is JobState.QUEUED
        assert await stored(store, enqueued.job.id) == enqueued.job

    @pytest.mark.parametrize("state", UNFINISHED)
    async def test_second_is_rejected_while_the_first_has_not_ended(self, store: Store, state: JobState) -> None:
        first = await unfinished(store, state)

        error = await refused(store, new_job(unique=ONE))

        assert (error.job_id, error.task, error.state) == (first.id, first.task, state)
        assert await stored(store, first.id) == first

    @pytest.mark.parametrize("outcome", [Returned(), Snoozed(after=SECOND)], ids=["returned", "snoozed"])
    async def test_attempt_that_ends_does_not_end_the_job(self, store: Store, outcome: Outcome) -> None:
        first = await ended(store, outcome, new_job(unique=ONE))

        assert (await refused(store, new_job(unique=ONE))).job_id == first.id

    @pytest.mark.parametrize("outcome", [DONE, Failed(failure=ERROR), Cancelled()], ids=["done", "failed", "cancelled"])
    async def test_end_of_the_first_makes_room(self, store: Store, outcome: Outcome) -> None:
        await ended(store, outcome, new_job(unique=ONE))

        second = await add(store, new_job(unique=ONE))

        assert (await refused(store, new_job(unique=ONE))).job_id == second.id

    async def test_cancel_of_the_first_makes_room(self, store: Store) -> None:
        first = await add(store, new_job(unique=ONE))
        await store.cancel([first.id], None)

        assert (await store.enqueue([new_job(unique=ONE)]))[0].created

    async def test_another_store_sees_the_first(self, store: Store, another: Another) -> None:
        first = await add(await another(), new_job(unique=ONE))

        assert (await refused(store, new_job(unique=ONE))).job_id == first.id

    async def test_other_names_other_tasks_and_other_jobs_are_free(self, store: Store) -> None:
        await add(store, new_job(unique=ONE))
        others = [new_job(unique=Uniqueness(name="One")), new_job(task="shrink", unique=ONE), new_job()]

        assert all(one.created for one in await store.enqueue(others))

    async def test_job_that_is_not_unique_is_in_nobodys_way(self, store: Store) -> None:
        await add(store, new_job(key="one"))

        assert (await store.enqueue([new_job(unique=ONE)]))[0].created

    async def test_neither_arguments_nor_queue_matter(self, store: Store) -> None:
        first = await add(store, new_job(unique=ONE))

        assert (await refused(store, new_job(unique=ONE, queue="other", args=b'{"n":1}'))).job_id == first.id

    async def test_name_may_be_any_text(self, store: Store) -> None:
        name = '½ "\\u0000" \\ %s \' 🏭 ' + "x" * 300
        first = await add(store, new_job(unique=Uniqueness(name=name)))

        assert (await refused(store, new_job(unique=Uniqueness(name=name)))).job_id == first.id

    async def test_what_the_new_job_says_counts(self, store: Store) -> None:
        first = await add(store, new_job(unique=Uniqueness(name="one", states=())))
        while_one_runs = Uniqueness(name="one", states=(JobState.RUNNING,))

        assert (await refused(store, new_job(unique=ONE))).job_id == first.id
        assert (await store.enqueue([new_job(unique=while_one_runs)]))[0].created

    async def test_final_states_count_where_they_are_named(self, store: Store) -> None:
        once = Uniqueness(name="one", states=(JobState.QUEUED, JobState.SUCCEEDED))
        first = await ended(store, new=new_job(unique=once))

        error = await refused(store, new_job(unique=once))

        assert (error.job_id, error.state) == (first.id, JobState.SUCCEEDED)

    async def test_one_stored_last_is_in_the_way(self, store: Store) -> None:
        await add(store, new_job(unique=ONE))
        second = await add(store, new_job(unique=Uniqueness(name="one", states=())))

        assert (await refused(store, new_job(unique=ONE))).job_id == second.id

    async def test_window_ends_after_its_length(self, store: Store, harness: Harness) -> None:
        rare = Uniqueness(name="one", states=ANY_STATE, within=60 * SECOND)
        first = await ended(store, new=new_job(unique=rare))
        await harness.advance(59 * SECOND)
        error = await refused(store, new_job(unique=rare))
        await harness.advance(SECOND)

        (second,) = await store.enqueue([new_job(unique=rare)])

        assert (error.job_id, error.state) == (first.id, JobState.SUCCEEDED)
        assert second.created

    async def test_window_counts_from_the_one_stored_last(self, store: Store, harness: Harness) -> None:
        rare = Uniqueness(name="one", states=ANY_STATE, within=60 * SECOND)
        await add(store, new_job(unique=rare))
        await harness.advance(60 * SECOND)
        second = await add(store, new_job(unique=rare))
        await harness.advance(59 * SECOND)

        assert (await refused(store, new_job(unique=rare))).job_id == second.id

    async def test_refusal_does_not_prolong_the_window(self, store: Store, harness: Harness) -> None:
        rare = Uniqueness(name="one", states=ANY_STATE, within=60 * SECOND)
        await add(store, new_job(unique=rare))
        await harness.advance(30 * SECOND)
        await refused(store, new_job(unique=rare))
        await harness.advance(30 * SECOND)

        assert (await store.enqueue([new_job(unique=rare)]))[0].created

    async def test_state_and_window_must_both_hold(self, store: Store, harness: Harness) -> None:
        brief = Uniqueness(name="one", within=60 * SECOND)
        await ended(store, new=new_job(unique=brief))
        first = await add(store, new_job(unique=brief))
        early = await refused(store, new_job(unique=brief))
        await harness.advance(60 * SECOND)

        assert early.job_id == first.id
        assert (await store.enqueue([new_job(unique=brief)]))[0].created

    async def test_pruned_job_is_in_nobodys_way(self, store: Store, harness: Harness) -> None:
        ever = Uniqueness(name="one", states=ANY_STATE)
        await ended(store, new=new_job(unique=ever, policy=Policy(keep=SECOND)))
        await harness.advance(SECOND)
        await store.prune(10)

        second = await add(store, new_job(unique=ever))

        assert (await refused(store, new_job(unique=ever))).job_id == second.id

    async def test_pruning_an_earlier_one_leaves_the_last_in_the_way(self, store: Store, harness: Harness) -> None:
        await ended(store, new=new_job(unique=ONE, policy=Policy(keep=SECOND)))
        second = await add(store, new_job(unique=ONE))
        await harness.advance(SECOND)

        assert await store.prune(10) == 1

        assert (await refused(store, new_job(unique=ONE))).job_id == second.id

    async def test_repeated_id_is_answered_before_anything_is_compared(self, store: Store) -> None:
        new = new_job(unique=ONE)
        first = await add(store, new)

        assert await store.enqueue([new]) == [Enqueued(job=first, created=False)]

    async def test_repeated_id_takes_no_place(self, store: Store) -> None:
        new = new_job(unique=Uniqueness(name="one", states=()))
        await add(store, new)
        second = await add(store, new_job(unique=Uniqueness(name="one", states=())))
        await store.enqueue([new])

        assert (await refused(store, new_job(unique=ONE))).job_id == second.id

    async def test_key_is_answered_before_anything_is_compared(self, store: Store) -> None:
        first = await add(store, new_job(unique=ONE, key="a"))

        assert await store.enqueue([new_job(unique=ONE, key="a")]) == [Enqueued(job=first, created=False)]

    async def test_job_given_to_a_key_takes_no_place(self, store: Store) -> None:
        await add(store, new_job(key="a"))

        await store.enqueue([new_job(key="a", unique=ONE)])

        assert (await store.enqueue([new_job(unique=ONE)]))[0].created

    async def test_second_in_the_batch_is_rejected_and_nothing_stored(self, store: Store) -> None:
        first, second = new_job(unique=ONE), new_job(unique=ONE)

        with pytest.raises(UniqueConflict) as error:
            await store.enqueue([new_job(), first, second])

        assert (error.value.job_id, error.value.state) == (first.id, JobState.QUEUED)
        assert await store.counts() == []
        assert (await store.enqueue([second]))[0].created

    async def test_rejection_is_a_conflict(self, store: Store) -> None:
        await add(store, new_job(unique=ONE))

        with pytest.raises(JobConflict):
            await store.enqueue([new_job(unique=ONE)])


@pytest.mark.anyio
class TestUniqueAnswer:
    """Where no error is wanted, the one there is is the answer, or there is none."""

    async def test_the_one_there_is_is_the_answer(self, store: Store) -> None:
        first = await running(store, new_job(unique=OR_ANSWER))
        second = new_job(unique=OR_ANSWER, args=b'{"n":1}')

        assert await store.enqueue([second]) == [Enqueued(job=first, created=False)]

        assert await store.get([second.id]) == [None]
        assert await stored(store, first.id) == first

    async def test_earlier_one_of_the_batch_is_the_answer_too(self, store: Store) -> None:
        batch = [new_job(unique=OR_ANSWER), new_job(), new_job(unique=OR_ANSWER)]

        enqueued = await store.enqueue(batch)

        assert [one.job.id for one in enqueued] == [batch[0].id, batch[1].id, batch[0].id]
        assert [one.created for one in enqueued] == [True, True, False]

    async def test_without_conflict_it_is_stored(self, store: Store) -> None:
        await ended(store, new=new_job(unique=OR_ANSWER))

        assert (await store.enqueue([new_job(unique=OR_ANSWER)]))[0].created

    async def test_skipped_job_is_left_out(self, store: Store) -> None:
        first = await add(store, new_job(unique=OR_SKIP))
        before, skipped, after = new_job(), new_job(unique=OR_SKIP), new_job()

        enqueued = await store.enqueue([before, skipped, after])

        assert [one.job.id for one in enqueued] == [before.id, after.id]
        assert await store.get([skipped.id]) == [None]
        assert await stored(store, first.id) == first

    async def test_skipped_alone_answers_nothing(self, store: Store) -> None:
        await add(store, new_job(unique=ONE))

        assert await store.enqueue([new_job(unique=OR_SKIP)]) == []

    async def test_who_is_not_stored_takes_no_place(self, store: Store) -> None:
        first = await add(store, new_job(unique=ONE))
        await store.enqueue([new_job(unique=OR_SKIP), new_job(unique=OR_ANSWER)])

        assert (await refused(store, new_job(unique=ONE))).job_id == first.id

    async def test_who_is_not_stored_leaves_its_key_free(self, store: Store) -> None:
        await add(store, new_job(unique=ONE))
        await store.enqueue([new_job(unique=OR_SKIP, key="a"), new_job(unique=OR_ANSWER, key="b")])

        enqueued = await store.enqueue([new_job(key="a", args=b'{"n":1}'), new_job(key="b", args=b'{"n":1}')])

        assert all(one.created for one in enqueued)


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
