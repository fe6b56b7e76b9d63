"""A caller's transaction on PostgreSQL: whatever its isolation level, settings and role, and however it ends."""

import re
import secrets
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg import IsolationLevel, errors
from psycopg.conninfo import make_conninfo

from tests.servers.caller import PostgresCaller
from tests.servers.harness import PostgresHarness
from workmill.store import Verdict
from workmill.stores.postgres import PostgresStore
from workmill.stores.postgres.lines import Lines
from workmill.testing.conformance.making import (
    SECOND,
    add,
    claim_all,
    end,
    hired,
    new_job,
    new_jobs,
    request,
    running,
    stored,
)
from workmill.testing.conformance.within import beside, enqueue, finish
from workmill.words.errors import StoreError
from workmill.words.job import JobState
from workmill.words.outcome import Returned

LEVELS = list(IsolationLevel)
FIXED = [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE]

HOSTILE = """
CREATE SCHEMA {schema}_hostile;
CREATE FUNCTION {schema}_hostile.never(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR {schema}_hostile.= (LEFTARG = text, RIGHTARG = text, PROCEDURE = {schema}_hostile.never);
CREATE FUNCTION {schema}_hostile.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''called what is not ours''; END';
"""
SETTINGS = """
SET search_path = {schema}_hostile, pg_catalog; SET enable_indexscan = off; SET enable_indexonlyscan = off;
SET standard_conforming_strings = off; SET backslash_quote = off; SET transform_null_equals = on;
SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard'; SET timezone = 'Asia/Kathmandu';
SET extra_float_digits = -15; SET plan_cache_mode = force_custom_plan; SET client_encoding = 'LATIN1';
SET idle_in_transaction_session_timeout = '2min'
"""
"""`SET` lasts beyond the transaction, so this is what a caller's connection may be like."""

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "postgresql.md").read_text()


@pytest.fixture
def elsewhere(database: PostgresHarness) -> Iterator[str]:
    """Give the URL of another database on the same server."""
    name = f"other_{secrets.token_hex(6)}"
    database.execute(f"CREATE DATABASE {name}")
    yield database.at(name)
    database.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("level", LEVELS)
async def test_transaction_older_than_a_lane_may_store_jobs_in_it(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    await caller.connection.set_isolation_level(level)
    await caller.read()
    plain, scheduled = new_job(task="new", queue="a", key="a"), new_job(task="new", queue="b", delay=SECOND)

    enqueued = await enqueue(store, caller, plain, scheduled)
    await caller.commit()

    assert await store.get([plain.id, scheduled.id]) == [one.job for one in enqueued]
    assert [one.created for one in await store.enqueue([new_job(task="new", key="a")])] == [False]
    (claimed,) = await store.claim(request(await hired(store), tasks=("new",)))
    assert claimed.id == plain.id


@pytest.mark.parametrize("level", FIXED)
async def test_job_in_a_lane_that_the_transaction_cannot_see_is_no_answer(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    await caller.connection.set_isolation_level(level)
    await caller.read()
    await enqueue(store, caller, new_job(task="new", key="a"))

    with pytest.raises(errors.SerializationFailure, match="run it again"):
        await enqueue(store, caller, new_job(task="new", key="a"))


@pytest.mark.parametrize("level", FIXED)
async def test_key_stored_since_the_transaction_began_is_the_drivers_error(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    await caller.connection.set_isolation_level(level)
    await caller.read()
    await add(store, new_job(key="a"))

    with pytest.raises(errors.SerializationFailure):
        await enqueue(store, caller, new_job(key="a"))
    await caller.roll_back()

    (again,) = await enqueue(store, caller, new_job(key="a"))
    assert not again.created


async def test_transaction_that_failed_before_is_told_from_a_statement_that_fails(
    store: PostgresStore, caller: PostgresCaller
) -> None:
    with pytest.raises(errors.DivisionByZero):
        await caller.connection.execute("SELECT 1 / 0")

    with pytest.raises(errors.InFailedSqlTransaction) as raised:
        await enqueue(store, caller, new_job())

    assert raised.value.__notes__ == ["an earlier statement of this transaction had failed, which nobody rolled back"]


@pytest.mark.slow
async def test_database_without_a_store_is_refused(store: PostgresStore, elsewhere: str) -> None:
    job = await running(store)
    async with await psycopg.AsyncConnection.connect(elsewhere) as connection:
        caller = PostgresCaller(connection, "nothing")

        with pytest.raises(StoreError, match="to another database"):
            await enqueue(store, caller, new_job())
        await caller.roll_back()
        with pytest.raises(StoreError, match="to another database"):
            await finish(store, caller, end(job))


class WrappedError(Exception):
    """What a layer above a driver raises."""

    orig: Exception | None = None


class OldDriverError(Exception):
    """What psycopg2 raises."""

    pgcode = "42883"


def in_orig(error: Exception) -> Exception:
    wrapped = WrappedError()
    wrapped.orig = error
    return wrapped


def as_cause(error: Exception) -> Exception:
    wrapped = WrappedError()
    wrapped.__cause__ = error
    return wrapped


@pytest.mark.parametrize("error", [errors.UndefinedFunction(), in_orig(OldDriverError()), as_cause(OldDriverError())])
async def test_drivers_error_about_a_missing_store_is_known_however_it_is_wrapped(
    store: PostgresStore, error: Exception
) -> None:
    conversation = store.settle_within(end(await running(store)))
    next(conversation)

    with pytest.raises(StoreError, match="to another database") as refused:
        conversation.throw(error)

    assert refused.value.__cause__ is error


@pytest.mark.parametrize("error", [errors.DiskFull(), ValueError(), in_orig(ValueError())])
async def test_any_other_error_is_the_drivers(store: PostgresStore, error: Exception) -> None:
    conversation = store.settle_within(end(await running(store)))
    next(conversation)

    with pytest.raises(type(error)) as raised:
        conversation.throw(error)

    assert raised.value is error


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["other", "copy"])
async def test_database_with_another_store_is_refused_and_its_transaction_usable(
    database: PostgresHarness, store: PostgresStore, elsewhere: str, kind: str
) -> None:
    job = await running(store)
    other = PostgresStore(f"{elsewhere}?schema={database.schema}")
    await other.open()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(other.close)
        connection = await stack.enter_async_context(await psycopg.AsyncConnection.connect(elsewhere))
        if kind == "copy":
            ((number,),) = database.execute("SELECT id FROM {schema}.identity")
            await connection.execute(f"UPDATE {database.schema}.identity SET id = %s", [number])
        caller = PostgresCaller(connection, "own")
        await connection.execute("CREATE TABLE own (place serial, text text)")

        with pytest.raises(StoreError, match="to another database"):
            await enqueue(store, caller, new_job())
        with pytest.raises(StoreError, match="to another database"):
            await finish(store, caller, end(job))
        await caller.write("after")
        await caller.commit()

        assert await caller.read() == ["after"]
        assert await other.counts() == []
        assert await stored(store, job.id) == job


def grants_of(example: str, role: str) -> str:
    """Return what the page grants a role of its own, for a role and schema of a test's."""
    (block,) = [part for part in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) if f" TO {example};" in part]
    return re.sub(r"\bworkmill\b", "{schema}", block).replace(f" TO {example};", f" TO {role};")


async def test_role_that_may_only_store_jobs(database: PostgresHarness, postgres: str, store: PostgresStore) -> None:
    role = f"{database.schema}_web"
    database.execute(f"CREATE ROLE {role} LOGIN;" + grants_of("web", role))
    first = await add(store, new_job(key="a"))
    conninfo = make_conninfo(postgres, user=role)
    try:
        async with await psycopg.AsyncConnection.connect(conninfo) as connection:
            caller = PostgresCaller(connection, "nothing")
            new, known = await enqueue(store, caller, new_job(key="b", delay=SECOND), new_job(key="a"))
            twin, _ = await enqueue(store, caller, *[new_job(key="c")] * 2)
            await connection.commit()

            with pytest.raises(errors.InsufficientPrivilege) as denied:
                await finish(store, caller, end(first))
    finally:
        database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    assert denied.value.__notes__ == [
        f"the connection's role needs rights in the schema {database.schema} to store or end jobs"
    ]
    assert (new.created, known.created, twin.created) == (True, False, True)
    assert await stored(store, new.job.id) == new.job


async def test_role_of_the_application_may_end_attempts(
    database: PostgresHarness, postgres: str, store: PostgresStore
) -> None:
    role = f"{database.schema}_app"
    database.execute(f"CREATE ROLE {role} LOGIN;" + grants_of("app", role))
    conninfo = make_conninfo(postgres, user=role)
    job, again = await running(store), await running(store)
    try:
        async with await psycopg.AsyncConnection.connect(conninfo) as connection:
            caller = PostgresCaller(connection, "nothing")
            assert await finish(store, caller, end(job)) is Verdict.APPLIED
            assert await finish(store, caller, end(again, Returned())) is Verdict.APPLIED
    finally:
        database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    states = [job and job.state for job in await store.get([job.id, again.id])]
    assert states == [JobState.SUCCEEDED, JobState.QUEUED]


@pytest.mark.parametrize("mode", ["transaction", "autocommit"])
async def test_settings_of_the_caller_do_not_matter(
    database: PostgresHarness, store: PostgresStore, caller: PostgresCaller, mode: str
) -> None:
    job = await running(store)
    database.execute(HOSTILE)
    await caller.connection.set_autocommit(True)
    for setting in SETTINGS.replace("{schema}", database.schema).split(";"):
        await caller.connection.execute(setting)
    await caller.connection.set_autocommit(mode == "autocommit")
    jobs = [new_job(key="日本", args='{"text":"日本 🏭 \\\\"}'.encode()), new_job(delay=SECOND)]
    try:
        enqueued = await enqueue(store, caller, *jobs)
        twin, again = await enqueue(store, caller, *[new_job(key="a")] * 2)
        said = await finish(store, caller, end(job))
        await caller.commit()
    finally:
        await caller.roll_back()
        database.execute("DROP SCHEMA {schema}_hostile CASCADE")

    assert (said, twin.created, again.created) == (Verdict.APPLIED, True, False)
    assert await store.get([new.id for new in jobs]) == [one.job for one in enqueued]
    assert (await stored(store, job.id)).state is JobState.SUCCEEDED


@pytest.mark.parametrize("text", ["a\0b", "\\\0", "\ud800"])
async def test_text_that_no_table_holds_is_refused_before_anything_is_said(
    store: PostgresStore, caller: PostgresCaller, text: str
) -> None:
    await caller.write("order")

    with pytest.raises(StoreError, match="cannot hold"):
        await enqueue(store, caller, new_job(key=text))
    await caller.commit()

    assert await caller.read() == ["order"]


async def test_savepoint_that_is_undone_takes_its_jobs_along(store: PostgresStore, caller: PostgresCaller) -> None:
    (first,) = await enqueue(store, caller, new_job())
    async with caller.connection.transaction(force_rollback=True):
        (second,) = await enqueue(store, caller, new_job(key="a"))
    (third,) = await enqueue(store, caller, new_job(key="a", args=b'{"n":2}'))
    await caller.commit()

    claimed = await claim_all(store, await hired(store), at_a_time=5)
    assert claimed == [first.job.id, third.job.id]
    assert await store.get([second.job.id]) == [None]
    assert [count.jobs for count in await store.counts()] == [2]


async def test_keys_of_a_batch_are_taken_in_one_order(
    database: PostgresHarness, store: PostgresStore, caller: PostgresCaller
) -> None:
    other = await database.caller()
    await enqueue(store, caller, new_job(key="5"))

    async def go_on() -> None:
        # The other waits for "5" and so has not come to "9", whatever its own order.
        await enqueue(store, caller, new_job(key="9"))
        await caller.commit()

    answers = await beside(enqueue(store, other, *[new_job(key=key) for key in ("9", "5", "0")]), go_on)
    await other.close()

    assert [one.created for one in answers] == [False, False, True]


async def test_nothing_is_asked_of_the_server_to_prepare_a_job_in_a_known_line(
    database: PostgresHarness, store: PostgresStore, caller: PostgresCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(store, new_job())
    opened_later = PostgresStore(database.url)
    await opened_later.open()
    with monkeypatch.context() as patched:
        patched.setattr(Lines, "run", refused)

        preparing = await opened_later.enqueue_within([new_job()])

    assert (await caller.hold(preparing))[0].created
    await opened_later.close()


async def refused(*_values: object) -> None:
    raise AssertionError("a statement")


async def test_closed_store_prepares_nothing(database: PostgresHarness) -> None:
    store = PostgresStore(database.url)
    await store.open()
    job = await running(store)
    await store.close()

    with pytest.raises(StoreError, match="not open"):
        await store.enqueue_within(new_jobs(1))
    with pytest.raises(StoreError, match="not open"):
        store.settle_within(end(job))
