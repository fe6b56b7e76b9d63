"""Why a job does not run: of all that holds it back, the one that decides, and what is said of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workmill import Failure, FailureKind, Job, JobState, Order, Pause, Policy, Rate, Rule, Scope, WhyCode, Worker
from workmill.craft.why import why
from workmill.store import LimitReached, Obstacles, RateReached

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AT = "2026-11-21 12:00:00Z"
AT_TEXT = "2026-11-21T12:00:00Z"

JOB = Job(
    id="job-1",
    task="mail",
    queue="out",
    priority=0,
    state=JobState.QUEUED,
    args=b"{}",
    policy=Policy(),
    key=None,
    attempt=0,
    deaths=0,
    token=0,
    version=1,
    progress=None,
    result=None,
    failure=None,
    worker=None,
    engine=None,
    created_at=NOW,
    run_at=None,
    started_at=None,
    finished_at=None,
    expires_at=None,
    cancel_requested_at=None,
    cancel_reason=None,
)
WORKER = Worker(
    id="w1",
    name="anna",
    host="here",
    pid=1,
    queues=None,
    tasks=("mail",),
    concurrency=4,
    running=0,
    is_live=True,
    is_leader=True,
    order=Order.WORK,
    started_at=NOW,
    lease_ends_at=NOW,
)
FREE = Obstacles()
PAUSED = Obstacles(paused=Pause(queue="out", since=NOW, by="anna"))
TASK_LIMIT = LimitReached(
    rule=Rule(scope=Scope.TASK, name="mail", running=2), key=None, running=2, job_ids=("a", "b"), since=NOW
)
KEY_RATE = RateReached(
    rule=Rule(scope=Scope.KEY, name="tenants", rate=Rate(3, per=60)), key="acme", opens_at=NOW + timedelta(seconds=5)
)


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"state": JobState.SUCCEEDED, "finished_at": NOW}, WhyCode.FINAL, f"it is over: it has succeeded at {AT}"),
        ({"state": JobState.FAILED, "finished_at": NOW}, WhyCode.FINAL, f"it is over: it has failed at {AT}"),
        (
            {"state": JobState.CANCELLED, "finished_at": NOW, "cancel_reason": "a typo"},
            WhyCode.FINAL,
            f"it is over: it was cancelled at {AT}, as a typo",
        ),
        (
            {"state": JobState.RUNNING, "worker": "w1", "started_at": NOW},
            WhyCode.RUNNING,
            f"it runs since {AT} on worker anna",
        ),
        (
            {"state": JobState.RUNNING, "worker": "w9", "started_at": NOW, "cancel_requested_at": NOW},
            WhyCode.RUNNING,
            f"it runs since {AT} on worker w9; its cancel was requested at {AT}",
        ),
        ({"state": JobState.SCHEDULED, "run_at": NOW}, WhyCode.SCHEDULED, f"it is not to start before {AT}"),
        ({"state": JobState.SCHEDULED}, WhyCode.SCHEDULED, "it is not to start before an unknown time"),
        (
            {"state": JobState.RETRYING, "attempt": 2, "run_at": NOW},
            WhyCode.RETRYING,
            f"attempt 2 failed; the next begins at {AT}",
        ),
    ],
)
def test_a_job_that_is_not_queued_is_where_it_is(changes: dict[str, object], code: WhyCode, said: str) -> None:
    answer = why(replace(JOB, **changes), FREE, [WORKER])  # type: ignore[arg-type] # each is of its field's type

    assert (answer.code, str(answer)) == (code, said)


def test_a_job_that_failed_says_with_what() -> None:
    failure = Failure(kind=FailureKind.ERROR, type="OSError", message="no")

    answer = why(replace(JOB, state=JobState.RETRYING, attempt=1, run_at=NOW, failure=failure), FREE, [])
    assert answer.sentence == f"attempt 1 failed (OSError); the next begins at {AT}"
    assert answer.details == {"attempt": 1, "run_at": AT_TEXT}


def test_a_job_whose_worker_is_gone_says_so() -> None:
    gone = replace(WORKER, is_live=False)

    answer = why(replace(JOB, state=JobState.RUNNING, worker="w1", started_at=NOW), FREE, [gone])
    assert "which is gone" in answer.sentence


@pytest.mark.parametrize(
    ("parents", "missing", "said"),
    [
        (("a",), 1, "it waits for job a"),
        (("a", "b", "c", "d"), 1200, "it waits for jobs a, b, c and 1,197 more"),
        ((), 0, "it waits for other jobs"),
    ],
)
def test_a_job_that_waits_names_for_whom(parents: tuple[str, ...], missing: int, said: str) -> None:
    obstacles = Obstacles(parents=parents, parents_missing=missing)

    answer = why(replace(JOB, state=JobState.WAITING), obstacles, [WORKER])
    assert (answer.code, answer.sentence) == (WhyCode.WAITING, said)
    assert answer.details == {"jobs": list(parents), "missing": missing}


def test_a_pause_decides_before_all_else() -> None:
    answer = why(JOB, replace(PAUSED, limits=(TASK_LIMIT,), rates=(KEY_RATE,), ahead=3), [])

    assert (answer.code, answer.sentence) == (WhyCode.PAUSED, f"queue out is paused since {AT} by anna")
    assert answer.details == {"queue": "out", "since": AT_TEXT, "by": "anna"}


def test_a_pause_by_nobody_says_since_when() -> None:
    answer = why(JOB, Obstacles(paused=Pause(queue="out", since=NOW, by=None)), [])

    assert answer.sentence == f"queue out is paused since {AT}"


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ([], "no live worker takes queue out; none is live at all"),
        ([replace(WORKER, is_live=False)], "no live worker takes queue out; none is live at all"),
        ([replace(WORKER, queues=("in",))], "no live worker takes queue out; 1 live worker on other queues"),
        (
            [replace(WORKER, order=Order.QUIET)],
            "no live worker takes queue out; 1 worker would, but is quiet or stopping",
        ),
        (
            [replace(WORKER, order=Order.STOP), replace(WORKER, order=Order.QUIET)],
            "no live worker takes queue out; 2 workers would, but are quiet or stopping",
        ),
    ],
)
def test_nobody_who_takes_the_queue_decides_before_limits(workers: list[Worker], said: str) -> None:
    answer = why(JOB, Obstacles(limits=(TASK_LIMIT,)), workers)

    assert (answer.code, answer.sentence) == (WhyCode.NO_WORKER_FOR_QUEUE, said)


def test_nobody_who_knows_the_task() -> None:
    answer = why(JOB, FREE, [replace(WORKER, tasks=("other",), queues=("out",)), replace(WORKER, queues=("in",))])

    assert answer.code is WhyCode.NO_WORKER_FOR_TASK
    assert answer.sentence == "no live worker knows task mail: 1 worker on queue out (anna) without it"


def test_a_limit_names_who_holds_it_and_since_when() -> None:
    answer = why(JOB, Obstacles(limits=(TASK_LIMIT,), rates=(KEY_RATE,)), [WORKER])

    assert answer.code is WhyCode.LIMIT_REACHED
    assert answer.sentence == f"2 of task mail may run at a time; held by jobs a, b, the first since {AT}"
    assert answer.details == {
        "scope": "task",
        "name": "mail",
        "key": None,
        "limit": 2,
        "running": 2,
        "jobs": ["a", "b"],
        "since": AT_TEXT,
    }


def test_a_limit_of_zero_is_held_by_nobody() -> None:
    limit = LimitReached(
        rule=Rule(scope=Scope.KEY, name="tenants", running=0), key="acme", running=0, job_ids=(), since=None
    )

    answer = why(JOB, Obstacles(limits=(limit,)), [WORKER])
    assert answer.sentence == "0 of key 'acme' of limit tenants may run at a time"


def test_the_rate_that_opens_last_decides() -> None:
    earlier = replace(KEY_RATE, opens_at=NOW)

    answer = why(JOB, Obstacles(rates=(earlier, KEY_RATE)), [WORKER])
    assert answer.code is WhyCode.RATE_REACHED
    assert answer.sentence == (
        "3 in 60 s of key 'acme' of limit tenants may begin, and as many have; the next may at 2026-11-21 12:00:05Z"
    )
    assert answer.details["opens_at"] == "2026-11-21T12:00:05Z"


def test_a_rate_that_never_opens_is_the_last() -> None:
    never = RateReached(rule=Rule(scope=Scope.QUEUE, name="out"), key=None, opens_at=None)

    answer = why(JOB, Obstacles(rates=(KEY_RATE, never)), [WORKER])
    assert answer.sentence == "no more of queue out may begin, and as many have; it is not known when the next may"


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (0, "all 4 slots of 1 worker are taken; it is next"),
        (7, "all 4 slots of 1 worker are taken; 7 are taken before it"),
        (1000, "all 4 slots of 1 worker are taken; 1,000 or more are taken before it"),
    ],
)
def test_all_slots_are_busy(ahead: int, said: str) -> None:
    answer = why(JOB, Obstacles(ahead=ahead), [replace(WORKER, running=4), replace(WORKER, queues=("in",))])

    assert (answer.code, answer.sentence) == (WhyCode.SLOTS_BUSY, said)


def test_others_are_taken_before_it() -> None:
    answer = why(JOB, Obstacles(ahead=12), [WORKER])

    assert (answer.code, answer.sentence) == (WhyCode.BEHIND, "12 queued jobs are taken before it on queue out")
    assert answer.details == {"queue": "out", "ahead": 12, "running": 0, "slots": 4}


def test_nothing_holds_it_back() -> None:
    answer = why(JOB, FREE, [replace(WORKER, running=3)])

    assert answer.code is WhyCode.READY
