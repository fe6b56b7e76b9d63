"""What is wrong with a server is named by `diagnose`: each case is made to happen."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest

from tests.servers.harness import PostgresHarness
from tests.servers.postgres import PostgresServer, chosen_binaries, postgres_server
from workmill.store import Finding, Level, NoticeKind
from workmill.stores.postgres import PostgresStore, growth, health, listening
from workmill.testing.conformance.making import add, hired, new_job, request

DEADLINE_SECONDS = 20.0


async def finding(store: PostgresStore, subject: str) -> Finding:
    """Return what the store says of one subject."""
    (found,) = [one for one in await store.diagnose() if one.subject == subject]
    return found


async def finding_in_time(store: PostgresStore, subject: str, count: Callable[[], object] = lambda: None) -> Finding:
    """Return what is found amiss about a subject as soon as the server has counted."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            count()
            found = await finding(store, subject)
            if found.level is not Level.OK:
                return found
            await asyncio.sleep(0.05)  # the server tells nobody that it has counted


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresStore]:
    """Have a store while inside."""
    store = PostgresStore(url)
    await store.open()
    yield store
    await store.close()


async def test_server_in_order_has_nothing_to_mend(stores: list[PostgresStore]) -> None:
    found = await stores[0].diagnose()

    assert {one.level for one in found if one.subject != "old snapshot"} == {Level.OK}


async def test_transaction_that_somebody_left_open_is_named(
    stores: list[PostgresStore], postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "OLD_SECONDS", 0)
    with psycopg.connect(postgres) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1")

        found = await finding(stores[0], "old snapshot")

        assert found.level is Level.WARN
        assert f"pg_terminate_backend({other.info.backend_pid})" in found.remedy


async def test_transaction_that_has_written_and_lies_idle_is_named(
    stores: list[PostgresStore], postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "OLD_SECONDS", 0)
    with psycopg.connect(postgres) as other:
        other.execute("SELECT pg_current_xact_id()")

        assert f"session {other.info.backend_pid}" in (await finding(stores[0], "old snapshot")).detail


async def test_prepared_transaction_that_nobody_ended_is_named(
    stores: list[PostgresStore], postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "OLD_SECONDS", 0)
    with psycopg.connect(postgres) as other:
        other.execute("SELECT pg_current_xact_id()")
        other.execute("PREPARE TRANSACTION 'forgotten'")
        other.commit()
        other.autocommit = True
        try:
            assert "ROLLBACK PREPARED 'forgotten'" in (await finding(stores[0], "old snapshot")).remedy
        finally:
            other.execute("ROLLBACK PREPARED 'forgotten'")


@pytest.mark.parametrize(
    ("kind", "remedy"), [("slot", "pg_drop_replication_slot('east')"), ("standby", "hot_standby_feedback")]
)
def test_standby_that_holds_rows_back_is_named(kind: str, remedy: str) -> None:
    lags = growth.OLD_TRANSACTIONS

    found = growth.snapshots([(kind, "east", "", 0, lags)], 0)

    assert found.level is Level.WARN
    assert f"{lags} transactions" in found.detail
    assert remedy in found.remedy
    assert growth.snapshots([(kind, "east", "", 0, lags - 1)], 0).level is Level.OK


async def test_what_this_role_may_not_look_into_is_said(database: PostgresHarness, postgres: str) -> None:
    await (await database.make()).close()
    role = f"{database.schema}_app"
    database.execute(
        f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {{schema}} TO {role};"
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {{schema}} TO {role}"
    )
    try:
        with psycopg.connect(postgres):
            async with opened(database.url.replace("tester@", f"{role}@")) as store:
                found = await store.diagnose()
    finally:
        database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    assert {one.level for one in found} == {Level.OK}
    assert ["pg_read_all_stats" in one.detail for one in found if one.subject == "old snapshot"] == [True]


async def test_rows_that_stay_dead_are_named_with_their_table(
    stores: list[PostgresStore], database: PostgresHarness, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "MANY_DEAD", 500)
    await stores[0].enqueue([new_job() for _ in range(1000)])
    with psycopg.connect(postgres) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1")
        database.execute("UPDATE {schema}.job SET version = 2")

        found = await finding_in_time(stores[0], "dead rows")

    assert found.level is Level.WARN
    assert f"{database.schema}.job" in found.detail


async def test_table_that_is_mostly_air_is_named(
    stores: list[PostgresStore], database: PostgresHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "LARGE", 200_000)
    await stores[0].enqueue([new_job() for _ in range(2000)])
    # The last row stays: else a vacuum could cut the table off.
    database.execute("DELETE FROM {schema}.job WHERE seq < (SELECT max(seq) FROM {schema}.job)")

    # What sessions report of their rows comes late and in any order; to analyse counts anew.
    found = await finding_in_time(stores[0], "bloat", lambda: database.execute("ANALYZE {schema}.job"))

    assert found.level is Level.WARN
    assert f"VACUUM FULL {database.schema}.job" in found.remedy


async def test_table_that_autovacuum_was_kept_from_is_named(
    stores: list[PostgresStore], database: PostgresHarness
) -> None:
    database.execute("ALTER TABLE {schema}.held SET (autovacuum_enabled = off)")

    found = await finding(stores[0], "autovacuum")

    assert found.level is Level.FAIL
    assert f"ALTER TABLE {database.schema}.held RESET" in found.remedy


@pytest.mark.slow
async def test_server_without_autovacuum_and_without_sync_is_named() -> None:
    with postgres_server(chosen_binaries(), settings={"autovacuum": "off", "fsync": "off"}) as server:
        async with opened(server.url()) as store:
            found = {one.subject for one in await store.diagnose() if one.level is Level.FAIL}

    assert found == {"autovacuum", "durability"}


async def test_commits_that_do_not_wait_for_the_disk_are_named(database: PostgresHarness) -> None:
    async with opened(f"{database.url}&options=-csynchronous_commit%3Doff") as store:
        assert (await finding(store, "durability")).level is Level.WARN


@pytest.mark.parametrize("name", ["statement_timeout", "lock_timeout"])
async def test_timeout_that_breaks_off_what_waits_its_turn_is_named(database: PostgresHarness, name: str) -> None:
    async with opened(f"{database.url}&options=-c{name}%3D2s") as store:
        found = await finding(store, "limits")

    assert found.level is Level.WARN
    assert f"{name} is 2000 ms" in found.detail


async def test_isolation_that_a_claim_cannot_work_with_is_named(database: PostgresHarness) -> None:
    async with opened(f"{database.url}&options=-cdefault_transaction_isolation%3Dserializable") as store:
        found = await finding(store, "limits")

    assert found.level is Level.FAIL
    assert "read committed" in found.remedy


def test_server_that_soon_lets_nobody_in_is_named() -> None:
    assert health.connections(89, 100).level is Level.OK
    assert health.connections(90, 100).level is Level.WARN


async def test_listener_that_hears_nothing_is_named_and_jobs_are_found_all_the_same(
    stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def listen_to_nobody(*_: object) -> None:
        """Do what LISTEN does behind a pooler that gives the session away: nothing."""

    monkeypatch.setattr(listening, "listen", listen_to_nobody)
    monkeypatch.setattr(listening, "ANSWER_SECONDS", 0.1)
    store = stores[0]
    async with store.listen(frozenset({NoticeKind.QUEUED})) as ear, asyncio.timeout(DEADLINE_SECONDS):
        while (await finding(store, "notices")).level is Level.OK:
            await ear.next(0.1)
        job = await add(store, new_job())

        claimed = await store.claim(request(await hired(store)))

    assert [one.id for one in claimed] == [job.id]


@pytest.mark.slow
async def test_server_that_is_gone_is_a_finding_and_no_error(server: PostgresServer) -> None:
    async with opened(server.url()) as store:
        server.kill()

        *_, found = await store.diagnose()

    assert (found.level, found.subject) == (Level.FAIL, "server")
