"""Storing jobs that follow others: what they wait for, and where that is certain already."""

from datetime import timedelta

import pytest

from workmill.store import Count, Enqueued, JobFilter, Promotion, Store
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    DONE,
    ERROR,
    PATIENT,
    PLAIN,
    SECOND,
    TASK,
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
from workmill.words.errors import JobConflict, ParentNotFound
from workmill.words.job import Job, JobState, NewJob
from workmill.words.outcome import Cancelled, Failed, Outcome
from workmill.words.policy import Policy
from workmill.words.ties import After, Needs
from workmill.words.unique import OnConflict, Uniqueness
from workmill.words.unstarted import not_needed, parent_cancelled, parent_failed

OUTCOMES: list[Outcome] = [DONE, Failed(failure=ERROR), Cancelled()]
FOLLOWS = {
    Needs.SUCCESS: (JobState.QUEUED, JobState.FAILED, JobState.CANCELLED),
    Needs.END: (JobState.QUEUED, JobState.QUEUED, JobState.QUEUED),
    Needs.FAILURE: (JobState.CANCELLED, JobState.QUEUED, JobState.CANCELLED),
}
"""What becomes of a follower, by what it needs and by which of the outcomes its one parent has."""

REPLACE = Uniqueness(name="one", on_conflict=OnConflict.REPLACE)
CASES = [
    pytest.param(needs, outcome, state, id=f"{needs}-after-{type(outcome).__name__}")
    for needs, states in FOLLOWS.items()
    for outcome, state in zip(OUTCOMES, states, strict=True)
]


def follower(
    *parents: NewJob | Job,
    needs: Needs = Needs.SUCCESS,
    queue: str = "default",
    policy: Policy = PLAIN,
    key: str | None = None,
    delay: timedelta | None = None,
) -> NewJob:
    """Make a job that follows others and is not stored yet."""
    after = After(jobs=tuple(parent.id for parent in parents), needs=needs)
    return new_job(queue=queue, policy=policy, key=key, delay=delay, after=after)


def evidence(job: Job) -> tuple[object, ...]:
    """Return what a job that never began tells of its end."""
    return job.failure, job.cancel_reason, job.cancel_requested_at, job.attempt, job.finished_at, job.expires_at


def expected_evidence(job: Job, parent: Job, needs: Needs = Needs.SUCCESS) -> tuple[object, ...]:
    """Return what it has to tell when that parent's end decided it."""
    failure = parent_failed(parent.id) if job.state is JobState.FAILED else None
    reason = not_needed() if needs is Needs.FAILURE else parent_cancelled(parent.id)
    now = parent.finished_at
    assert now is not None
    return failure, reason if job.state is JobState.CANCELLED else None, None, 0, now, now + job.policy.keep


@pytest.mark.anyio
class TestAfter:
    """A job that follows others waits for them, whatever else there is to be done."""

    async def test_follower_waits(self, store: Store) -> None:
        parent = await add(store, new_job())

        (answer,) = await store.enqueue([follower(parent)])

        assert (answer.created, answer.job.state, answer.job.run_at) == (True, JobState.WAITING, None)
        assert answer.job == await stored(store, answer.job.id)
        counts = [
            Count(queue="default", task=TASK, state=state, jobs=1) for state in (JobState.WAITING, JobState.QUEUED)
        ]
        assert sorted(await store.counts(), key=str) == sorted(counts, key=str)
        page = await store.find(JobFilter(states=(JobState.WAITING,)), limit=10, cursor=None)
        assert page.jobs == (answer.job,)

    async def test_parent_may_come_before_it_in_the_batch(self, store: Store) -> None:
        first = new_job()
        second = follower(first)
        third = follower(first, second)

        answers = await store.enqueue([first, second, third])

        assert [one.job.state for one in answers] == [JobState.QUEUED, JobState.WAITING, JobState.WAITING]
        assert await store.parents([third.id, first.id]) == [(first.id, second.id), ()]

    async def test_waiting_job_is_not_claimed(self, store: Store) -> None:
        parent = await add(store, new_job())
        await add(store, follower(parent))

        assert [job.id for job in await store.claim(request(await hired(store), limit=10))] == [parent.id]

    @pytest.mark.parametrize("delay", [None, SECOND], ids=["at once", "delayed"])
    async def test_waiting_job_is_not_promoted(self, store: Store, harness: Harness, delay: timedelta | None) -> None:
        parent = await running(store)
        waiting = await add(store, follower(parent, delay=delay))
        await harness.advance(timedelta(days=1))
        assert waiting.run_at is None

        assert await store.promote(10) == Promotion(count=0, next_in=None)

        assert await stored(store, waiting.id) == waiting

    async def test_waiting_job_with_a_time_is_not_promoted(self, store: Store, harness: Harness) -> None:
        parent, run_at = await running(store), await store.now() + SECOND
        waiting = await add(store, new_job(run_at=run_at, after=After(jobs=(parent.id,))))
        await harness.advance(timedelta(days=1))

        assert (waiting.state, waiting.run_at) == (JobState.WAITING, run_at)
        assert await store.promote(10) == Promotion(count=0, next_in=None)
        assert await stored(store, waiting.id) == waiting

    @pytest.mark.parametrize("delay", [None, timedelta(0), 5 * SECOND])
    async def test_follower_of_none_is_stored_as_any_other(self, store: Store, delay: timedelta | None) -> None:
        for needs in (Needs.SUCCESS, Needs.END):
            plain, alone = await add(store, new_job(delay=delay)), await add(store, follower(needs=needs, delay=delay))

            assert (alone.state, alone.run_at) == (plain.state, plain.run_at)

    async def test_follower_of_none_that_needs_a_failure_is_not_needed(self, store: Store) -> None:
        alone = await add(store, follower(needs=Needs.FAILURE))

        assert (alone.state, alone.cancel_reason) == (JobState.CANCELLED, not_needed())

    async def test_parent_that_is_named_twice_counts_once(self, store: Store) -> None:
        parent = await running(store)
        twice = await add(store, follower(parent, parent))
        assert await store.parents([twice.id]) == [(parent.id,)]

        await settle(store, end(parent))

        assert (await stored(store, twice.id)).state is JobState.QUEUED

    async def test_parents_come_in_the_order_in_which_they_were_named(self, store: Store) -> None:
        batch = new_jobs(5)
        await store.enqueue(batch)
        shuffled = [batch[place] for place in (3, 0, 4, 1, 2)]
        last = await add(store, follower(*shuffled, shuffled[1]))

        answers = await store.parents([batch[0].id, last.id, "no such job"])

        assert answers == [(), tuple(new.id for new in shuffled), ()]

    async def test_parents_stay_when_all_is_over(self, store: Store) -> None:
        parent = await running(store)
        new = await add(store, follower(parent))
        await settle(store, end(parent))
        (job,) = await store.claim(request(await hired(store)))
        await settle(store, end(job))

        assert await store.parents([new.id]) == [(parent.id,)]


@pytest.mark.anyio
class TestAfterEnded:
    """Where parents have ended already, a follower begins as it would have gone on."""

    @pytest.mark.parametrize(("needs", "outcome", "state"), CASES)
    async def test_follower_of_an_ended_job(
        self, store: Store, harness: Harness, needs: Needs, outcome: Outcome, state: JobState
    ) -> None:
        parent = await ended(store, outcome)
        await harness.advance(SECOND)

        (answer,) = await store.enqueue([follower(parent, needs=needs)])

        assert (answer.created, answer.job.state) == (True, state)
        assert answer.job == await stored(store, answer.job.id)
        assert await store.parents([answer.job.id]) == [(parent.id,)]
        claimed = await store.claim(request(await hired(store)))
        assert [job.id for job in claimed] == [answer.job.id][: state is JobState.QUEUED]

    async def test_one_that_ends_at_once_ends_as_a_settle_would_end_it(self, store: Store) -> None:
        for outcome in OUTCOMES[1:]:
            parent = await ended(store, outcome)
            job = await add(store, follower(parent, policy=Policy(keep=timedelta(hours=3))))

            assert evidence(job) == expected_evidence(job, parent)
            assert await store.attempts(job.id) == []

    async def test_one_that_ends_at_once_ends_its_own_followers_in_the_batch(self, store: Store) -> None:
        parent = await ended(store, Failed(failure=ERROR))
        second = follower(parent)
        third, other = follower(second), follower(second, needs=Needs.FAILURE)

        answers = await store.enqueue([second, third, other])

        assert [one.job.state for one in answers] == [JobState.FAILED, JobState.FAILED, JobState.QUEUED]
        assert answers[1].job.failure == parent_failed(second.id)

    async def test_of_several_the_first_in_the_order_named_decides(self, store: Store) -> None:
        failed, cancelled = await ended(store, Failed(failure=ERROR)), await ended(store, Cancelled())
        done, open_one = await ended(store), await running(store)

        one = await add(store, follower(open_one, done, failed, cancelled))
        other = await add(store, follower(done, cancelled, open_one, failed))

        assert (one.state, one.failure) == (JobState.FAILED, parent_failed(failed.id))
        assert (other.state, other.cancel_reason) == (JobState.CANCELLED, parent_cancelled(cancelled.id))

    async def test_failure_that_came_is_remembered_while_others_are_missing(self, store: Store) -> None:
        failed, parent = await ended(store, Failed(failure=ERROR)), await running(store)
        waiting = await add(store, follower(failed, parent, needs=Needs.FAILURE))
        assert waiting.state is JobState.WAITING

        await settle(store, end(parent))

        assert (await stored(store, waiting.id)).state is JobState.QUEUED

    @pytest.mark.parametrize("delay", [timedelta(0), 5 * SECOND])
    async def test_delay_counts_from_the_storing_then(self, store: Store, harness: Harness, delay: timedelta) -> None:
        parent = await ended(store)
        await harness.advance(SECOND)

        job, plain = await add(store, follower(parent, delay=delay)), await add(store, new_job(delay=delay))

        assert (job.state, job.run_at) == (plain.state, plain.run_at)

    async def test_job_that_will_run_again_has_not_ended(self, store: Store) -> None:
        parent = await ended(store, Failed(failure=ERROR), new_job(policy=PATIENT))

        assert (await add(store, follower(parent))).state is JobState.WAITING


@pytest.mark.anyio
class TestAfterRefused:
    """A parent must be stored, or come before its follower in the batch."""

    @pytest.mark.parametrize("needs", Needs)
    async def test_unknown_parent_is_refused(self, store: Store, needs: Needs) -> None:
        parent, missing = await add(store, new_job()), new_job()
        new = follower(parent, missing, needs=needs)

        with pytest.raises(ParentNotFound) as caught:
            await store.enqueue([new_job(), new])

        assert (caught.value.job_id, caught.value.parent) == (new.id, missing.id)
        assert (await store.find(JobFilter(), limit=10, cursor=None)).jobs == (parent,)

    async def test_parent_that_comes_later_is_refused(self, store: Store) -> None:
        later = new_job()

        with pytest.raises(ParentNotFound):
            await store.enqueue([follower(later), later])

        assert await store.counts() == []

    async def test_job_cannot_follow_itself(self, store: Store) -> None:
        new = new_job()

        with pytest.raises(ParentNotFound):
            await store.enqueue([new_job(id=new.id, after=After(jobs=(new.id,)))])

    async def test_refused_batch_leaves_no_follower_behind(self, store: Store) -> None:
        parent = await running(store)
        taken = await add(store, new_job(key="taken"))
        new = follower(parent)

        with pytest.raises(JobConflict):
            await store.enqueue([new, new_job(key="taken", args=b"[1]")])

        await settle(store, end(parent))
        assert await store.parents([new.id]) == [()]
        assert await store.get([new.id, taken.id]) == [None, taken]

    async def test_refused_batch_frees_nobody_who_followed_a_replaced_job(self, store: Store) -> None:
        replaced = await add(store, new_job(unique=Uniqueness(name="one")))
        failing, going_on = await add(store, follower(replaced)), await add(store, follower(replaced, needs=Needs.END))
        last = await add(store, follower(failing, going_on, needs=Needs.END))
        before = await store.get([one.id for one in (replaced, failing, going_on, last)])

        with pytest.raises(ParentNotFound):
            await store.enqueue([new_job(unique=REPLACE), follower(new_job())])

        assert await store.get([one.id for one in (replaced, failing, going_on, last)]) == before
        for _ in range(2):
            (job,) = await store.claim(request(await hired(store), limit=10))
            await settle(store, end(job, Failed(failure=ERROR)))
        states = [job and job.state for job in await store.get([one.id for one in (replaced, failing, going_on, last)])]
        assert states == [JobState.FAILED] * 3 + [JobState.QUEUED]


@pytest.mark.anyio
class TestBehind:
    """A job that awaits the end of one whose place it takes needs nothing else of that one."""

    async def behind(self, store: Store, needs: Needs) -> tuple[Job, Job, Job]:
        """Return a running parent, a running job that was replaced, and the one that follows both."""
        replaced = await running(store, new_job(unique=Uniqueness(name="one")))
        parent = await running(store)
        after = After(jobs=(parent.id,), needs=needs)
        return parent, replaced, await add(store, new_job(unique=REPLACE, after=after))

    @pytest.mark.parametrize("needs", Needs)
    async def test_it_is_named_last(self, store: Store, needs: Needs) -> None:
        parent, replaced, waiting = await self.behind(store, needs)

        assert await store.parents([waiting.id]) == [(parent.id, replaced.id)]

    @pytest.mark.parametrize("outcome", OUTCOMES[1:], ids=["failed", "cancelled"])
    async def test_its_end_spoils_no_success(self, store: Store, outcome: Outcome) -> None:
        parent, replaced, waiting = await self.behind(store, Needs.SUCCESS)
        await settle(store, end(replaced, outcome))
        assert (await stored(store, waiting.id)).state is JobState.WAITING

        await settle(store, end(parent))

        assert (await stored(store, waiting.id)).state is JobState.QUEUED

    async def test_it_is_waited_for_after_all_others(self, store: Store) -> None:
        parent, replaced, waiting = await self.behind(store, Needs.SUCCESS)
        await settle(store, end(parent))
        assert (await stored(store, waiting.id)).state is JobState.WAITING

        await settle(store, end(replaced, Cancelled()))

        assert (await stored(store, waiting.id)).state is JobState.QUEUED

    async def test_its_failure_is_not_the_one_that_is_needed(self, store: Store) -> None:
        parent, replaced, waiting = await self.behind(store, Needs.FAILURE)
        await settle(store, end(replaced, Failed(failure=ERROR)))
        assert (await stored(store, waiting.id)).state is JobState.WAITING

        await settle(store, end(parent))

        job = await stored(store, waiting.id)
        assert (job.state, job.cancel_reason) == (JobState.CANCELLED, not_needed())

    async def test_it_is_not_waited_for_where_its_successor_is_not_needed(self, store: Store) -> None:
        parent, _, waiting = await self.behind(store, Needs.FAILURE)

        await settle(store, end(parent))

        assert (await stored(store, waiting.id)).state is JobState.CANCELLED


@pytest.mark.anyio
class TestAfterRepeated:
    """Ids and keys are looked at first, so that storing a chain again stores nothing."""

    async def test_chain_is_stored_once(self, store: Store) -> None:
        first = new_job()
        second = follower(first)
        chain = [first, second, follower(second)]
        stored_first = await store.enqueue(chain)

        assert await store.enqueue(chain) == [Enqueued(job=one.job, created=False) for one in stored_first]

    async def test_repeating_asks_for_no_parent_any_more(self, store: Store, harness: Harness) -> None:
        parent = await ended(store, new=new_job(policy=Policy(keep=SECOND)))
        new = follower(parent, key="once")
        job = await ended(store, new=new)
        await harness.advance(timedelta(hours=2))
        await store.prune(10)
        assert await store.get([parent.id]) == [None]

        by_id, by_key = await store.enqueue([new, follower(parent, key="once")])

        assert by_id == by_key == Enqueued(job=job, created=False)

    @pytest.mark.parametrize("is_stored", [True, False], ids=["stored before", "within the batch"])
    async def test_parent_that_was_answered_by_another_stands_for_that(self, store: Store, is_stored: bool) -> None:  # noqa: FBT001 - a case
        known, again = new_job(key="head"), new_job(key="head")
        new = follower(again)
        if is_stored:
            await store.enqueue([known])

        answers = await store.enqueue([again, new] if is_stored else [known, again, new])

        assert (answers[-2].job.id, answers[-1].job.state) == (known.id, JobState.WAITING)
        assert await store.parents([new.id]) == [(known.id,)]
        (job,) = await store.claim(request(await hired(store)))
        await settle(store, end(job))
        assert (await stored(store, new.id)).state is JobState.QUEUED
