import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from workmill import App, Snooze, current_job

Runner = Callable[..., Run]


def test_a_call_writes_the_id_alone_to_stdout_and_the_rest_to_stderr(app: App, run: Runner) -> None:
    done = run("call", "resize", "a.png", "--width", "400")

    job = app.job(done.out.strip())
    assert done.code == 0
    assert json.loads(job.record.args) == {"path": "a.png", "width": 400}
    assert done.err == f"workmill: enqueued resize on default as {job.id}, queued\n"


def test_json_is_the_job_as_http_answers_it(app: App, run: Runner) -> None:
    done = run("call", "resize", "a.png", "--json")

    document = json.loads(done.out)
    assert document == app.job(document["id"]).document()


def test_nested_models_choices_lists_and_switches_arrive_typed(app: App, run: Runner) -> None:
    done = run(
        *("call", "resize", "a.png", "--options.max-depth", "3", "--options.mode", "exact"),
        *("--colour", "blue", "--tags", "x", "--tags", "y", "--dry"),
    )

    assert json.loads(app.job(done.out.strip()).record.args) == {
        "path": "a.png",
        "options": {"max_depth": 3, "mode": "exact"},
        "colour": "blue",
        "tags": ["x", "y"],
        "dry": True,
    }


def test_options_may_stand_before_the_task_and_after_its_arguments(app: App, run: Runner) -> None:
    done = run("call", "--queue", "images", "--delay=60", "resize", "a.png", "--priority", "5", "--key", "k1")

    job = app.job(done.out.strip()).record
    assert (job.queue, job.priority, job.key, job.state) == ("images", 5, "k1", "scheduled")


def test_the_same_key_gives_the_same_job_and_says_so(run: Runner) -> None:
    first = run("call", "resize", "a.png", "--key", "k1")
    second = run("call", "resize", "a.png", "--key", "k1")

    assert second.out == first.out
    assert "the key 'k1' names job" in second.err


def test_a_key_used_for_other_arguments_is_a_conflict(run: Runner) -> None:
    run("call", "resize", "a.png", "--key", "k1")

    assert run("call", "resize", "b.png", "--key", "k1").code == 6


def test_after_the_task_an_argument_comes_before_an_option_of_its_name(app: App, run: Runner) -> None:
    done = run("call", "--queue", "images", "--key", "k1", "queue-clash", "--queue", "an argument", "--key", "7")

    job = app.job(done.out.strip()).record
    assert (job.queue, job.key) == ("images", "k1")
    assert json.loads(job.args) == {"queue": "an argument", "key": 7}


def test_app_is_found_also_after_the_task(run: Runner) -> None:
    assert run("call", "resize", "a.png", "--app", "nowhere:app").code == 3
    assert run("call", "resize", "a.png", "--app=nowhere:app").code == 3
    assert run("call", "--app", "nowhere:app", "resize", "a.png").code == 3


@pytest.mark.parametrize("place", ["before", "after"])
def test_json_args_replace_the_flags(app: App, run: Runner, place: str) -> None:
    given = ["--json-args", '{"path": "a.png", "width": 1}']
    words = ["call", *given, "resize"] if place == "before" else ["call", "resize", *given]

    done = run(*words)

    assert json.loads(app.job(done.out.strip()).record.args) == {"path": "a.png", "width": 1}


def test_json_args_come_from_a_file_or_from_stdin(
    app: App, run: Runner, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "args.json").write_text('{"path": "from a file"}')
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"path": "from stdin"}')))

    from_file = run("call", "resize", "--json-args=@args.json")
    from_stdin = run("call", "resize", "--json-args=-")

    assert json.loads(app.job(from_file.out.strip()).record.args) == {"path": "from a file"}
    assert json.loads(app.job(from_stdin.out.strip()).record.args) == {"path": "from stdin"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["resize", "--json-args=@nowhere.json"], "--json-args @nowhere.json: No such file"),
        (["resize", "--json-args={"], "#: not JSON"),
        (["resize", "--json-args=[]"], "#: "),
        (["resize", '--json-args={"path": 5}'], "#/path: "),
        (["resize", "a.png", "--width", "wide"], "--width: Input should be a valid integer; it is 'wide'"),
        (["fail", "why", "--wait", "5"], "as in --wait=10\nSee: workmill call fail --help"),
        (["resize", "a.png", "--width", "1e999"], "no JSON form"),
        (["resize", "a.png", "--options.mode", "fast"], "--options.max-depth: Field required"),
        (["resize"], "--path"),
        (["resize", "a.png", "--widht", "5"], "Did you mean --width?"),
        (["resize", "a.png", "--priority", "1.5"], "'1.5' is not a whole number"),
        (["resize", "a.png", "--priority", "101"], "from -100 to 100"),
        (["resize", "a.png", "--delay", "-1"], "--delay"),
        (["resize", "a.png", "--delay", "inf"], "delay=inf"),
        (["resize", "a.png", "--queue", "no spaces"], "queue='no spaces'"),
        (["resize", "a.png", "--wait=soon"], "'soon' is not a number of seconds"),
        ([], "name the task to call"),
        (["--nonsense", "resize"], "--nonsense"),
    ],
)
def test_bad_words_are_refused_by_name_and_nothing_is_enqueued(
    app: App, run: Runner, words: list[str], message: str
) -> None:
    done = run("call", *words)

    assert done.code == 2
    assert message in done.err
    assert done.out == ""
    assert app.jobs().jobs == ()


def test_an_unknown_task_is_not_found_and_the_registered_ones_are_named(run: Runner) -> None:
    done = run("call", "resise", "a.png")

    assert done.code == 5
    assert "no task named 'resise'" in done.err
    assert "; did you mean 'resize'?" in done.err


def test_wait_writes_the_result_to_stdout(app: App, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "after_enqueue", app.adrain)

    done = run("call", "resize", "a.png", "--wait")

    assert done.code == 0
    assert json.loads(done.out) == {"path": "a.png", "width": 800, "colour": "red", "tags": [], "dry": False}


def test_wait_with_json_writes_the_finished_job(app: App, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "after_enqueue", app.adrain)

    document = json.loads(run("call", "resize", "a.png", "--wait=60", "--json").out)

    assert document["state"] == "succeeded"
    assert document["result"]["path"] == "a.png"


def test_a_failed_job_has_an_exit_code_and_its_traceback_on_stderr_cleaned(
    app: App, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drain_at_once() -> None:
        await app.adrain(skip_delays=True)

    monkeypatch.setattr(app, "after_enqueue", drain_at_once)

    done = run("call", "fail", "\x1b[31mred\u202e\r", "--wait")

    assert done.code == 7
    assert done.out == ""
    assert r"failed, attempt 2 of 2: ValueError: \x1b[31mred\u202e\r" in done.err
    assert "Traceback" in done.err
    assert not {"\x1b", "\r", "\u202e"} & set(done.err)


def test_a_cancelled_job_has_an_exit_code_of_its_own(app: App, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "after_enqueue", app.adrain)

    done = run("call", "give_up", "not today", "--wait")

    assert done.code == 8
    assert "was cancelled: not today" in done.err


def test_a_wait_that_ends_before_the_job_says_that_it_goes_on_and_that_nobody_works(app: App, run: Runner) -> None:
    done = run("call", "resize", "a.png", "--wait=0")

    assert done.code == 124
    assert "is still queued after 0 s; it goes on" in done.err
    assert "no live worker takes jobs of task resize from queue default" in done.err
    assert app.jobs().jobs[0].state == "queued"


def test_a_terminal_sees_how_far_a_job_is_while_it_waits(
    app: App, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    @app.task
    def half_way() -> None:
        current_job.progress(1, 2, "half\x1b[2J")
        raise Snooze(3600)

    monkeypatch.setattr(app, "after_enqueue", app.adrain)
    away = run("call", "half_way", "--wait=0")
    monkeypatch.setattr("workmill.cli.follow.is_looked_at", lambda: True)
    looked_at = run("call", "half_way", "--wait=0")

    assert "1 of 2" not in away.err
    assert "\r\x1b[Kscheduled  1 of 2  half\\x1b[2J\r\x1b[K" in looked_at.err


def test_app_among_the_arguments_is_one_after_a_double_dash(app: App, run: Runner) -> None:
    assert run("call", "resize", "--", "--app").code == 0
    assert json.loads(app.jobs().jobs[0].args) == {"path": "--app"}


def test_help_without_a_task_explains_the_options_and_with_one_its_arguments(run: Runner) -> None:
    without, with_task = run("call", "--help"), run("call", "resize", "--help")

    assert (without.code, with_task.code) == (0, 0)
    assert "--json-args" in without.out
    assert "--options.max-depth" in with_task.out
    assert "Which file." in with_task.out
