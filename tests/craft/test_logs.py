"""Events become log lines: one event, one line, whatever it holds."""

import dataclasses
import logging
from datetime import timedelta

import pytest

from tests.craft.runs import claimed
from workmill import App, Event, Failure, FailureKind, Job
from workmill.craft.logs import Events
from workmill.words.emit import JobsEnqueued
from workmill.words.events import (
    DutyFailed,
    EngineDied,
    EngineKept,
    EngineRelieved,
    EngineStuck,
    EngineWornEarly,
    FinishRefused,
    JobSettled,
    JobsOverstayed,
    JobsPruned,
    JobsRescued,
    JobStarted,
    LateEndIgnored,
    StaleWriteRefused,
    StoreAmiss,
    StoreFailing,
    WorkerLeaseLost,
    WorkerOrdered,
    WorkerStarted,
    WorkerStopped,
    WorkerStopping,
)
from workmill.words.order import Order
from workmill.words.outcome import Cancelled, Failed, Outcome, Returned, Snoozed, Succeeded
from workmill.words.policy import Policy
from workmill.words.transition import decide


def a_job(attempts: int = 1) -> Job:
    app = App("memory://")
    job = claimed(app.task(name="add")(lambda a: a), a=1)
    return dataclasses.replace(job, id="J", policy=Policy(max_attempts=attempts))


def settled(outcome: Outcome, attempts: int = 1) -> JobSettled:
    job = a_job(attempts)
    return JobSettled(job=job, transition=decide(job, outcome, chance=0.5), seconds=1.5)


def failing(message: str, kind: str = "ValueError") -> Failed:
    return Failed(failure=Failure(kind=FailureKind.ERROR, type=kind, message=message, traceback="Traceback:\n  x"))


LINES: list[tuple[Event, int, str]] = [
    (JobsEnqueued(job_ids=("J", "K"), task="add", queue="q"), logging.DEBUG, "enqueued 2 of add on q, first J"),
    (JobStarted(job=a_job()), logging.DEBUG, "job J add started, attempt 1"),
    (settled(Succeeded(result=b'"secret"')), logging.INFO, "job J add succeeded after 1.500 s, attempt 1"),
    (settled(Cancelled()), logging.INFO, "job J add cancelled after 1.500 s, attempt 1"),
    (
        settled(Snoozed(after=timedelta(seconds=60))),
        logging.INFO,
        "job J add scheduled after 1.500 s, attempt 1; again in 60.0 s",
    ),
    (settled(failing("no")), logging.WARNING, "job J add failed after 1.500 s, attempt 1: ValueError: no"),
    (
        settled(failing("no"), attempts=2),
        logging.INFO,
        "job J add retrying after 1.500 s, attempt 1: ValueError: no; again in 1.0 s",
    ),
    (
        StaleWriteRefused(job_id="J", token=3, verb="settle"),
        logging.WARNING,
        "job J: settle with token 3 refused, another claim is newer",
    ),
    (
        FinishRefused(job_id="J", token=3),
        logging.WARNING,
        "job J: JobLost with token 3, what it wrote was rolled back",
    ),
    (
        LateEndIgnored(job_id="J", what="ValueError: no"),
        logging.WARNING,
        "job J had finished in its own transaction; ignored what came after: ValueError: no",
    ),
    (JobsRescued(job_ids=("J",), why="killed"), logging.WARNING, "took back 1 job: killed; first J"),
    (JobsPruned(count=3), logging.INFO, "pruned 3 finished jobs past their keep time"),
    (
        WorkerStarted(worker_id="W", name="w", queues=None, tasks=("add", "sub"), concurrency=4, store="memory://"),
        logging.INFO,
        "worker w takes all queues of memory://, 4 at a time; tasks: add, sub",
    ),
    (
        WorkerStarted(worker_id="W", name="w", queues=("a", "b"), tasks=(), concurrency=4, store="memory://"),
        logging.INFO,
        "worker w takes queues a, b of memory://, 4 at a time; tasks: none",
    ),
    (WorkerOrdered(worker_id="W", order=Order.QUIET), logging.INFO, "worker W was told: quiet"),
    (WorkerStopping(worker_id="W", why="SIGTERM"), logging.INFO, "worker takes no more jobs: SIGTERM"),
    (
        settled(Returned()),
        logging.INFO,
        "job J add given back, attempt 1 is not counted",
    ),
    (WorkerStopped(worker_id="W", returned=2), logging.INFO, "worker stopped; 2 jobs given back"),
    (
        WorkerLeaseLost(worker_id="W"),
        logging.WARNING,
        "worker W lost its lease; it stops its jobs and begins anew",
    ),
    (
        EngineDied(worker_id="W", engine=1, pid=7, how="SIGKILL"),
        logging.ERROR,
        "engine 1 (pid 7) died: SIGKILL",
    ),
    (
        EngineRelieved(worker_id="W", engine=1, pid=7, successor_pid=8, why="SIGHUP"),
        logging.INFO,
        "engine 1 (pid 7) finishes what it runs and leaves; pid 8 takes its place: SIGHUP",
    ),
    (
        EngineKept(worker_id="W", engine=1, pid=7, why="its successor is broken"),
        logging.ERROR,
        "engine 1 (pid 7) works on as it is: its successor is broken",
    ),
    (
        EngineWornEarly(worker_id="W", engine=1, pid=7, why="it holds 2 MB", least_seconds=10),
        logging.WARNING,
        (
            "engine 1 (pid 7) was worn at once: it holds 2 MB; the next one works 10 s at least, whatever it holds; "
            "raise the limit"
        ),
    ),
    (
        EngineStuck(worker_id="W", engine=1, pid=7, seconds=2.0, job_id="J", task="add", stack="line 3"),
        logging.WARNING,
        "engine 1 (pid 7) has stood still for 2.0 s in job J add: line 3",
    ),
    (
        EngineStuck(worker_id="W", engine=1, pid=7, seconds=2.0, job_id=None, task=None, stack=""),
        logging.WARNING,
        "engine 1 (pid 7) has stood still for 2.0 s: nobody knows where",
    ),
    (
        JobsOverstayed(job_ids=("J", "K"), why="their process 7 was killed"),
        logging.WARNING,
        "2 jobs overstayed: their process 7 was killed; first J",
    ),
    (
        StoreFailing(verb="renew", error="disk full", retry_seconds=0.25),
        logging.WARNING,
        "store failed to renew: disk full; again in 0.2 s",
    ),
    (
        StoreAmiss(subject="notices", detail="none come", remedy="go round the pooler"),
        logging.WARNING,
        "notices: none come; go round the pooler",
    ),
    (
        DutyFailed(duty="rescue", error="KeyError('x')"),
        logging.ERROR,
        "rescue failed: KeyError('x'); it goes on with its next round",
    ),
]


@pytest.mark.parametrize(("event", "level", "line"), LINES, ids=[type(each[0]).__name__ for each in LINES])
def test_each_event_is_one_line_of_its_level(
    caplog: pytest.LogCaptureFixture, event: Event, level: int, line: str
) -> None:
    caplog.set_level(logging.DEBUG, "workmill")

    Events().emit(event)

    (record,) = caplog.records
    assert (record.name, record.levelno, record.getMessage()) == ("workmill", level, line)
    assert record.__dict__["event"] == type(event).__name__


def test_a_level_that_is_not_wanted_costs_no_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "workmill")

    Events().emit(JobStarted(job=a_job()))

    assert caplog.records == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\r\n", r"two\nlines\r\n"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("half \ud800", r"half \ud800"),
        ("\u2028\u202e", r"\u2028\u202e"),
        ("ü – 😀", "ü – 😀"),
    ],
)
def test_what_does_not_print_is_shown_as_an_escape(caplog: pytest.LogCaptureFixture, text: str, shown: str) -> None:
    Events().emit(settled(failing(text)))
    Events().emit(settled(failing("x", kind=text)))
    Events().emit(StoreFailing(verb="settle", error=text, retry_seconds=1))

    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 3
    assert all(shown in message and message.isprintable() for message in messages)


def test_a_long_message_is_cut_and_arguments_and_results_are_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "workmill")

    Events().emit(settled(failing("x" * 10_000)))
    Events().emit(settled(Succeeded(result=b'"secret"')))

    assert max(len(record.getMessage()) for record in caplog.records) < 500
    assert "secret" not in caplog.text
    assert "Traceback" not in caplog.text


def test_every_subscriber_is_told_though_one_fails(app: App, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Event] = []

    def broken(_: Event) -> None:
        raise ZeroDivisionError

    app.observe(broken)
    app.observe(heard.append)
    task = app.task(name="add")(lambda: 1)

    task.enqueue()

    assert [type(event) for event in heard] == [JobsEnqueued]
    assert "a subscriber failed on JobsEnqueued" in caplog.text


def test_a_job_that_a_key_found_again_is_no_event(app: App) -> None:
    heard: list[Event] = []
    app.observe(heard.append)
    task = app.task(name="add")(lambda: 1).using(key="k")

    task.enqueue()
    task.enqueue()

    assert len(heard) == 1


def test_one_transaction_is_one_event_for_each_task_and_queue(app: App) -> None:
    heard: list[Event] = []
    app.observe(heard.append)
    add, sub = (app.task(name=name)(lambda: 1) for name in ("add", "sub"))

    app.enqueue_many([add.job(), sub.job(), add.job(), add.using(queue="slow").job()])

    assert [(len(event.job_ids), event.task, event.queue) for event in heard if isinstance(event, JobsEnqueued)] == [
        (2, "add", "default"),
        (1, "sub", "default"),
        (1, "add", "slow"),
    ]
