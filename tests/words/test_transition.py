"""What follows what: every outcome in every situation of a job that runs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workmill.words.job import Ending, Job, JobState
from workmill.words.outcome import (
    Cancelled,
    Failed,
    Failure,
    FailureKind,
    Interrupted,
    Outcome,
    Returned,
    Snoozed,
    Succeeded,
)
from workmill.words.policy import Policy
from workmill.words.retry import Backoff
from workmill.words.transition import Transition, decide

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEEP = timedelta(hours=5)
BACKOFF = Backoff(first=timedelta(seconds=10), factor=3.0, jitter=0.5)
POLICY = Policy(max_attempts=3, max_deaths=2, backoff=BACKOFF, keep=KEEP)
ERROR = Failure(kind=FailureKind.ERROR, type="ValueError", message="no")


def running(*, attempt: int = 1, deaths: int = 0, cancel: str | None = None, policy: Policy = POLICY) -> Job:
    return Job(
        id="job",
        task="resize",
        queue="default",
        priority=0,
        state=JobState.RUNNING,
        args=b"{}",
        policy=policy,
        key=None,
        attempt=attempt,
        deaths=deaths,
        token=attempt + 4,
        version=9,
        progress=None,
        result=None,
        failure=None,
        worker="worker",
        engine=0,
        created_at=NOW,
        run_at=None,
        started_at=NOW,
        finished_at=None,
        expires_at=None,
        cancel_requested_at=NOW if cancel is not None else None,
        cancel_reason=cancel,
    )


def expected(state: JobState, ending: Ending, **fields: object) -> Transition:
    """The transition of `running()` with what differs from its plain end."""
    plain = Transition(job_id="job", token=5, state=state, ending=ending, attempt=1, deaths=0, keep=KEEP)
    return replace(plain, **fields)  # type: ignore[arg-type] - each row below names fields of Transition


NEVER = Failed(failure=ERROR, retryable=False)
DELAY = timedelta(seconds=7)
S, E = JobState, Ending

# One row for each line of the state table, told without a cancel request.
PLAIN = [
    pytest.param(Succeeded(result=b"1"), expected(S.SUCCEEDED, E.SUCCEEDED, result=b"1"), id="succeeded"),
    pytest.param(
        Failed(failure=ERROR),
        expected(S.RETRYING, E.FAILED, delay=timedelta(seconds=10), failure=ERROR),
        id="failed with attempts left",
    ),
    pytest.param(
        Failed(failure=ERROR, after=DELAY), expected(S.RETRYING, E.FAILED, delay=DELAY, failure=ERROR), id="own delay"
    ),
    pytest.param(NEVER, expected(S.FAILED, E.FAILED, failure=ERROR), id="failed for good"),
    pytest.param(Snoozed(after=DELAY), expected(S.SCHEDULED, E.SNOOZED, attempt=0, delay=DELAY), id="snoozed"),
    pytest.param(Cancelled(reason="done"), expected(S.CANCELLED, E.CANCELLED, reason="done"), id="cancelled"),
    pytest.param(
        Interrupted(failure=ERROR), expected(S.QUEUED, E.INTERRUPTED, deaths=1, failure=ERROR), id="interrupted"
    ),
    pytest.param(Returned(), expected(S.QUEUED, E.RETURNED, attempt=0), id="returned"),
]

# The same outcomes when a cancel was requested.
ASKED = [
    pytest.param(Succeeded(result=b"1"), expected(S.SUCCEEDED, E.SUCCEEDED, result=b"1"), id="succeeded"),
    pytest.param(Failed(failure=ERROR), expected(S.CANCELLED, E.FAILED, failure=ERROR), id="failed with attempts left"),
    pytest.param(NEVER, expected(S.FAILED, E.FAILED, failure=ERROR), id="failed for good"),
    pytest.param(Snoozed(after=DELAY), expected(S.CANCELLED, E.SNOOZED), id="snoozed"),
    pytest.param(Cancelled(), expected(S.CANCELLED, E.CANCELLED), id="cancelled"),
    pytest.param(
        Interrupted(failure=ERROR), expected(S.CANCELLED, E.INTERRUPTED, deaths=1, failure=ERROR), id="interrupted"
    ),
    pytest.param(Returned(), expected(S.CANCELLED, E.RETURNED), id="returned"),
]


@pytest.mark.parametrize(("outcome", "transition"), PLAIN)
def test_outcome_without_cancel_request(outcome: Outcome, transition: Transition) -> None:
    assert decide(running(), outcome, chance=0.5) == transition


@pytest.mark.parametrize(("outcome", "transition"), ASKED)
def test_outcome_after_a_cancel_request(outcome: Outcome, transition: Transition) -> None:
    assert decide(running(cancel="stop"), outcome, chance=0.5) == replace(transition, reason="stop")


def test_tasks_own_reason_goes_before_the_requests() -> None:
    transition = decide(running(cancel="stop"), Cancelled(reason="saved half"), chance=0.5)

    assert transition.reason == "saved half"


@pytest.mark.parametrize(
    ("attempt", "deaths", "state"),
    [(1, 0, S.RETRYING), (2, 0, S.RETRYING), (3, 0, S.FAILED), (3, 1, S.RETRYING), (4, 1, S.FAILED)],
)
def test_failures_are_bounded_apart_from_deaths(attempt: int, deaths: int, state: JobState) -> None:
    transition = decide(running(attempt=attempt, deaths=deaths), Failed(failure=ERROR), chance=0.5)

    assert (transition.state, transition.attempt, transition.deaths) == (state, attempt, deaths)


@pytest.mark.parametrize(("attempt", "deaths", "state"), [(1, 0, S.QUEUED), (5, 0, S.QUEUED), (2, 1, S.FAILED)])
def test_deaths_are_bounded_apart_from_failures(attempt: int, deaths: int, state: JobState) -> None:
    transition = decide(running(attempt=attempt, deaths=deaths), Interrupted(failure=ERROR), chance=0.5)

    assert (transition.state, transition.ending, transition.deaths) == (state, E.INTERRUPTED, deaths + 1)
    assert transition.failure == ERROR


def test_last_death_fails_a_job_whose_cancel_was_requested() -> None:
    transition = decide(running(attempt=2, deaths=1, cancel="stop"), Interrupted(failure=ERROR), chance=0.5)

    assert (transition.state, transition.reason) == (S.FAILED, "stop")


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 15.0), (0.5, 30.0), (0.75, 37.5)])
def test_delay_grows_with_failures_and_spreads_by_chance(chance: float, seconds: float) -> None:
    transition = decide(running(attempt=2), Failed(failure=ERROR), chance=chance)

    assert transition.delay == timedelta(seconds=seconds)


def test_deaths_do_not_lengthen_the_delay() -> None:
    transition = decide(running(attempt=2, deaths=1), Failed(failure=ERROR), chance=0.5)

    assert transition.delay == timedelta(seconds=10)


def test_claims_never_exceed_what_the_policy_promises() -> None:
    # The worst order of ends: every death and every failure that the policy allows.
    job, claims = running(attempt=0), 0
    ends = [Interrupted(failure=ERROR), Failed(failure=ERROR), Failed(failure=ERROR), Failed(failure=ERROR)]
    for outcome in ends:
        claims += 1
        transition = decide(replace(job, attempt=job.attempt + 1), outcome, chance=0.5)
        job = replace(job, attempt=transition.attempt, deaths=transition.deaths)
        if transition.state.is_final:
            break

    assert transition.state is S.FAILED
    assert claims == POLICY.max_attempts + POLICY.max_deaths - 1
