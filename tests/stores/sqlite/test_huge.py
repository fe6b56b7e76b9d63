"""Rows that together are more than SQLite hands over at once: its bound, a gigabyte, is lowered here."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from workmill.stores.sqlite import claiming, enqueueing, leasing, reading, rows
from workmill.stores.sqlite.connecting import open_writer
from workmill.stores.sqlite.driver import Connection, DriverName
from workmill.stores.sqlite.drivers import driver_named
from workmill.stores.sqlite.failures import Code, code_of
from workmill.stores.sqlite.transaction import Transaction
from workmill.testing.conformance.making import new_job, new_worker, request
from workmill.words.errors import InvalidOption

T = TypeVar("T")
ARGS = b'{"a":"' + b"x" * 9_000 + b'"}'
WORKER = new_worker(tasks=("a", "b"))


@pytest.fixture
def connection(path: Path, driver: DriverName) -> Iterator[Connection]:
    with closing(open_writer(path, driver_named(driver))) as connection:
        run(connection, partial(leasing.register, WORKER))
        limit(connection, 40_000)
        yield connection


def limit(connection: Any, length: int) -> None:
    """Bound what SQLite hands over at once."""
    (getattr(connection, "limit", None) or connection.setlimit)(sqlite3.SQLITE_LIMIT_LENGTH, length)


def run(connection: Connection, verb: Callable[[Transaction], T]) -> T:
    connection.execute("BEGIN")
    transaction = Transaction(connection, 2_000_000_000_000_000)
    try:
        answer = verb(transaction)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    transaction.flush()
    connection.execute("COMMIT")
    return answer


@pytest.mark.parametrize("tasks", [("a",), ("a", "b")])
def test_claim_takes_as_many_as_can_be_handed_over(connection: Connection, tasks: tuple[str, ...]) -> None:
    batch = [new_job(task=tasks[number % len(tasks)], args=ARGS) for number in range(20)]
    run(connection, partial(enqueueing.enqueue, batch))

    claims = []
    while jobs := run(connection, partial(claiming.claim, request(WORKER.id, tasks=tasks, limit=16))):
        claims.append(len(jobs))
        assert all(job.args == ARGS for job in jobs)

    assert sum(claims) == 20
    assert max(claims) < 5


def test_reading_hands_over_all_of_them_in_parts(connection: Connection) -> None:
    batch = [new_job(task="a", args=ARGS) for _ in range(20)]
    run(connection, partial(enqueueing.enqueue, batch))

    jobs = run(connection, partial(reading.get, [new.id for new in batch]))

    assert [job and job.args for job in jobs] == [ARGS] * 20


def test_arguments_beyond_all_measure_are_refused(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LONGEST_TEXT", 9_000)

    with pytest.raises(InvalidOption, match=r"args=.*at most 9,000 bytes"):
        run(connection, partial(enqueueing.enqueue, [new_job(args=ARGS)]))


def test_one_row_that_is_too_much_by_itself_is_an_error(connection: Connection) -> None:
    new = new_job(task="a", args=ARGS)
    run(connection, partial(enqueueing.enqueue, [new]))
    limit(connection, 9_100)

    for verb in (partial(reading.get, [new.id]), partial(claiming.claim, request(WORKER.id, tasks=("a",)))):
        with pytest.raises(Exception, match="too big") as refused:
            run(connection, verb)
        assert code_of(refused.value) is Code.TOOBIG
