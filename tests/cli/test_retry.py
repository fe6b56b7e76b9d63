"""`workmill jobs retry` and `jobs cancel --force`."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from workmill import App, JobHandle
from workmill.store import ClaimRequest, NewWorker

Runner = Callable[..., Run]


@pytest.fixture
def done(app: App) -> JobHandle[object]:
    """A job that has ended."""
    handle = app.tasks["resize"].using(queue="images").enqueue("a.png", tags=["x"])
    app.drain()
    return handle.refresh()


def retried(app: App, run: Run) -> list[dict[str, object]]:
    """Return the documents of the jobs whose ids a command wrote."""
    return [app.job(line).document() for line in run.out.splitlines()]


def test_a_retry_is_a_new_job_whose_id_is_written(app: App, run: Runner, done: JobHandle[object]) -> None:
    answered = run("jobs", "retry", done.id)

    (new,) = retried(app, answered)
    assert answered.code == 0
    assert (new["retry_of"], new["queue"], new["args"]) == (done.id, "images", done.document()["args"])
    assert f"retried job {done.id} as {new['id']}, queued" in answered.err
    assert "no live worker takes jobs of task resize" in answered.err


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (("--set", "width=5"), {"width": 5}),
        (("--set", "path=5"), {"path": "5"}),
        (("--set", "path=a=b"), {"path": "a=b"}),
        (("--set", "path="), {"path": ""}),
        (("--set", "dry=true", "--set", "colour=blue"), {"dry": True, "colour": "blue"}),
        (("--set", 'tags=["y", "z"]'), {"tags": ["y", "z"]}),
        (("--set", 'options={"max_depth": 3}'), {"options": {"max_depth": 3, "mode": "fast"}}),
    ],
)
def test_single_arguments_are_changed(
    app: App, run: Runner, done: JobHandle[object], words: tuple[str, ...], changed: dict[str, object]
) -> None:
    (new,) = retried(app, run("jobs", "retry", done.id, *words))

    assert new["args"] == {**done.document()["args"], **changed}


def test_all_arguments_are_given_anew(
    app: App, run: Runner, done: JobHandle[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "args.json").write_text('{"path": "c.png"}')
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"path": "d.png"}')))

    for words, path in (
        (('--args={"path": "b.png"}',), "b.png"),
        (("--args=@args.json",), "c.png"),
        (("--args=-",), "d.png"),
        (('--args={"path": "b.png"}', "--set=path=e.png"), "e.png"),
    ):
        (new,) = retried(app, run("jobs", "retry", done.id, *words))
        assert new["args"] == {"path": path}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "width=5.5"), "--width: "),
        (("--set", "size=5"), "--size: "),
        (("--set", "width"), "write it like --set width=400"),
        (("--args", "{"), "--args is not JSON"),
        (("--args", '{"path": "a", "path": "b"}'), "names a key twice"),
        (("--args", '{"path": NaN}'), "NaN is not JSON"),
        (("--args", "[]"), "--args is no JSON object"),
        (("--args", "{}"), "--path: "),
        (("--args", "@gone.json"), "--args @gone.json: No such file"),
    ],
)
def test_arguments_that_do_not_match_are_refused(
    app: App, run: Runner, done: JobHandle[object], words: tuple[str, ...], said: str
) -> None:
    answered = run("jobs", "retry", done.id, *words)

    assert (answered.code, answered.out) == (2, "")
    assert said in answered.err
    assert len(app.jobs().jobs) == 1


def test_a_job_that_has_not_ended_is_a_conflict_and_the_others_are_retried(
    app: App, run: Runner, done: JobHandle[object]
) -> None:
    queued = app.tasks["fail"].enqueue("x")

    answered = run("jobs", "retry", queued.id, done.id)

    assert answered.code == 6
    assert f"job {queued.id}: it is queued and not over" in answered.err
    assert [new["retry_of"] for new in retried(app, answered)] == [done.id]


def test_a_key_gives_the_same_job(app: App, run: Runner, done: JobHandle[object]) -> None:
    first, second = run("jobs", "retry", done.id, "--key", "k"), run("jobs", "retry", done.id, "--key", "k")

    assert (first.code, second.code, first.out) == (0, 0, second.out)
    assert run("jobs", "retry", done.id, "--key", "k", "--set", "width=1").code == 6
    assert len(app.jobs().jobs) == 2


def test_retry_as_json_is_the_document_of_the_new_job(app: App, run: Runner, done: JobHandle[object]) -> None:
    document = json.loads(run("jobs", "retry", done.id, "--json").out)

    assert document == app.job(document["id"]).document()
    assert document["retry_of"] == done.id


def test_a_task_that_the_application_does_not_know_is_retried_with_plain_json(
    app: App, run: Runner, done: JobHandle[object]
) -> None:
    del app._registry.tasks["resize"]  # noqa: SLF001 - as in a program that does not import the task

    (new,) = retried(app, run("jobs", "retry", done.id, "--set", "width=5", "--set", "path=[null]"))

    assert new["args"] == {**done.document()["args"], "width": 5, "path": [None]}


def test_at_least_one_id_is_asked_for(run: Runner) -> None:
    answered = run("jobs", "retry")

    assert answered.code == 2
    assert "name one job or more by id" in answered.err


def test_show_names_the_job_that_is_repeated(run: Runner, done: JobHandle[object]) -> None:
    shown = run("jobs", "show", done.retry().id)

    assert f"retry of:      {done.id}" in shown.out


async def test_a_running_job_is_ended_by_force(app: App, run: Runner) -> None:
    job = await app.tasks["fail"].aenqueue("x")
    store = app.program.open_store()
    await store.register(
        NewWorker(
            id="w",
            name="w",
            host="h",
            pid=1,
            queues=None,
            tasks=("fail",),
            concurrency=1,
            lease=timedelta(minutes=1),
        )
    )
    await store.claim(ClaimRequest(worker_id="w", engine=0, queues=None, tasks=("fail",), limit=1))

    asked, forced = run("jobs", "cancel", job.id), run("jobs", "cancel", job.id, "--force")

    assert asked.out == f"{job.id} was asked to end\n"
    assert forced.out == f"{job.id} is to be ended\n"
    assert (await job.arefresh()).record.cancel_forced
