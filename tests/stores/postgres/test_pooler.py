"""Behind a PgBouncer that gives sessions away after each transaction all works but notices, and that is said."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.servers.pgbouncer import pgbouncer, pgbouncer_program
from tests.servers.postgres import chosen_binaries, postgres_server
from workmill import App
from workmill.store import Finding, Level, Verdict
from workmill.stores.postgres import PostgresStore, listening, probing
from workmill.testing.conformance.making import add, end, hired, new_job, new_jobs, request, stored
from workmill.testing.conformance.notices import QUEUED, hear
from workmill.words.events import Event, StoreAmiss
from workmill.words.job import JobState

DEADLINE_SECONDS = 60.0
PROGRAM = pgbouncer_program()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Give the URL of a server of this file's own, which lets PgBouncer in without a password."""
    with postgres_server(chosen_binaries()) as server:
        yield server.url()


@pytest.fixture(scope="module")
def pooled(server: str) -> Iterator[str]:
    """Give the URL of the same server through a pooler in transaction mode."""
    assert PROGRAM is not None
    with pgbouncer(PROGRAM, server) as url:
        yield url


@pytest.fixture
async def store(pooled: str) -> AsyncIterator[PostgresStore]:
    """Give a store that reaches its server through the pooler."""
    store = PostgresStore(pooled)
    await store.open()
    yield store
    await store.close()


async def notices(store: PostgresStore) -> Finding:
    """Return what the store says of notices."""
    (found,) = [one for one in await store.diagnose() if one.subject == "notices"]
    return found


async def test_many_work_through_few_sessions(pooled: str) -> None:
    stores = [PostgresStore(pooled) for _ in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    jobs = new_jobs(300)
    done: list[str] = []

    async def work(store: PostgresStore) -> None:
        worker_id = await hired(store)
        while len(done) < len(jobs):
            claimed = await store.claim(request(worker_id, limit=7))
            settled = await store.settle([end(job) for job in claimed])
            assert set(settled.verdicts) <= {Verdict.APPLIED}
            done.extend(job.id for job in claimed)

    async with asyncio.timeout(DEADLINE_SECONDS):
        await asyncio.gather(*(stores[0].enqueue([new]) for new in jobs))
        await asyncio.gather(*(work(store) for store in stores))

    assert sorted(done) == sorted(new.id for new in jobs)
    for store in stores:
        await store.close()


async def test_all_that_is_lost_is_said(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "NOTICE_SECONDS", 0.5)

    found = await notices(store)

    assert found.level is Level.WARN
    assert "a pooler in between gives the session away" in found.detail
    assert "polling" in found.detail
    assert {one.level for one in await store.diagnose() if one.subject not in {"notices", "old snapshot"}} == {Level.OK}


async def test_worker_says_at_its_start_what_is_lost_and_works(pooled: str) -> None:
    app = App(url=pooled)
    said: list[Event] = []
    has_said = asyncio.Event()

    def note(event: Event) -> None:
        if isinstance(event, StoreAmiss):
            said.append(event)
            loop.call_soon_threadsafe(has_said.set)

    @app.task
    def double(number: int) -> int:
        return 2 * number

    loop = asyncio.get_running_loop()
    app.observe(note)
    async with asyncio.timeout(DEADLINE_SECONDS), app.working():
        job = await double.aenqueue(21)

        assert await job.aresult() == 42
        await has_said.wait()

    assert "a pooler in between" in str(said)


async def test_ear_is_told_of_what_it_may_have_missed(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "ANSWER_SECONDS", 0.2)
    async with store.listen(QUEUED) as ear, asyncio.timeout(DEADLINE_SECONDS):
        await hear(ear, lambda notice: not notice.queue)
        job = await add(store, new_job())

        await hear(ear, lambda notice: not notice.queue)

    assert (await stored(store, job.id)).state is JobState.QUEUED


async def test_pooler_in_session_mode_lets_notices_through(server: str) -> None:
    assert PROGRAM is not None
    with pgbouncer(PROGRAM, server, mode="session") as url:
        store = PostgresStore(url)
        await store.open()

        found = await notices(store)

        await store.close()
    assert found.level is Level.OK
    assert "through a pooler" in found.detail
