"""`current_job.finish_in`: an attempt that ends in a transaction of its task's own, and what becomes of it."""

import asyncio
from typing import Any

import pytest

from tests.craft.joined import Awaited, Blocking, Given, JoiningStore, finishing, given, patched
from tests.craft.runs import LONGEST_SECONDS, Bench, claimed, failed
from workmill import App, FailureKind, InvalidOption, JobLost, JobState, current_job
from workmill.craft.closing import Closing
from workmill.craft.run import Run
from workmill.store import Verdict
from workmill.words.events import FinishRefused
from workmill.words.outcome import Interrupted, Succeeded
from workmill.words.transition import decide

__all__ = ["given"]
GONE = ConnectionError("the server closed the connection")
WHOLE = ["begin", "settle", "commit"]
finish_in = current_job.finish_in


def give(value: Any) -> Any:
    """Return what sets the result."""

    def inside(finish: Any) -> None:
        finish.result = value

    return inside


def fail(error: BaseException) -> Any:
    """Return what raises, whatever it is called with."""

    def inside(*_: Any) -> None:
        raise error

    return inside


async def test_the_result_is_stored_by_the_transaction_that_commits(app: App, runner: Bench, given: Given) -> None:
    run = runner.run_of(claimed(finishing(app, given, give([1, 2]))))

    outcome = await runner.outcome_of(run)

    assert outcome == Succeeded(result=b"[1,2]")
    assert given.did == WHOLE
    assert run.is_finished
    assert given.settled is not None
    assert (given.settled.state, given.settled.token, given.settled.result) == (JobState.SUCCEEDED, 1, b"[1,2]")


async def test_an_error_inside_rolls_back_and_is_the_attempt_s_own(app: App, runner: Bench, given: Given) -> None:
    run = runner.run_of(claimed(finishing(app, given, fail(ValueError("no")))))

    outcome = failed(await runner.outcome_of(run))

    assert (outcome.failure.type, outcome.failure.message) == ("ValueError", "no")
    assert given.did == ["begin", "roll back"]
    assert not run.is_finished


async def test_a_result_of_another_type_is_refused_and_rolled_back(runner: Bench, given: Given, app: App) -> None:
    outcome = failed(await runner.outcome_of(claimed(finishing(app, given, give(object())))))

    assert outcome.failure.type == "ResultRejected"
    assert given.did == ["begin", "roll back"]


async def test_a_worker_that_lost_the_job_cannot_commit(app: App, runner: Bench, given: Given) -> None:
    given.verdict = Verdict.STALE
    job = claimed(finishing(app, given, give(1)))

    outcome = await runner.outcome_of(job)

    assert isinstance(outcome, Interrupted)
    assert (outcome.failure.kind, outcome.failure.type) == (FailureKind.INTERRUPTED, "JobLost")
    assert given.did == ["begin", "settle", "roll back"]
    assert runner.events == [FinishRefused(job_id=job.id, token=1)]


async def test_a_task_that_swallows_its_loss_has_not_succeeded(app: App, runner: Bench, monkeypatch: Any) -> None:
    given = patched(monkeypatch, Blocking)
    given.verdict = Verdict.STALE

    @app.task
    def swallowing() -> str | None:
        with pytest.raises(JobLost, match="this worker lost its lease, so nothing was committed"), finish_in(given):
            pass
        with pytest.raises(RuntimeError, match="lost the job"), finish_in(given):
            pass
        return "done"

    assert isinstance(await runner.outcome_of(claimed(swallowing)), Interrupted)
    assert given.did == ["begin", "settle", "roll back"]


async def test_what_was_rolled_back_may_be_tried_again(app: App, runner: Bench, monkeypatch: Any) -> None:
    given = patched(monkeypatch, Blocking)

    @app.task
    def twice() -> None:
        with pytest.raises(KeyError), finish_in(given):
            raise KeyError
        with finish_in(given):
            pass

    assert await runner.outcome_of(claimed(twice)) == Succeeded(result=b"null")
    assert given.did == ["begin", "roll back", *WHOLE]


async def test_an_attempt_ends_once(app: App, runner: Bench, monkeypatch: Any) -> None:
    given = patched(monkeypatch, Blocking)

    @app.task
    def greedy() -> None:
        with finish_in(given), pytest.raises(RuntimeError, match="inside another `finish_in`"), finish_in(given):
            pass
        with pytest.raises(RuntimeError, match="has ended already"), finish_in(given):
            pass

    assert await runner.outcome_of(claimed(greedy)) == Succeeded(result=b"null")
    assert given.did == WHOLE


async def test_a_commit_whose_answer_is_lost_may_have_ended_the_job(app: App, runner: Bench, given: Given) -> None:
    given.failing = {"commit": GONE, "roll back": OSError("no connection")}
    run = runner.run_of(claimed(finishing(app, given, give(1))))

    outcome = failed(await runner.outcome_of(run))

    assert outcome.failure.type == "ConnectionError"
    assert "could not be rolled back either: OSError('no connection')" in outcome.failure.traceback
    assert not run.is_finished
    assert run.finish == given.settled is not None


async def test_a_transaction_that_cannot_begin_is_not_begun(app: App, runner: Bench, given: Given) -> None:
    given.failing = {"begin": GONE}
    run = runner.run_of(claimed(finishing(app, given)))

    assert failed(await runner.outcome_of(run)).failure.type == "ConnectionError"
    assert given.did == ["begin"]
    assert run.finish is None


async def test_what_fails_while_the_end_is_stored_is_rolled_back(app: App, runner: Bench, given: Given) -> None:
    given.failing = {"settle": GONE}
    run = runner.run_of(claimed(finishing(app, given)))

    assert failed(await runner.outcome_of(run)).failure.type == "ConnectionError"
    assert given.did == ["begin", "settle", "roll back"]
    assert run.finish is None


async def test_an_interruption_rolls_back(app: App, runner: Bench, monkeypatch: Any) -> None:
    given = patched(monkeypatch, Awaited)

    @app.task(timeout=0.01)
    async def slow() -> None:
        async with current_job.finish_in(given):
            await asyncio.sleep(LONGEST_SECONDS)

    assert failed(await runner.outcome_of(claimed(slow))).failure.kind is FailureKind.TIMEOUT
    assert given.did == ["begin", "roll back"]


async def test_who_was_asked_to_end_may_still_finish(app: App, runner: Bench, monkeypatch: Any) -> None:
    given = patched(monkeypatch, Blocking)

    @app.task
    def asked() -> None:
        run = Run.current()
        assert run is not None
        run.ask("cancelled")
        with finish_in(given):
            assert current_job.cancelled

    run = runner.run_of(claimed(asked))
    await runner.outcome_of(run)

    assert run.is_finished
    assert given.did == WHOLE


def test_outside_a_job_there_is_nothing_to_finish(monkeypatch: Any) -> None:
    given = patched(monkeypatch, Blocking)

    with pytest.raises(RuntimeError, match="only there inside a running task"):
        current_job.finish_in(given)


async def test_each_connection_has_its_kind_of_with(app: App, runner: Bench, monkeypatch: Any) -> None:
    @app.task
    async def mixed() -> None:
        given = patched(monkeypatch, Awaited)
        with pytest.raises(InvalidOption, match=r"option connection=.*Given.*write `async with"), finish_in(given):
            pass
        given = patched(monkeypatch, Blocking)
        with pytest.raises(InvalidOption, match="it blocks: write `with"):
            async with finish_in(given):
                pass
        with finish_in(given):
            pass

    assert await runner.outcome_of(claimed(mixed)) == Succeeded(result=b"null")


@pytest.mark.parametrize(
    ("joins", "remedy"),
    [
        ((), "the store fake joins no transactions; keep the jobs in SQLite or PostgreSQL"),
        (("apsw",), r"kind sqlite3, and the store fake joins transactions of apsw: add \?driver=sqlite3 to its URL"),
        (("postgresql",), "joins transactions of postgresql: give a connection to the database that holds the jobs"),
    ],
)
async def test_a_store_that_cannot_join_says_what_to_do(
    app: App, runner: Bench, monkeypatch: Any, joins: tuple[str, ...], remedy: str
) -> None:
    given = patched(monkeypatch, Blocking)
    said = []

    @app.task
    def finishing() -> None:
        with pytest.raises(InvalidOption, match=remedy) as raised:
            finish_in(given)
        said.append(raised.value.option)

    closing = Closing(app.tasks, JoiningStore(*joins), decide, runner.events.append)
    await runner.outcome_of(Run(claimed(finishing), lambda *_: None, closing))

    assert said == ["connection"]
    assert given.did == []
