"""While a transaction is left open nothing that was deleted goes: what is read must not grow with it."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from tests.servers.harness import PostgresHarness
from workmill.stores.postgres import PostgresStore, reading
from workmill.stores.postgres.sweeping import OVERLAP, WHOLE_SECONDS, Sweep
from workmill.testing.conformance.making import add, end, hired, new_job, request
from workmill.words.outcome import Returned

SOON = timedelta(microseconds=1)
NOWHERE = 2**63 - 1


@pytest.fixture
def forgotten(postgres: str) -> Iterator[None]:
    """Have a transaction that somebody left open."""
    with psycopg.connect(postgres) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT pg_current_xact_id()")
        yield


def again_from(database: PostgresHarness) -> object:
    """Return where the newest mark says that jobs that are queued again begin."""
    ((place,),) = database.execute("SELECT again_from FROM {schema}.mark ORDER BY number DESC LIMIT 1")
    return place


@pytest.mark.usefixtures("forgotten")
async def test_claim_does_not_look_where_promoted_jobs_were_taken(
    stores: list[PostgresStore], database: PostgresHarness
) -> None:
    store = stores[0]
    worker_id = await hired(store)
    await store.enqueue([new_job(delay=SOON) for _ in range(5)])
    await store.promote(10)

    first = await store.claim(request(worker_id, limit=3))
    between = again_from(database)
    await store.claim(request(worker_id, limit=3))
    after = again_from(database)
    await store.settle([end(first[1], Returned())])
    lowered = again_from(database)
    (again,) = await store.claim(request(worker_id, limit=3))

    assert (between, after, lowered) == (4, NOWHERE, 2)
    assert again.id == first[1].id
    assert again_from(database) == NOWHERE


async def test_job_that_went_back_is_claimed_before_those_that_did_so_earlier(stores: list[PostgresStore]) -> None:
    store = stores[0]
    worker_id = await hired(store)
    jobs = [await add(store, new_job()) for _ in range(3)]
    held = await store.claim(request(worker_id, limit=3))
    for place in (2, 0, 1):
        await store.settle([end(held[place], Returned())])

    claimed = [(await store.claim(request(worker_id)))[0].id for _ in jobs]

    assert claimed == [job.id for job in jobs]


@pytest.mark.usefixtures("stores")
async def test_job_goes_back_only_where_the_newest_mark_can_be_seen(database: PostgresHarness, postgres: str) -> None:
    with psycopg.connect(postgres) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

        with pytest.raises(psycopg.errors.FeatureNotSupported, match="read committed only"):
            other.execute(f"INSERT INTO {database.schema}.again (lane, seq) VALUES (1, 1)")


def test_sweep_goes_on_a_little_before_its_end_and_now_and_then_begins_anew() -> None:
    now = 100.0
    sweep = Sweep(lambda: now)
    begun = sweep.start()
    sweep.reach(OVERLAP + 7)

    now += WHOLE_SECONDS - 1
    went_on = sweep.start()
    now += 1

    assert (begun, went_on, sweep.start()) == (0, 7, 0)


async def test_counting_adds_up_what_nobody_else_does(
    stores: list[PostgresStore], database: PostgresHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MANY_CHANGES", 5)
    for _ in range(7):
        await add(stores[0], new_job())

    counts = [await stores[0].counts() for _ in range(2)]

    assert [[count.jobs for count in counted] for counted in counts] == [[7], [7]]
    assert database.execute("SELECT count(*) FROM {schema}.tally_change") == [(0,)]


async def test_expired_jobs_go_in_batches_and_nothing_of_them_stays(
    stores: list[PostgresStore], database: PostgresHarness
) -> None:
    store = stores[0]
    worker_id = await hired(store)
    await store.enqueue([new_job(key=str(number)) for number in range(25)])
    jobs = await store.claim(request(worker_id, limit=25))
    await store.settle([end(job) for job in jobs])
    database.execute("UPDATE {schema}.done SET expires_at = finished_at")

    pruned = [await store.prune(10) for _ in range(4)]

    assert pruned == [10, 10, 5, 0]
    for table in ("job", "done", "key", "attempt", "held"):
        assert database.execute(f"SELECT count(*) FROM {{schema}}.{table}") == [(0,)]
    assert await store.counts() == []
