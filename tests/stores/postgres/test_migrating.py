import asyncio

import psycopg
import pytest

from tests.servers.harness import PostgresHarness
from workmill.stores.postgres import PostgresStore
from workmill.testing.conformance.making import add, end, hired, new_job, request, settle, stored
from workmill.words.errors import SchemaMismatch, StoreError
from workmill.words.job import JobState


async def test_newer_schema_is_refused_and_left_alone(database: PostgresHarness) -> None:
    await (await database.make()).close()
    database.execute("UPDATE {schema}.version SET version = 1000")

    with pytest.raises(SchemaMismatch, match="upgrade this program"):
        await PostgresStore(database.url).open()

    assert database.execute("SELECT version FROM {schema}.version") == [(1000,)]


async def test_role_without_rights_to_change_the_schema_can_do_all_the_work(
    database: PostgresHarness, postgres: str
) -> None:
    await (await database.make()).close()
    role = f"{database.schema}_app"
    database.execute(
        f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {{schema}} TO {role};"
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {{schema}} TO {role};"
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {{schema}} TO {role}"
    )
    store = PostgresStore(database.url.replace("tester@", f"{role}@"))
    try:
        await store.open()
        job = await add(store, new_job(key="a"))
        (claimed,) = await store.claim(request(await hired(store)))
        await settle(store, end(claimed))
        assert (await stored(store, job.id)).state is JobState.SUCCEEDED
        await store.prune(10)
        await store.close()
    finally:
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_role_that_may_not_make_the_schema_is_told_so(database: PostgresHarness, postgres: str) -> None:
    role = f"{database.schema}_app"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        try:
            with pytest.raises(StoreError, match="grant this role"):
                await PostgresStore(database.url.replace("tester@", f"{role}@")).open()
        finally:
            connection.execute(f"DROP ROLE {role}")


async def test_many_prepare_a_new_schema_at_once(database: PostgresHarness) -> None:
    stores = [PostgresStore(database.url) for _ in range(6)]

    async with asyncio.timeout(30):
        await asyncio.gather(*(store.open() for store in stores))

    assert database.execute("SELECT count(*) FROM {schema}.version") == [(1,)]
    for store in stores:
        await store.close()


async def test_dump_from_a_server_that_was_further_on_loses_and_doubles_nothing(database: PostgresHarness) -> None:
    first = await database.make()
    before = [await add(first, new_job()) for _ in range(5)]
    worker_id = await hired(first)
    done, held = await first.claim(request(worker_id, limit=2))
    await settle(first, end(done))
    await first.close()
    ahead = "(xid::text::bigint + 1000000000)::text::xid8"
    database.execute(f"UPDATE {{schema}}.job SET xid = {ahead}; UPDATE {{schema}}.mark SET xid = {ahead}")

    store = await database.make()
    after = await add(store, new_job())
    claimed = await store.claim(request(worker_id, limit=10))
    await store.close()

    assert [job.id for job in claimed] == [*(job.id for job in before[2:]), after.id]
    assert held.id == before[1].id
