import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Run
from workmill import App, Count, Finding, JobState, Level, Order, StoreUnavailable, Worker
from workmill.cli.checkup import look_at_queues, look_at_tasks, look_at_workers

Runner = Callable[..., Run]
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def worker(
    *, is_live: bool = True, queues: tuple[str, ...] | None = None, tasks: tuple[str, ...] = ("fail",)
) -> Worker:
    return Worker(
        id="1",
        name="one",
        host="here",
        pid=1,
        queues=queues,
        tasks=tasks,
        concurrency=4,
        running=1,
        is_live=is_live,
        is_leader=True,
        order=Order.WORK,
        started_at=NOW,
        lease_ends_at=NOW + timedelta(seconds=15),
    )


def queued(task: str = "fail", queue: str = "default") -> Count:
    return Count(queue=queue, task=task, state=JobState.QUEUED, jobs=3)


def test_a_sound_application_has_no_failing_line(run: Runner) -> None:
    looked = run("doctor", "-o", "plain")

    lines = [line.split("\t") for line in looked.out.splitlines()]
    assert looked.code == 0
    assert lines[0][:2] == ["ok", "application"]
    assert "fail" not in [line[0] for line in lines]
    assert ["warn", "workers", "none is live", "start one with `workmill worker`"] in lines


def test_json_has_every_finding(run: Runner) -> None:
    items = json.loads(run("doctor", "--json").out)["items"]

    assert {"level", "subject", "detail", "remedy"} == set(items[0])


def test_a_store_that_cannot_be_reached_fails_with_a_remedy(
    app: App, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable() -> list[Finding]:
        raise StoreUnavailable("disk is gone")

    monkeypatch.setattr(app, "diagnose", unreachable)

    looked = run("doctor", "-o", "plain")

    assert looked.code == 1
    assert "fail\tstore memory://\tdisk is gone\tcheck WORKMILL_URL" in looked.out


def test_an_application_that_cannot_be_loaded_has_its_own_exit_code(run: Runner) -> None:
    assert run("doctor", "--app", "nowhere:app").code == 3


def test_a_task_whose_type_hints_make_no_sense_fails() -> None:
    app = App("memory://")

    @app.task
    def broken(value: "Nothing") -> None: ...  # type: ignore[name-defined] # noqa: F821

    (finding,) = look_at_tasks(app)
    assert (finding.level, finding.subject) == (Level.FAIL, "task broken")
    assert "Nothing" in finding.detail


def test_an_application_without_tasks_is_worth_a_warning() -> None:
    (finding,) = look_at_tasks(App("memory://"))

    assert finding.level is Level.WARN


def test_live_workers_are_counted_with_their_slots() -> None:
    (finding,) = look_at_workers([worker(), worker(), worker(is_live=False)])

    assert (finding.level, finding.detail) == (Level.OK, "2 live, 2 of 8 slots taken")


@pytest.mark.parametrize(
    "workers",
    [[], [worker(is_live=False)], [worker(queues=("other",))], [worker(tasks=("other",))]],
    ids=["none", "dead", "other queue", "other task"],
)
def test_queued_jobs_that_no_live_worker_takes_are_named(app: App, workers: list[Worker]) -> None:
    (finding,) = look_at_queues(app, [queued()], workers)

    assert (finding.level, finding.subject) == (Level.WARN, "queue default")
    assert "3 queued jobs of task fail" in finding.detail
    assert "workmill worker" in finding.remedy


def test_jobs_of_a_task_that_is_gone_are_told_apart(app: App) -> None:
    (finding,) = look_at_queues(app, [queued(task="removed")], [worker()])

    assert "register it again" in finding.remedy


def test_queues_that_are_worked_are_no_finding(app: App) -> None:
    assert list(look_at_queues(app, [queued()], [worker(queues=("default",))])) == []
