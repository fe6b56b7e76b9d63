"""Roles and databases come with settings that other programs needed: what a store can live with, it lives with."""

import asyncio
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.servers.harness import PostgresHarness
from workmill import App
from workmill.store import NoticeKind
from workmill.stores.postgres import PostgresStore
from workmill.testing.conformance.making import hired, new_job, request
from workmill.testing.conformance.notices import QUEUED, hear
from workmill.words.errors import StoreError, StoreUnavailable

DEADLINE_SECONDS = 60.0


@pytest.fixture
def role(database: PostgresHarness) -> Iterator[str]:
    """Give a role of this test's own, which owns its schema."""
    role = f"{database.schema}_app"
    database.execute(f"CREATE ROLE {role} LOGIN; CREATE SCHEMA {{schema}} AUTHORIZATION {role}")
    yield role
    database.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


@pytest.fixture
def alter(database: PostgresHarness, role: str) -> Callable[[str], str]:
    """Give a way to set something for the role; it answers the URL of the role's store."""

    def alter(setting: str) -> str:
        database.execute(f"ALTER ROLE {role} SET {setting}")
        return database.url.replace("tester@", f"{role}@")

    return alter


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        "idle_in_transaction_session_timeout = '500ms'",
        "idle_session_timeout = '50ms'",
        "lock_timeout = '300ms'",
        "statement_timeout = '2s'",
        "search_path = 'nowhere'",
        "DateStyle = 'German'",
        "timezone = 'Asia/Kathmandu'",
        "bytea_output = 'escape'",
        "standard_conforming_strings = off",
        "row_security = off",
        "enable_indexscan = off",
    ],
)
async def test_worker_works_under(alter: Callable[[str], str], setting: str) -> None:
    try:
        app = App(url=alter(setting))
    except psycopg.errors.UndefinedObject:
        pytest.skip("this server does not know the setting")

    @app.task
    def double(number: int) -> int:
        return 2 * number

    async with asyncio.timeout(DEADLINE_SECONDS), app.working(concurrency=8):
        jobs = await asyncio.gather(*(double.aenqueue(number) for number in range(40)))
        results = [await job.aresult() for job in jobs]

    assert results == [2 * number for number in range(40)]


@pytest.mark.slow
async def test_ear_whose_session_is_ended_for_idleness_hears_again(alter: Callable[[str], str]) -> None:
    try:
        store = PostgresStore(alter("idle_session_timeout = '300ms'"))
    except psycopg.errors.UndefinedObject:
        pytest.skip("this server does not know the setting")
    await store.open()
    async with store.listen(QUEUED) as ear:
        for _ in range(3):
            # Each time the session is lost, all who listen are told of what they may have missed.
            await hear(ear, lambda notice: notice.kind is NoticeKind.QUEUED and not notice.queue)
    await store.close()


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_isolation_that_a_claim_cannot_work_with_is_refused_with_the_remedy(
    alter: Callable[[str], str], isolation: str
) -> None:
    store = PostgresStore(alter(f"default_transaction_isolation = '{isolation}'"))
    await store.open()
    worker_id = await hired(store)
    await store.enqueue([new_job()])

    with pytest.raises(StoreError, match="RESET default_transaction_isolation"):
        await store.claim(request(worker_id))

    await store.close()


async def test_statement_that_is_broken_off_names_the_setting(alter: Callable[[str], str], role: str) -> None:
    store = PostgresStore(alter("lock_timeout = '50ms'"))
    await store.open()
    with psycopg.connect(alter("lock_timeout = '50ms'").partition("?")[0]) as other:
        other.execute(f"LOCK TABLE {role.removesuffix('_app')}.job IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(StoreUnavailable, match="lock_timeout"):
            await store.enqueue([new_job()])

    await store.close()
