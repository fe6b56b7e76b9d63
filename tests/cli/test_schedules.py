"""`workmill schedules`, `workmill flows` and `workmill publish`."""

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Run
from workmill import App, Every, JobState, Loop, chain

Runner = Callable[..., Run]


@pytest.fixture
def loop(app: App) -> str:
    app.schedules.create("clash", app.tasks["queue-clash"].job("a", key=1), Loop(5), active=False)
    return "clash"


def test_schedules_are_listed_and_shown(app: App, run: Runner, loop: str) -> None:
    app.schedules.create("b", app.tasks["give_up"].job("x"), Every(30)).trigger()

    listed = run("schedules", "list", "-o", "plain")
    shown = run("schedules", "show", "b")

    assert [line.split("\t")[:4] for line in listed.out.splitlines()] == [
        ["b", "active", "every 30", "give_up"],
        [loop, "stopped", "loop 5", "queue-clash"],
    ]
    assert "every 30" in shown.out
    assert '{"why":"x"}' in shown.out.replace(" ", "")
    assert app.schedules["b"].history()[0].id in shown.out
    document = json.loads(run("schedules", "show", "b", "--json").out)
    assert (document["name"], len(document["next"]), len(document["outcomes"])) == ("b", 5, 1)
    assert json.loads(run("schedules", "list", "--json").out)["next_cursor"] is None
    assert "go on with --cursor" in run("schedules", "list", "--limit", "1").err


def test_a_schedule_is_started_and_stopped(app: App, run: Runner, loop: str) -> None:
    started = run("schedules", "start", loop, "--delay", "60", "--args", '{"queue": "b"}')
    again = run("schedules", "start", loop)
    refused = run("schedules", "start", loop, "--args", '{"nothing": 1}')
    stopped = run("schedules", "stop", loop, loop, "--cancel-running")

    assert (started.code, started.out.startswith("clash goes on, next at 20")) == (0, True)
    assert app.schedules[loop].info.plan.args == b'{"queue":"b"}'
    assert (again.code, refused.code, stopped.code) == (6, 2, 0)
    assert "goes on already" in again.err
    assert stopped.out == "clash is stopped\n"
    assert json.loads(run("schedules", "start", loop, "--json").out)["active"] is True
    assert json.loads(run("schedules", "stop", loop, "--json").out)["items"][0]["active"] is False
    assert run("schedules", "stop").code == 2


def test_a_schedule_is_triggered(app: App, run: Runner, loop: str) -> None:
    triggered, busy = run("schedules", "trigger", loop), run("schedules", "trigger", loop)
    app.drain()

    assert app.job(triggered.out.strip()).state is JobState.SUCCEEDED
    assert (busy.code, "has not ended" in busy.err) == (6, True)
    listed = run("jobs", "list", "--schedule", loop, "--json")
    assert [job["id"] for job in json.loads(listed.out)["items"]] == [triggered.out.strip()]
    assert json.loads(run("schedules", "trigger", loop, "--json").out)["schedule"] == loop


def test_the_next_times_are_told(app: App, run: Runner, loop: str) -> None:
    app.schedules.create("b", app.tasks["give_up"].job("x"), Every(30))

    told, stopped = run("schedules", "next", "b", "--count", "3"), run("schedules", "next", loop)

    assert (len(told.out.splitlines()), told.err) == (3, "")
    assert (len(stopped.out.splitlines()), "is stopped" in stopped.err) == (1, True)
    assert len(json.loads(run("schedules", "next", "b", "--json").out)["items"]) == 5
    assert run("schedules", "next", "b", "--count", "0").code == 2


@pytest.mark.parametrize("command", ["show", "start", "stop", "trigger", "next"])
def test_an_unknown_schedule_is_not_found(run: Runner, command: str) -> None:
    ended = run("schedules", command, "nobody")

    assert (ended.code, "no schedule is named 'nobody'" in ended.err) == (5, True)


def test_flows_are_listed_shown_cancelled_and_retried(app: App, run: Runner) -> None:
    task = app.tasks["queue-clash"]
    flow = app.enqueue_flow(chain(task.job("a"), task.step(), task.step()))
    first, second, _ = flow.jobs()

    listed, shown = run("flows", "list", "-o", "plain"), run("flows", "show", flow.id)
    early = run("flows", "retry", flow.id)
    cancelled = run("flows", "cancel", flow.id, "--reason", "no")
    retried = run("flows", "retry", flow.id)
    app.drain()

    assert listed.out.split("\t")[:3] == [flow.id, "0/3", "0 of 3 ended: 2 waiting, 1 queued"]
    assert f"{second.id}  waiting    queue-clash  after {first.id}" in shown.out
    assert (early.code, cancelled.code) == (6, 0)
    assert "3 of 3 ended: 3 cancelled" in cancelled.out
    assert app.flow(retried.out.strip()).results(0) == ["a", "a", "a"]
    document = json.loads(run("flows", "show", flow.id, "--json").out)
    assert (document["done"], len(document["edges"]), len(document["nodes"])) == (True, 2, 3)
    assert json.loads(run("flows", "retry", flow.id, "--json").out)["jobs"] == 3
    assert json.loads(run("flows", "list", "--json").out)["next_cursor"] is None
    assert "go on with --cursor" in run("flows", "list", "--limit", "1").err
    assert run("flows", "show", "x").code == 5


def test_a_message_is_published(app: App, run: Runner) -> None:
    with app.subscribe("news") as messages:
        published = run("publish", "news", '{"x": 1}')
        again = run("publish", "news", "[2]", "--id", published.out.strip(), "--json")
        empty = run("publish", "news")

        assert [next(messages).data for _ in range(2)] == [{"x": 1}, None]
        assert json.loads(again.out)["data"] == {"x": 1}
        assert empty.code == 0
    for words in (["no name"], ["news", "text"], ["news", "NaN"], ["news", "1", "--id", "x"]):
        assert run("publish", *words).code == 2
