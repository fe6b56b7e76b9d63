import dataclasses
import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Run
from workmill import App, JobHandle

Runner = Callable[..., Run]
UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture
def handles(app: App) -> dict[str, JobHandle[object]]:
    """Give one job that succeeded, one that failed, and one that is queued."""
    done = app.tasks["resize"].enqueue("a.png")
    failed = app.tasks["fail"].enqueue("\x1b[31mno\u202e")
    app.drain(skip_delays=True)
    queued = app.tasks["resize"].using(queue="images").enqueue("b.png")
    return {"done": done.refresh(), "failed": failed.refresh(), "queued": queued}


def test_list_shows_the_newest_first(run: Runner, handles: dict[str, JobHandle[object]]) -> None:
    listed = run("jobs", "list", "-o", "plain")

    rows = [line.split("\t") for line in listed.out.splitlines()]
    assert [row[:5] for row in rows] == [
        [handles["queued"].id, "resize", "images", "queued", "0/1"],
        [handles["failed"].id, "fail", "default", "failed", "2/2"],
        [handles["done"].id, "resize", "default", "succeeded", "1/1"],
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--state", "queued"], ["queued"]),
        (["--state", "queued", "--state", "failed"], ["queued", "failed"]),
        (["--task", "fail"], ["failed"]),
        (["--task", "fail,nothing"], ["failed"]),
        (["--queue", "images"], ["queued"]),
        (["--created-before", "2001-01-01"], []),
        (["--created-after", "2001-01-01", "--limit", "1"], ["queued"]),
    ],
)
def test_list_filters(run: Runner, handles: dict[str, JobHandle[object]], words: list[str], names: list[str]) -> None:
    listed = run("jobs", "list", "-o", "plain", *words)

    assert [line.split("\t")[0] for line in listed.out.splitlines()] == [handles[name].id for name in names]


def test_list_as_json_is_the_http_body_and_pages(run: Runner, handles: dict[str, JobHandle[object]]) -> None:
    first = json.loads(run("jobs", "list", "--json", "--limit", "2").out)
    rest = json.loads(run("jobs", "list", "--json", "--limit", "2", "--cursor", first["next_cursor"]).out)

    assert first["items"] == [handles["queued"].document(), handles["failed"].document()]
    assert rest == {"items": [handles["done"].document()], "next_cursor": None}
    assert f"--cursor {first['next_cursor']}" in run("jobs", "list", "--limit", "2").err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--state", "quued"], 'Did you mean "queued"?'),
        (["--limit", "0"], "limit=0"),
        (["--cursor", "nonsense"], "cursor"),
        (["--created-after", "soon"], "--created-after"),
        (["extra"], "extra"),
    ],
)
@pytest.mark.usefixtures("handles")
def test_list_refuses_bad_filters_by_name(run: Runner, words: list[str], message: str) -> None:
    listed = run("jobs", "list", *words)

    assert (listed.code, listed.out) == (2, "")
    assert message in listed.err


def test_show_has_every_field_the_attempts_and_the_traceback_cleaned(
    run: Runner, handles: dict[str, JobHandle[object]]
) -> None:
    shown = run("jobs", "show", handles["failed"].id)

    lines = shown.out.splitlines()
    assert shown.code == 0
    assert any(line.split() == ["state:", "failed"] for line in lines)
    assert sum(line.startswith("attempt ") for line in lines) == 2
    assert "Traceback (most recent call last):" in lines
    assert r"ValueError: \x1b[31mno\u202e" in shown.out
    assert not {"\x1b", "\u202e"} & set(shown.out)


def test_show_calls_workers_by_their_names(run: Runner, app: App, handles: dict[str, JobHandle[object]]) -> None:
    done = handles["done"]
    (worker,) = {worker.name for worker in app.workers() if worker.id == done.record.worker}

    lines = run("jobs", "show", done.id).out.splitlines()

    assert any(line.split() == ["worker:", worker, f"({done.record.worker})"] for line in lines)
    assert any(line.startswith("attempt 1: succeeded") and line.endswith(f" on {worker}") for line in lines)


def test_show_as_json_is_the_document_of_one_job_and_a_list_of_several(
    run: Runner, handles: dict[str, JobHandle[object]]
) -> None:
    done, queued = handles["done"], handles["queued"]

    assert json.loads(run("jobs", "show", done.id, "--json").out) == done.document()
    assert json.loads(run("jobs", "show", done.id, queued.id, "--json").out) == {
        "items": [done.document(), queued.document()]
    }


@pytest.mark.parametrize("command", ["show", "wait", "cancel"])
@pytest.mark.parametrize("job_id", [UNKNOWN, "no id at all", "\x1b[2J"])
def test_an_unknown_id_is_not_found(run: Runner, command: str, job_id: str) -> None:
    answered = run("jobs", command, job_id)

    assert answered.code == 5
    assert "no job has the id" in answered.err
    assert "\x1b" not in answered.err


@pytest.mark.parametrize("command", ["show", "wait", "cancel"])
def test_at_least_one_id_is_asked_for(run: Runner, command: str) -> None:
    answered = run("jobs", command)

    assert answered.code == 2
    assert "name one job or more by id" in answered.err


def test_wait_writes_results_and_ends_with_the_first_bad_end(
    run: Runner, handles: dict[str, JobHandle[object]]
) -> None:
    waited = run("jobs", "wait", handles["done"].id, handles["failed"].id)

    assert waited.code == 7
    assert json.loads(waited.out)["path"] == "a.png"
    assert "failed, attempt 2 of 2" in waited.err


def test_wait_as_json_is_the_document(run: Runner, handles: dict[str, JobHandle[object]]) -> None:
    waited = run("jobs", "wait", handles["done"].id, "--json")

    assert waited.code == 0
    assert json.loads(waited.out) == handles["done"].document()


def test_wait_has_a_limit_over_all_jobs(run: Runner, handles: dict[str, JobHandle[object]]) -> None:
    waited = run("jobs", "wait", handles["done"].id, handles["queued"].id, "--timeout", "0")

    assert waited.code == 124
    assert "is still queued" in waited.err


def test_cancel_ends_what_has_not_started_and_may_be_repeated(
    run: Runner, handles: dict[str, JobHandle[object]]
) -> None:
    queued = handles["queued"]

    first, second = run("jobs", "cancel", queued.id, "--reason", "a mistake"), run("jobs", "cancel", queued.id)

    assert (first.code, second.code) == (0, 0)
    assert first.out == f"{queued.id} cancelled\n"
    assert queued.refresh().record.cancel_reason == "a mistake"


def test_cancel_of_a_finished_job_is_a_conflict_and_the_others_are_cancelled(
    run: Runner, handles: dict[str, JobHandle[object]]
) -> None:
    cancelled = run("jobs", "cancel", handles["done"].id, handles["queued"].id)

    assert cancelled.code == 6
    assert "has succeeded already" in cancelled.err
    assert handles["queued"].refresh().state == "cancelled"


def test_cancel_as_json_is_the_document(run: Runner, handles: dict[str, JobHandle[object]]) -> None:
    document = json.loads(run("jobs", "cancel", handles["queued"].id, "--json").out)

    assert document == handles["queued"].refresh().document()
    assert document["state"] == "cancelled"


@pytest.mark.parametrize("words", [("show",), ("wait", "--timeout", "0")], ids=["show", "wait"])
def test_that_nobody_would_run_a_job_is_said_with_the_remedy(app: App, run: Runner, words: tuple[str, ...]) -> None:
    known = app.tasks["resize"].using(queue="images").job("b.png")
    handles = app.enqueue_many([known, dataclasses.replace(known, id=UNKNOWN, task="removed")])

    told = run("jobs", words[0], *(handle.id for handle in handles), *words[1:])

    assert "no live worker takes jobs of task resize from queue images; start one with" in told.err
    assert "takes jobs of task removed from queue images; the application has no task removed either" in told.err


def test_nothing_is_said_of_a_job_that_needs_no_worker(run: Runner, handles: dict[str, JobHandle[object]]) -> None:
    assert run("jobs", "show", handles["done"].id).err == ""
