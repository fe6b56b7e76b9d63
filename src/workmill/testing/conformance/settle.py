"""Ending attempts: what each outcome leaves on the job, and what is claimed in the same call."""

from datetime import timedelta

import pytest

from workmill.store import Store, Verdict
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    DEATH,
    DONE,
    ERROR,
    LEASE,
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
from workmill.words.job import JobState
from workmill.words.outcome import Cancelled, Failed, Failure, FailureKind, Interrupted, Returned, Snoozed, Succeeded
from workmill.words.policy import Policy

WITHOUT_FAILURE = [
    pytest.param(Returned(), id="returned"),
    pytest.param(Snoozed(after=SECOND), id="snoozed"),
    pytest.param(Cancelled(), id="cancelled"),
]


@pytest.mark.anyio
class TestSettle:
    """A transition is written as it was decided, with the store's own times."""

    async def test_success_ends_the_job_with_its_result(self, store: Store, harness: Harness) -> None:
        job = await running(store, new_job(policy=Policy(keep=timedelta(hours=2))))
        await harness.advance(SECOND)

        await settle(store, end(job, Succeeded(result=b'{"pixels":9}')))

        after, now = await stored(store, job.id), await store.now()
        assert (after.state, after.result, after.failure) == (JobState.SUCCEEDED, b'{"pixels":9}', None)
        assert (after.finished_at, after.expires_at) == (now, now + timedelta(hours=2))
        assert (after.attempt, after.deaths, after.token) == (1, 0, 1)

    async def test_failure_with_attempts_left_waits_for_its_delay(self, store: Store, harness: Harness) -> None:
        job = await running(store, new_job(policy=PATIENT))
        await harness.advance(SECOND)

        await settle(store, end(job, Failed(failure=ERROR)))

        after = await stored(store, job.id)
        assert (after.state, after.failure, after.attempt) == (JobState.RETRYING, ERROR, 1)
        assert after.run_at == await store.now() + 10 * SECOND
        assert (after.result, after.finished_at, after.expires_at) == (None, None, None)

    async def test_failure_may_bring_its_own_delay(self, store: Store) -> None:
        job = await running(store, new_job(policy=PATIENT))

        await settle(store, end(job, Failed(failure=ERROR, after=timedelta(minutes=7))))

        assert (await stored(store, job.id)).run_at == await store.now() + timedelta(minutes=7)

    async def test_last_failure_ends_the_job(self, store: Store) -> None:
        after = await ended(store, Failed(failure=ERROR))

        now = await store.now()
        assert (after.state, after.failure, after.result) == (JobState.FAILED, ERROR, None)
        assert (after.finished_at, after.expires_at) == (now, now + after.policy.keep)

    async def test_snooze_gives_the_attempt_back(self, store: Store) -> None:
        after = await ended(store, Snoozed(after=timedelta(minutes=3)))

        assert (after.state, after.attempt, after.token) == (JobState.SCHEDULED, 0, 1)
        assert after.run_at == await store.now() + timedelta(minutes=3)
        assert after.finished_at is None

    async def test_cancelled_outcome_ends_the_job_with_its_reason(self, store: Store) -> None:
        after = await ended(store, Cancelled(reason="no longer wanted"))

        assert (after.state, after.cancel_reason) == (JobState.CANCELLED, "no longer wanted")
        assert (after.result, after.finished_at) == (None, await store.now())

    async def test_death_is_counted_and_the_job_queued_again(self, store: Store) -> None:
        after = await ended(store, Interrupted(failure=DEATH))

        assert (after.state, after.attempt, after.deaths) == (JobState.QUEUED, 1, 1)
        assert (after.failure, after.finished_at) == (DEATH, None)

    async def test_one_death_too_many_ends_the_job(self, store: Store) -> None:
        after = await ended(store, Interrupted(failure=DEATH), new_job(policy=Policy(max_deaths=1)))

        assert (after.state, after.deaths, after.failure) == (JobState.FAILED, 1, DEATH)

    async def test_returned_job_is_queued_with_its_attempt_back(self, store: Store) -> None:
        after = await ended(store, Returned())

        assert (after.state, after.attempt, after.deaths, after.token) == (JobState.QUEUED, 0, 0, 1)

    async def test_settled_job_still_says_who_held_it_last(self, store: Store) -> None:
        job = await running(store)

        await settle(store, end(job))

        after = await stored(store, job.id)
        assert (after.worker, after.engine, after.started_at) == (job.worker, job.engine, job.started_at)
        assert after.version > job.version

    async def test_empty_result_is_a_result(self, store: Store) -> None:
        assert (await ended(store, Succeeded(result=b"null"))).result == b"null"

    async def test_nothing_to_settle_is_answered_with_nothing(self, store: Store) -> None:
        settled = await store.settle([])

        assert (settled.verdicts, settled.claimed) == ((), ())

    @pytest.mark.parametrize("outcome", [Returned(), Interrupted(failure=DEATH)], ids=["returned", "interrupted"])
    async def test_job_that_goes_back_keeps_its_place(self, store: Store, outcome: Returned | Interrupted) -> None:
        first, second = await add(store, new_job()), await add(store, new_job())
        worker_id = await hired(store)
        (job,) = await store.claim(request(worker_id))
        await add(store, new_job())

        await settle(store, end(job, outcome))

        claimed = await store.claim(request(worker_id, limit=2))
        assert [job.id for job in claimed] == [first.id, second.id]


@pytest.mark.anyio
class TestFailureStays:
    """A job shows its newest failure until a later attempt brings another or succeeds."""

    async def test_failure_stays_while_the_next_attempt_runs(self, store: Store, harness: Harness) -> None:
        await ended(store, Failed(failure=ERROR), new_job(policy=PATIENT))
        await harness.advance(10 * SECOND)
        await store.promote(1)

        (job,) = await store.claim(request(await hired(store)))

        assert (job.state, job.failure, job.attempt, job.token) == (JobState.RUNNING, ERROR, 2, 2)

    async def test_success_removes_it(self, store: Store) -> None:
        await ended(store, Interrupted(failure=DEATH))
        (job,) = await store.claim(request(await hired(store)))

        await settle(store, end(job))

        after = await stored(store, job.id)
        assert (after.state, after.failure) == (JobState.SUCCEEDED, None)

    async def test_later_failure_replaces_it(self, store: Store) -> None:
        await ended(store, Interrupted(failure=DEATH))
        (job,) = await store.claim(request(await hired(store)))

        await settle(store, end(job, Failed(failure=ERROR)))

        assert (await stored(store, job.id)).failure == ERROR

    @pytest.mark.parametrize(
        "outcome", [Returned(), Snoozed(after=SECOND), Cancelled()], ids=["returned", "snoozed", "cancelled"]
    )
    async def test_end_without_failure_leaves_it(self, store: Store, outcome: Returned | Snoozed | Cancelled) -> None:
        await ended(store, Interrupted(failure=DEATH))
        (job,) = await store.claim(request(await hired(store)))

        await settle(store, end(job, outcome))

        assert (await stored(store, job.id)).failure == DEATH

    @pytest.mark.parametrize("kind", list(FailureKind))
    async def test_failure_is_kept_whole(self, store: Store, kind: FailureKind) -> None:
        traceback = "".join(f'  File "a.py", line {line}, in é\n' for line in range(3000))
        failure = Failure(kind=kind, type="my.Error", message='a\tb\n"c" \\ \'', traceback=traceback)

        after = await ended(store, Failed(failure=failure))

        assert after.failure == failure
        assert [attempt.failure for attempt in await store.attempts(after.id)] == [failure]


@pytest.mark.anyio
class TestSettleAndClaim:
    """One call ends attempts and takes more."""

    async def test_next_job_comes_with_the_answer(self, store: Store) -> None:
        worker_id = await hired(store)
        job = await running(store, worker_id=worker_id)
        waiting = await add(store, new_job())

        settled = await store.settle([end(job)], request(worker_id, limit=5))

        assert settled.verdicts == (Verdict.APPLIED,)
        assert [one.id for one in settled.claimed] == [waiting.id]
        assert settled.claimed[0] == await stored(store, waiting.id)

    async def test_claim_is_in_order_and_in_scope(self, store: Store) -> None:
        worker_id = await hired(store)
        job = await running(store, worker_id=worker_id)
        await store.enqueue([new_job(task="unknown"), new_job(queue="other")])
        low, high = await add(store, new_job()), await add(store, new_job(priority=1))

        settled = await store.settle([end(job)], request(worker_id, limit=5, queues=("default",)))

        assert [one.id for one in settled.claimed] == [high.id, low.id]

    async def test_job_that_goes_back_can_be_claimed_by_the_same_call(self, store: Store) -> None:
        worker_id = await hired(store)
        job = await running(store, worker_id=worker_id)

        settled = await store.settle([end(job, Returned())], request(worker_id))

        assert [(one.id, one.token) for one in settled.claimed] == [(job.id, 2)]

    async def test_claim_alone(self, store: Store) -> None:
        job = await add(store, new_job())

        settled = await store.settle([], request(await hired(store)))

        assert [one.id for one in settled.claimed] == [job.id]

    async def test_lost_lease_claims_nothing_but_settles(self, store: Store, harness: Harness) -> None:
        worker_id = await hired(store)
        job = await running(store, worker_id=worker_id)
        waiting = await add(store, new_job())
        await harness.advance(LEASE)

        settled = await store.settle([end(job)], request(worker_id))

        assert (settled.verdicts, settled.claimed) == ((Verdict.APPLIED,), ())
        assert (await stored(store, job.id)).state is JobState.SUCCEEDED
        assert await stored(store, waiting.id) == waiting

    async def test_stale_transition_does_not_keep_the_claim_back(self, store: Store) -> None:
        job = await running(store)
        await settle(store, end(job))
        waiting = await add(store, new_job())

        settled = await store.settle([end(job)], request(await hired(store)))

        assert settled.verdicts == (Verdict.STALE,)
        assert [one.id for one in settled.claimed] == [waiting.id]


@pytest.mark.anyio
class TestAttempts:
    """Every attempt that ended is kept, oldest first."""

    async def test_each_attempt_is_recorded(self, store: Store, harness: Harness) -> None:
        job = await running(store, new_job(policy=PATIENT))
        started_at = await store.now()
        await harness.advance(SECOND)
        await settle(store, end(job, Failed(failure=ERROR)))
        await harness.advance(10 * SECOND)
        await store.promote(1)
        (again,) = await store.claim(request(await hired(store)))
        await settle(store, end(again, DONE))

        first, second = await store.attempts(job.id)

        assert (first.number, first.token, first.worker, first.ending) == (1, 1, job.worker, "failed")
        assert (first.started_at, first.ended_at) == (started_at, started_at + SECOND)
        assert first.failure == ERROR
        assert (second.number, second.token, second.worker, second.ending) == (2, 2, again.worker, "succeeded")
        assert second.failure is None

    async def test_uncounted_runs_are_recorded_under_their_token(self, store: Store) -> None:
        job = await ended(store, Returned())
        (again,) = await store.claim(request(await hired(store)))
        await settle(store, end(again, Interrupted(failure=DEATH)))

        attempts = await store.attempts(job.id)

        assert [(one.number, one.token, one.ending) for one in attempts] == [(1, 1, "returned"), (1, 2, "interrupted")]

    async def test_running_attempt_is_not_among_them(self, store: Store) -> None:
        job = await running(store)

        assert await store.attempts(job.id) == []

    async def test_unknown_job_has_none(self, store: Store) -> None:
        assert await store.attempts("no such job") == []
