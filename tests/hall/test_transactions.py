"""Jobs that come and go with a transaction of the caller's, and jobs that end in one of their task's."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.hall.databases import Database, on_postgres, on_sqlite
from workmill import App, Event, InvalidOption, JobConflict, JobNotFound, JobState, Retry, current_job
from workmill.testing import drain, inline
from workmill.words.emit import JobsEnqueued
from workmill.words.events import JobSettled

WORD = "to be"


@pytest.fixture(params=["sqlite3", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite3":
        with on_sqlite(tmp_path) as made:
            yield made
    else:
        with on_postgres(request.getfixturevalue("postgres")) as made:
            yield made


@pytest.fixture
def app(database: Database) -> Iterator[App]:
    with App(database.url) as app:
        yield app


@pytest.fixture
def connection(database: Database) -> Iterator[Any]:
    with closing(database.connect()) as connection:
        yield connection


@pytest.fixture
def add(app: App) -> Any:
    @app.task
    def add(a: int, b: int = 0) -> int:
        return a + b

    return add


def test_a_job_is_there_with_the_caller_s_commit(app: App, add: Any, database: Database, connection: Any) -> None:
    database.write(connection, WORD)
    job = add.using(connection=connection, key="k").enqueue(1, b=2)
    with pytest.raises(JobNotFound):
        job.refresh()

    connection.commit()

    assert (job.created, job.state) == (True, JobState.QUEUED)
    assert job.refresh().record.args == b'{"a":1,"b":2}'
    assert drain(app) == 1
    assert job.result(0) == 3
    assert database.words() == [WORD]


def test_a_job_is_gone_with_the_caller_s_rollback(app: App, add: Any, database: Database, connection: Any) -> None:
    database.write(connection, WORD)
    job = add.using(connection=connection).enqueue(1)

    connection.rollback()

    with pytest.raises(JobNotFound):
        job.refresh()
    assert app.jobs().jobs == ()
    assert database.words() == []


async def test_many_jobs_are_awaited_in_the_caller_s_transaction(app: App, add: Any, connection: Any) -> None:
    jobs = await app.aenqueue_many([add.job(1), add.using(delay=5).job(2)], connection=connection)
    assert (await app.ajobs()).jobs == ()

    connection.commit()

    assert [(await job.arefresh()).state for job in jobs] == [JobState.QUEUED, JobState.SCHEDULED]


def test_many_jobs_are_stored_in_the_caller_s_transaction(app: App, add: Any, connection: Any) -> None:
    jobs = app.enqueue_many([add.job(number) for number in range(3)], connection=connection)
    connection.commit()

    assert [job.id for job in reversed(app.jobs().jobs)] == [job.id for job in jobs]


def test_a_key_is_kept_in_the_caller_s_transaction_too(add: Any, database: Database, connection: Any) -> None:
    stored = add.using(key="k").enqueue(1)
    keyed = add.using(key="k", connection=connection)

    assert (keyed.enqueue(1).id, keyed.enqueue(1).created) == (stored.id, False)
    with pytest.raises(JobConflict):
        keyed.enqueue(2)
    database.write(connection, WORD)
    connection.commit()

    assert database.words() == [WORD]


def test_nobody_is_told_of_what_is_not_committed(app: App, add: Any, connection: Any) -> None:
    events: list[Event] = []
    app.observe(events.append)

    with inline(app):
        job = add.using(connection=connection).enqueue(1)
        connection.rollback()
        assert add.enqueue(1).done

    assert job.state is JobState.QUEUED
    assert [len(event.job_ids) for event in events if isinstance(event, JobsEnqueued)] == [1]


def test_a_job_that_is_only_made_takes_no_connection(add: Any, connection: Any) -> None:
    bound = add.using(connection=connection)

    with pytest.raises(InvalidOption, match="enqueue_many"):
        bound.job(1)
    with pytest.raises(InvalidOption, match="enqueue_many"):
        bound.job_from_json(b'{"a": 1}')
    assert bound.using(delay=3).options.connection is connection
    assert add.options.connection is None


def test_a_wrong_call_is_refused_before_the_connection_is_used(add: Any, connection: Any) -> None:
    with pytest.raises(Exception, match="do not match the signature"):
        add.using(connection=connection).enqueue("x")


@pytest.mark.parametrize("given", [0, "postgresql://me:secret@host/db", object()])
def test_what_is_no_connection_is_refused_without_being_shown(add: Any, given: object) -> None:
    with pytest.raises(InvalidOption, match="connection") as raised:
        add.using(connection=given).enqueue(1)
    assert "secret" not in str(raised.value)


def test_the_memory_store_joins_nothing(connection: Any) -> None:
    with App("memory://") as app:
        task = app.task(name="task")(lambda: 1)
        with pytest.raises(InvalidOption, match="store memory joins no transactions; keep the jobs in SQLite or Post"):
            task.using(connection=connection).enqueue()


def test_a_connection_of_another_kind_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with App(f"sqlite:///{tmp_path}/other.db") as app, closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        task = app.task(name="task")(lambda: 1)
        with pytest.raises(InvalidOption, match=r"add \?driver=sqlite3 to its URL"):
            task.using(connection=connection).enqueue()


async def test_an_awaited_connection_needs_the_twin(postgres: str) -> None:
    with on_postgres(postgres) as database, App(database.url) as app:
        task = app.task(name="task")(lambda: 1)
        connection = await psycopg.AsyncConnection.connect(postgres)
        async with connection:
            with pytest.raises(InvalidOption, match=r"await task\.using"):
                await asyncio.to_thread(task.using(connection=connection).enqueue)
            job = await task.using(connection=connection).aenqueue()
            await connection.rollback()
            with pytest.raises(JobNotFound):
                await job.arefresh()
            job = await task.using(connection=connection).aenqueue()
            await connection.commit()

        assert (await job.arefresh()).state is JobState.QUEUED


def test_a_result_that_was_forgotten_is_told_from_a_wrong_one(app: App, database: Database) -> None:
    @app.task
    def count() -> int:
        with closing(database.connect()) as connection, current_job.finish_in(connection):
            database.write(connection, WORD)
        return 1

    job = count.enqueue()
    drain(app)

    failure = job.refresh().record.failure
    assert failure is not None
    assert failure.type == "ResultRejected"
    assert failure.message.startswith("`finish.result` was not set inside the block, but the returned NoneType")
    assert database.words() == []


def test_rows_result_and_children_are_there_at_once(app: App, add: Any, database: Database) -> None:
    seen: list[Any] = []

    @app.task
    def finish(word: str) -> dict[str, str]:
        with closing(database.connect()) as connection, current_job.finish_in(connection) as finish:
            database.write(connection, word)
            child = add.using(connection=connection).enqueue(1)
            finish.result = {"child": child.id}
            seen.append((database.words(), current(app, "finish"), current(app, "add")))
        seen.append((database.words(), current(app, "finish"), current(app, "add")))
        return {}

    job = finish.enqueue(WORD)

    assert drain(app) == 2
    assert seen == [
        ([], [JobState.RUNNING], []),
        ([WORD], [JobState.SUCCEEDED], [JobState.QUEUED]),
    ]
    assert app.job(job.result(0)["child"]).result(0) == 1
    assert job.refresh().record.attempt == 1


def current(app: App, task: str) -> list[JobState]:
    return [job.state for job in app.jobs(tasks=[task]).jobs]


def test_what_fails_inside_leaves_nothing(app: App, add: Any, database: Database) -> None:
    attempts = []

    @app.task(retry=Retry(1, first=0, jitter=0))
    def finish() -> None:
        attempts.append(current_job.attempt)
        with closing(database.connect()) as connection, current_job.finish_in(connection):
            database.write(connection, f"attempt {current_job.attempt}")
            add.using(connection=connection).enqueue(1)
            if current_job.attempt == 1:
                raise ValueError

    job = finish.enqueue()
    app.drain(skip_delays=True)

    assert attempts == [1, 2]
    assert job.refresh().state is JobState.SUCCEEDED
    assert database.words() == ["attempt 2"]
    assert current(app, "add") == [JobState.SUCCEEDED]


async def test_an_awaited_connection_finishes_an_async_task(postgres: str) -> None:
    with on_postgres(postgres) as database, App(database.url) as app:

        @app.task
        async def finish(word: str) -> str:
            connection = await psycopg.AsyncConnection.connect(postgres)
            async with connection, current_job.finish_in(connection) as finish:
                await connection.execute(f"INSERT INTO {database.table} VALUES (%s)", (word,))
                finish.result = word
            return word

        job = await finish.aenqueue(WORD)
        async with app.working():
            assert await job.aresult(10) == WORD

        assert database.words() == [WORD]


def test_a_task_that_runs_inline_finishes_too(app: App, database: Database) -> None:
    @app.task
    def finish() -> int | None:
        with closing(database.connect()) as connection, current_job.finish_in(connection) as finish:
            database.write(connection, WORD)
            finish.result = 3
        return None

    events: list[Event] = []
    app.observe(events.append)
    with inline(app):
        assert finish.enqueue().result(0) == 3

    assert database.words() == [WORD]
    assert len([event for event in events if isinstance(event, JobSettled)]) == 1


def test_an_error_of_the_driver_comes_as_it_is_and_nothing_is_stored(
    app: App, database: Database, connection: Any
) -> None:
    broken = threading.Event()

    @app.task
    def finish() -> None:
        with current_job.finish_in(connection):
            try:
                connection.execute("SELECT nonsense FROM nowhere")
            except Exception:
                broken.set()
                raise

    job = finish.enqueue()
    assert drain(app) == 1

    assert broken.is_set()
    assert job.refresh().state is JobState.FAILED
    assert database.words() == []
