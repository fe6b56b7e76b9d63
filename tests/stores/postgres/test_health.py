import asyncio

import psycopg
import pytest

from tests.servers.harness import PostgresHarness
from workmill.store import Finding, Level, NoticeKind
from workmill.stores.postgres import PostgresStore, health, listening
from workmill.testing.conformance.making import add, hired, new_job, request

DEADLINE_SECONDS = 20.0


async def finding(store: PostgresStore, subject: str) -> Finding:
    """Return what the store says of one subject."""
    (found,) = [one for one in await store.diagnose() if one.subject == subject]
    return found


async def test_transaction_that_somebody_left_open_is_named(
    stores: list[PostgresStore], postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "OLD_SECONDS", 0)
    with psycopg.connect(postgres) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1")

        found = await finding(stores[0], "old snapshot")

        assert found.level is Level.WARN
        assert f"pg_terminate_backend({other.info.backend_pid})" in found.remedy


async def test_commits_that_do_not_wait_for_the_disk_are_named(database: PostgresHarness) -> None:
    store = PostgresStore(f"{database.url}&options=-csynchronous_commit%3Doff")
    await store.open()

    found = await finding(store, "durability")

    assert found.level is Level.WARN
    await store.close()


async def test_server_in_order_has_nothing_to_mend(stores: list[PostgresStore]) -> None:
    assert {one.subject: one.level for one in await stores[0].diagnose() if one.subject != "old snapshot"} == {
        "PostgreSQL": Level.OK,
        "durability": Level.OK,
        "dead rows": Level.OK,
        "autovacuum": Level.OK,
        "notices": Level.OK,
    }


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
