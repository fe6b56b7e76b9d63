"""One connection and its statements: large ones, refused ones, late ones, and a server that hangs up."""

import asyncio
import time
from collections.abc import AsyncIterator

import psycopg
import pytest

from workmill.stores.postgres.arguments import written
from workmill.stores.postgres.wire import Wire

LONG_SECONDS = 30.0


@pytest.fixture
async def line(postgres: str) -> AsyncIterator[psycopg.AsyncConnection]:
    line = await psycopg.AsyncConnection.connect(postgres, autocommit=True)
    yield line
    await line.close()


@pytest.fixture
async def wire(line: psycopg.AsyncConnection) -> AsyncIterator[Wire]:
    wire = Wire(line)
    yield wire
    wire.close()


async def ask(wire: Wire, sql: bytes, *values: object, seconds: float = LONG_SECONDS) -> list[tuple[object, ...]]:
    text, given = written(sql, values)
    return await wire.run(text, given, seconds=seconds)


def end_session(postgres: str, pid: int) -> None:
    ends_at = time.monotonic() + LONG_SECONDS
    with psycopg.connect(postgres, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone():
            assert time.monotonic() < ends_at


async def test_values_arrive_as_they_were(wire: Wire) -> None:
    texts = ['a"\\{},', "NULL", "", None]

    answer = await ask(
        wire, b"SELECT %s::bigint, %s::text, %s::text[], %s::int[], %s", 2**40, "é", texts, [1, None], None
    )

    assert answer == [(2**40, "é", texts, [1, None], None)]


async def test_value_named_twice_is_sent_once(wire: Wire) -> None:
    text, given = written(b"SELECT %(a)s::int + %(b)s::int + %(a)s::int", {"b": 1, "a": 20})

    assert (await wire.run(text, given, seconds=LONG_SECONDS), len(given)) == ([(41,)], 2)


@pytest.mark.parametrize("value", ["a\0b", ["a\0b"], 1.5])
def test_value_that_no_statement_takes_is_refused(value: object) -> None:
    with pytest.raises(psycopg.DataError):
        written(b"SELECT %s", [value])


async def test_statement_and_answer_larger_than_any_buffer_pass(wire: Wire) -> None:
    text = "x" * 20_000_000

    assert await ask(wire, b"SELECT %s::text", text) == [(text,)]


async def test_refused_statement_leaves_the_connection_usable(wire: Wire) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        await ask(wire, b"SELECT 1 / 0")

    assert wire.is_idle
    assert await ask(wire, b"SELECT 1") == [(1,)]


async def test_answer_that_does_not_come_in_time_ends_the_connection(wire: Wire) -> None:
    with pytest.raises(TimeoutError):
        await ask(wire, b"SELECT pg_sleep(60)", seconds=0.05)

    assert not wire.is_idle


async def test_later_statement_has_a_deadline_of_its_own(wire: Wire) -> None:
    await ask(wire, b"SELECT 1", seconds=0.05)

    assert await ask(wire, b"SELECT 2 FROM pg_sleep(0.1)") == [(2,)]


async def test_caller_that_goes_away_ends_the_connection(wire: Wire) -> None:
    asking = asyncio.create_task(ask(wire, b"SELECT pg_sleep(60)"))
    await asyncio.sleep(0)  # it is sent
    asking.cancel()
    await asyncio.wait({asking})

    assert not wire.is_idle


async def test_session_that_was_ended_while_idle_is_not_quiet(
    wire: Wire, line: psycopg.AsyncConnection, postgres: str
) -> None:
    end_session(postgres, line.info.backend_pid)

    assert not wire.is_quiet


async def test_session_that_is_ended_in_a_statement_says_why(
    wire: Wire, line: psycopg.AsyncConnection, postgres: str
) -> None:
    asking = asyncio.create_task(ask(wire, b"SELECT pg_sleep(60)"))
    await asyncio.sleep(0)  # it is sent
    end_session(postgres, line.info.backend_pid)

    with pytest.raises(psycopg.errors.AdminShutdown):
        await asking

    assert not wire.is_idle
