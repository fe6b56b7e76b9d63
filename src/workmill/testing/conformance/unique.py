"""Unique jobs: when two of one task are one too many, and what becomes of the second."""

import pytest

from workmill.store import Enqueued, Store
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
    new_job,
    running,
    settle,
    stored,
)
from workmill.words.errors import JobConflict, UniqueConflict
from workmill.words.job import Job, JobState, NewJob
from workmill.words.outcome import Cancelled, Failed, Outcome, Returned, Snoozed
from workmill.words.policy import Policy
from workmill.words.ties import After
from workmill.words.unique import UNFINISHED, OnConflict, Uniqueness

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
