"""`workmill queues` and `workmill jobs why`, and what `workmill call` says of rules."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Run
from workmill import App, JobState, Unique

Runner = Callable[..., Run]


def test_queues_are_listed(app: App, run: Runner) -> None:
    app.tasks["resize"].enqueue("a.png")
    app.tasks["resize"].using(delay=60).enqueue("a.png")
    app.queue("default").pause(by="anna")
    app.queue("default").limit(running=2, waiting=5)

    listed = run("queues", "list", "-o", "plain")
    assert listed.code == 0
    name, queued, running, later, failed, paused, limit, workers = listed.out.rstrip("\n").split("\t")
    assert (name, queued, running, later, failed, limit, workers) == (
        "default",
        "1",
        "0",
        "1",
        "0",
        "2 running, 5 waiting",
        "",
    )
    assert paused.startswith("since ")
    assert paused.endswith(" by anna")
    [document] = json.loads(run("queues", "list", "--json").out)["items"]
    assert document["unbegun"] == 2


def test_a_queue_is_paused_and_resumed(app: App, run: Runner) -> None:
    paused = run("queues", "pause", "mail", "images", "mail", "--by", "anna")
    assert (paused.code, paused.out) == (0, "mail is paused\nimages is paused\n")
    assert [queue.pause.by for queue in app.queues() if queue.pause] == ["anna", "anna"]

    shown = run("queues", "resume", "mail", "images", "--json")
    assert [queue["paused"] for queue in json.loads(shown.out)["items"]] == [False, False]


def test_a_pause_bears_the_users_name(app: App, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "bert")
    run("queues", "pause", "mail")
    info = app.queue("mail").info()
    assert info.pause is not None
    assert info.pause.by == "bert"


def test_a_user_without_a_name_pauses_all_the_same(app: App, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError

    monkeypatch.setattr("getpass.getuser", nobody)
    assert run("queues", "pause", "mail").code == 0
    info = app.queue("mail").info()
    assert info.pause is not None
    assert info.pause.by is None


def test_a_purge_wants_to_be_meant(app: App, run: Runner) -> None:
    job = app.tasks["resize"].enqueue("a.png")

    asked = run("queues", "purge", "default")
    assert (asked.code, "--expected 1 or --yes" in asked.err) == (2, True)
    wrong = run("queues", "purge", "default", "--expected", "2")
    assert (wrong.code, "nothing was done" in wrong.err) == (6, True)
    assert job.refresh().state is JobState.QUEUED
    assert run("queues", "purge", "default", "--expected", "1").out == "default: 1 cancelled\n"
    assert json.loads(run("queues", "purge", "default", "--yes", "--json").out) == {"cancelled": 0}
    assert job.refresh().state is JobState.CANCELLED


def test_limits_are_set_listed_and_reset(run: Runner) -> None:
    assert run("queues", "limit", "mail", "--running", "2", "--rate", "10/1.5").out == (
        "queue mail: 2 running, 10 in 1.5 s\n"
    )
    assert run("queues", "limit", "resize", "--scope", "task", "--running", "0").out == "task resize: 0 running\n"
    assert run("queues", "limits", "-o", "plain").out == (
        "queue\tmail\t2 running, 10 in 1.5 s\t\t0\ntask\tresize\t0 running\t\t0\n"
    )
    assert run("queues", "limit", "resize", "--scope", "task", "--reset").out == "task resize: no limit\n"
    assert json.loads(run("queues", "limit", "mail", "--reset", "--json").out) == {"items": []}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pause",), "name one queue or more"),
        (("pause", "no name"), "option queue='no name'"),
        (("limit", "mail"), "say what is to hold"),
        (("limit", "mail", "--reset", "--running", "1"), "--reset alone"),
        (("limit", "mail", "--scope", "task", "--waiting", "1"), "bounds queues only"),
        (("limit", "mail", "--scope", "shop", "--running", "1"), "shop"),
        (("limit", "mail", "--running", "-1"), "running=-1"),
        (("limit", "mail", "--rate", "10"), "write it like 10/60"),
        (("limit", "mail", "--rate", "0/10"), "write it like 10/60"),
    ],
)
def test_what_cannot_be_is_a_usage_error(run: Runner, words: tuple[str, ...], said: str) -> None:
    refused = run("queues", *words)

    assert refused.code == 2
    assert said in refused.err


def test_jobs_say_why_they_wait(app: App, run: Runner) -> None:
    one, other = app.tasks["resize"].enqueue("a.png"), app.tasks["resize"].using(delay=60).enqueue("a.png")

    assert run("jobs", "why", one.id).out == "no live worker takes queue default; none is live at all\n"
    both = run("jobs", "why", one.id, other.id)
    assert [line.split(" ", 1)[0] for line in both.out.splitlines()] == [one.id, other.id]
    assert json.loads(run("jobs", "why", one.id, "--json").out)["code"] == "no_worker_for_queue"
    items = json.loads(run("jobs", "why", one.id, other.id, "--json").out)["items"]
    assert [item["code"] for item in items] == ["no_worker_for_queue", "scheduled"]
    assert run("jobs", "why", "x").code == 5


def test_a_pause_is_told_wherever_somebody_looks(app: App, run: Runner) -> None:
    job = app.tasks["resize"].enqueue("a.png")
    app.queue("default").pause(by="anna")
    app.queue("empty").pause()

    shown = run("jobs", "show", job.id)
    assert "by anna; let it go on with `workmill queues resume default`" in shown.err
    looked = json.loads(run("doctor", "--json").out)["items"]
    assert [finding["subject"] for finding in looked if "paused since" in finding["detail"]] == [
        "queue default",
        "queue empty",
    ]


def test_jobs_are_cancelled_by_filter_when_it_is_meant(app: App, run: Runner) -> None:
    jobs = {app.tasks["resize"].enqueue("a.png").id, app.tasks["resize"].enqueue("b.png").id}
    app.tasks["fail"].enqueue("x")

    asked = run("jobs", "act", "cancel", "--task", "resize")
    assert (asked.code, set(asked.out.split())) == (0, jobs)
    assert "nothing was done; cancel them with --expected 2" in asked.err
    wrong = run("jobs", "act", "cancel", "--task", "resize", "--expected", "3")
    assert (wrong.code, wrong.out) == (6, "")
    assert {app.job(job).state for job in jobs} == {JobState.QUEUED}
    done = run("jobs", "act", "cancel", "--task", "resize", "--expected", "2", "--reason", "a typo")
    assert (done.code, set(done.out.split())) == (0, jobs)
    assert {app.job(job).record.cancel_reason for job in jobs} == {"a typo"}


def test_jobs_are_retried_by_filter(app: App, run: Runner) -> None:
    app.task(name="start", unique=Unique(by=()))(_fail)
    for _ in range(2):
        app.tasks["start"].enqueue()
        app.drain()

    acted = run("jobs", "act", "retry", "--state", "failed", "--yes", "--created-after", "2000-01-01", "--json")
    body = json.loads(acted.out)
    assert (body["matched"], body["done"], len(body["refused"])) == (2, 1, 1)
    assert (acted.code, "allows no second one" in acted.err) == (6, True)


def _fail() -> None:
    raise OSError


def test_a_call_follows_others_and_expires(app: App, run: Runner) -> None:
    first, second = app.tasks["resize"].enqueue("a.png"), app.tasks["resize"].enqueue("b.png")

    called = run("call", "resize", "c.png", f"--after={first.id},{second.id}", "--needs", "end", "--expires", "60")
    assert called.code == 0
    job = app.job(called.out.strip())
    assert job.state is JobState.WAITING
    assert job.record.policy.expires is not None
    assert "it waits for jobs" in job.why().sentence
    unknown = run("call", "resize", "c.png", "--after", "c313eb0f-4207-4051-b033-ae23d4724cd1")
    assert unknown.code == 5


@pytest.mark.parametrize(("on_conflict", "code"), [("return", 0), ("skip", 0), ("reject", 6)])
def test_a_call_meets_the_one_that_is_there(app: App, run: Runner, on_conflict: Any, code: int) -> None:
    app.task(name="start", unique=Unique(by=(), on_conflict=on_conflict))(lambda: None)
    first = run("call", "start").out.strip()

    again = run("call", "start")
    assert again.code == code
    assert first in again.err
    assert again.out == ("" if code else f"{first}\n")
    if not code:
        assert "stores no second one like it" in again.err


def test_a_call_to_a_full_queue_is_for_later(app: App, run: Runner) -> None:
    app.queue("default").limit(waiting=0)

    for words in ((), ("--room", "0.01")):
        full = run("call", "resize", "a.png", *words)
        assert (full.code, "is full" in full.err) == (75, True)
