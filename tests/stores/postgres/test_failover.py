"""The primary is lost and its standby takes over: programs go on by themselves, and what was acknowledged is there."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from tests.servers.postgres import PostgresServer, chosen_binaries, postgres_server
from workmill import App
from workmill.store import NoticeKind
from workmill.stores.postgres import PostgresStore, listening
from workmill.testing.conformance.making import add, new_job, stored
from workmill.testing.conformance.notices import QUEUED, hear, queued_on
from workmill.words.errors import StoreUnavailable
from workmill.words.job import Job, JobState, NewJob

DEADLINE_SECONDS = 60.0
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (chosen_binaries() / "pg_basebackup").exists(), reason="pg_basebackup is not installed"),
]


@dataclass(frozen=True)
class Pair:
    """A primary and its synchronous standby."""

    primary: PostgresServer
    standby: PostgresServer

    @property
    def url(self) -> str:
        """The address of whichever of them takes writes."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self.primary, self.standby))
        return f"postgresql://tester@{hosts}/postgres?target_session_attrs=read-write"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Give a pair of servers of this test's own."""
    with postgres_server(chosen_binaries()) as primary:
        standby = PostgresServer(
            primary.binaries, tmp_path / "standby", settings={"wal_retrieve_retry_interval": "100ms"}
        )
        standby.follow(primary)
        standby.start()
        try:
            run(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
            run(primary, "SELECT pg_reload_conf()")
            wait_until(primary, "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")
            yield Pair(primary, standby)
        finally:
            standby.stop()


def run(server: PostgresServer, sql: LiteralString) -> list[tuple[object, ...]]:
    """Run a statement on one server."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def wait_until(server: PostgresServer, sql: LiteralString) -> None:
    """Wait until a statement answers a row."""
    ends_at = time.monotonic() + DEADLINE_SECONDS
    while not run(server, sql):
        assert time.monotonic() < ends_at
        time.sleep(0.05)  # the server tells nobody


@dataclass
class Producer:
    """Stores jobs one after another, each until it is acknowledged."""

    store: PostgresStore
    acknowledged: list[str] = field(default_factory=list)
    progressed: asyncio.Event = field(default_factory=asyncio.Event)

    async def produce(self) -> None:
        while True:
            job = await added_at_last(self.store, new_job(task="double", args=b'{"number": 1}'))
            self.acknowledged.append(job.id)
            self.progressed.set()
            await asyncio.sleep(0.005)  # so many jobs and no more

    async def advance(self, jobs: int) -> None:
        """Wait until so many more are acknowledged."""
        goal = len(self.acknowledged) + jobs
        while len(self.acknowledged) < goal:
            self.progressed.clear()
            await self.progressed.wait()


async def added_at_last(store: PostgresStore, new: NewJob) -> Job:
    """Store one job, however often the store has to be asked."""
    while True:
        try:
            return await add(store, new)
        except StoreUnavailable:
            await asyncio.sleep(0.02)  # nothing tells when there is a primary again


async def test_worker_goes_on_with_the_standby_and_nothing_acknowledged_is_lost(pair: Pair) -> None:
    app = App(url=pair.url)

    @app.task
    def double(number: int) -> int:
        return 2 * number

    store = PostgresStore(pair.url)
    await store.open()
    producer = Producer(store)
    producing = asyncio.create_task(producer.produce())
    async with asyncio.timeout(DEADLINE_SECONDS), app.working():
        await producer.advance(50)
        pair.primary.kill()
        run(pair.standby, "SELECT pg_promote()")
        run(pair.standby, "ALTER SYSTEM RESET synchronous_standby_names")
        run(pair.standby, "SELECT pg_reload_conf()")

        await producer.advance(50)
        producing.cancel()
        results = [await app.job(job_id).aresult() for job_id in producer.acknowledged]

    await store.close()
    assert results == [2 for _ in producer.acknowledged]


async def test_server_that_became_read_only_is_left_for_the_new_primary(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(listening, "ANSWER_SECONDS", 0.5)
    store = PostgresStore(pair.url)
    await store.open()
    async with store.listen(QUEUED) as ear:
        before = await add(store, new_job())
        await hear(ear, queued_on("default"))
        run(pair.standby, "SELECT pg_promote()")
        run(pair.primary, "ALTER SYSTEM SET default_transaction_read_only = on")
        run(pair.primary, "SELECT pg_reload_conf()")

        async with asyncio.timeout(DEADLINE_SECONDS):
            after = await added_at_last(store, new_job())
            await hear(ear, lambda notice: notice.kind is NoticeKind.QUEUED and not notice.queue)
            await add(store, new_job(queue="new"))
            await hear(ear, queued_on("new"))

    assert run(pair.standby, "SELECT id FROM workmill.job ORDER BY seq LIMIT 2") == [(before.id,), (after.id,)]
    assert (await stored(store, before.id)).state is JobState.QUEUED
    await store.close()
