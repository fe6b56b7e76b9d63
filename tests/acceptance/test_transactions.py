"""Jobs and the caller's data in one transaction: two clients, and workers that are frozen in the middle of one."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from tests.hall.databases import Database, on_postgres, on_sqlite
from tests.running.tree import Tree, assert_gone, program, send, tree
from workmill import App, Ending, JobHandle, JobNotFound, JobState

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")]
WORK = "from tests.acceptance.words_app import work; work(lease={lease})"
SHORT_LEASE = 1.5
LONGEST_SECONDS = 20.0
WORD = "to be"


@pytest.fixture
def on_server(postgres: str) -> Iterator[Database]:
    with on_postgres(postgres) as database:
        yield database


@pytest.fixture(params=["sqlite3", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite3":
        with on_sqlite(tmp_path) as database:
            yield database
    else:
        yield request.getfixturevalue("on_server")


@contextmanager
def client(database: Database) -> Iterator[App]:
    """Open an application of another program, that knows the tasks of the workers."""
    with App(database.url) as app:

        @app.task
        def noted(word: str) -> str:
            raise NotImplementedError

        @app.task
        def keep(word: str, database: str, table: str, folder: str, waits: str) -> str | None:
            raise NotImplementedError

        yield app


@contextmanager
def working(database: Database, lease: float) -> Iterator[Tree]:
    with program(WORK.format(lease=lease), database.url) as worker:
        yield worker


def enqueue_keep(app: App, database: Database, folder: Path, waits: str) -> JobHandle[Any]:
    return app.tasks["keep"].enqueue(WORD, database.own_url, database.table, str(folder), waits)


def open_gate(folder: Path, attempt: int) -> None:
    (folder / f"gate {attempt}").touch()


def endings(job: JobHandle[Any]) -> list[Ending]:
    return [attempt.ending for attempt in job.attempts()]


def assert_kept_once(app: App, database: Database, job: JobHandle[Any], attempt: int) -> None:
    """Check that this attempt alone has left its row, its result and its child."""
    assert database.words() == [f"{WORD} {attempt}"]
    assert job.refresh().state is JobState.SUCCEEDED
    (child,) = app.jobs(tasks=["noted"]).jobs
    assert job.result(0) == child.id
    assert app.job(child.id).result(LONGEST_SECONDS) == f"noted {WORD}"
    assert endings(job)[-1] is Ending.SUCCEEDED
    assert endings(job).count(Ending.SUCCEEDED) == 1


def test_a_plain_client_and_one_whose_transaction_decides(database: Database) -> None:
    with client(database) as plain, client(database) as transactional, working(database, lease=30):
        assert plain.tasks["noted"].enqueue("plain").result(LONGEST_SECONDS) == "noted plain"

        with Session(create_engine(database.own_url, poolclass=NullPool)) as session:
            insert = text(f"INSERT INTO {database.table} VALUES (:word)")
            session.execute(insert, {"word": "rolled back"})
            undone = transactional.tasks["noted"].using(connection=session).enqueue("rolled back")
            session.rollback()
            session.execute(insert, {"word": "committed"})
            done = transactional.tasks["noted"].using(connection=session).enqueue("committed")
            session.commit()

        assert done.result(LONGEST_SECONDS) == "noted committed"
        with pytest.raises(JobNotFound):
            undone.refresh()
        assert plain.tasks["noted"].enqueue("plain again").result(LONGEST_SECONDS) == "noted plain again"
        stored = [job.args for job in plain.jobs().jobs]

    assert database.words() == ["committed"]
    assert stored == [b'{"word":"plain again"}', b'{"word":"committed"}', b'{"word":"plain"}']


@pytest.mark.parametrize("waits", ["first", "last"])
def test_rows_result_and_child_are_there_when_the_job_is_done(database: Database, tmp_path: Path, waits: str) -> None:
    with client(database) as app, working(database, lease=30) as worker:
        job = enqueue_keep(app, database, tmp_path, waits)
        worker.until(f"keep 1 at {waits}")
        assert (database.words(), app.jobs(tasks=["noted"]).jobs) == ([], ())

        open_gate(tmp_path, 1)

        job.result(LONGEST_SECONDS)
        assert_kept_once(app, database, job, attempt=1)


def test_a_worker_frozen_past_its_lease_cannot_commit(database: Database, tmp_path: Path) -> None:
    # On SQLite whoever has written holds the file's one write lock, frozen or not: nobody else could go on.
    waits = "first" if database.url.startswith("sqlite") else "written"
    with client(database) as app, working(database, SHORT_LEASE) as frozen:
        job = enqueue_keep(app, database, tmp_path, waits)
        frozen.until(f"keep 1 at {waits}")
        with working(database, SHORT_LEASE) as other:
            frozen.signal(signal.SIGSTOP)
            other.until(f"keep 2 at {waits}")
            open_gate(tmp_path, 1)
            frozen.signal(signal.SIGCONT)
            frozen.until("JobLost")
            assert (database.words(), job.refresh().state) == ([], JobState.RUNNING)

            open_gate(tmp_path, 2)

            job.result(LONGEST_SECONDS)
            assert_kept_once(app, database, job, attempt=2)
    assert endings(job) == [Ending.INTERRUPTED, Ending.SUCCEEDED]
    assert "committed" not in frozen.output


def test_a_worker_frozen_before_its_commit_keeps_the_job_from_others_no_longer_than_its_lease(
    on_server: Database, tmp_path: Path
) -> None:
    with client(on_server) as app, working(on_server, SHORT_LEASE) as frozen:
        job = enqueue_keep(app, on_server, tmp_path, "last")
        frozen.until("keep 1 at last")
        with working(on_server, SHORT_LEASE) as other:
            frozen.signal(signal.SIGSTOP)
            other.until("keep 2 at last")
            open_gate(tmp_path, 2)
            job.result(LONGEST_SECONDS)

            open_gate(tmp_path, 1)
            frozen.signal(signal.SIGCONT)

            frozen.until("lost its lease")
            frozen.until(f"job {job.id}.*(OperationalError|refused)")
            assert_kept_once(app, on_server, job, attempt=2)
    assert "committed" not in frozen.output


def test_a_frozen_tree_leaves_nothing_of_its_transaction(database: Database, tmp_path: Path) -> None:
    options = {"target": "tests.acceptance.words_app:app", "lease": SHORT_LEASE}
    waits = "first" if database.url.startswith("sqlite") else "written"
    with client(database) as app, tree(database.url, **options) as frozen:
        job = enqueue_keep(app, database, tmp_path, waits)
        frozen.until(f"keep 1 at {waits}")
        everyone = [frozen.pid, *frozen.children()]
        with tree(database.url, **options) as other:
            other.until("WorkerStarted")
            for pid in everyone:
                send(pid, signal.SIGSTOP)
            other.until(f"keep 2 at {waits}")
            open_gate(tmp_path, 1)
            for pid in everyone:
                send(pid, signal.SIGCONT)  # One that thaws first may have killed the next.
            assert_gone(everyone[1:], seconds=5)
            assert database.words() == []

            open_gate(tmp_path, 2)

            job.result(LONGEST_SECONDS)
            assert_kept_once(app, database, job, attempt=2)
    assert endings(job) == [Ending.INTERRUPTED, Ending.SUCCEEDED]
