import asyncio

import pytest

from tests.servers.caller import PostgresCaller
from tests.servers.harness import PostgresHarness
from workmill.stores.postgres import PostgresStore, grouping
from workmill.stores.postgres.grouping import MOST_ASIDE
from workmill.testing.conformance.making import add, hired, new_job, request, stored
from workmill.testing.conformance.within import enqueue
from workmill.words.errors import InvalidOption, JobConflict, StoreUnavailable

DEADLINE_SECONDS = 20.0


async def kept_waiting(caller: PostgresCaller, sessions: int) -> None:
    """Wait until so many sessions wait for the transaction of the caller."""
    sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    found = -1
    async with asyncio.timeout(DEADLINE_SECONDS):
        while found < sessions:
            ((found,),) = await (await caller.connection.execute(sql)).fetchall()


async def test_enqueues_of_one_moment_share_commits(database: PostgresHarness, stores: list[PostgresStore]) -> None:
    await asyncio.gather(*(stores[0].enqueue([new_job()]) for _ in range(300)))

    ((commits, jobs),) = database.execute("SELECT count(DISTINCT xid::text), count(*) FROM {schema}.job")
    assert jobs == 300
    assert isinstance(commits, int)
    assert commits < 30


async def test_one_that_is_refused_takes_nobody_along(stores: list[PostgresStore]) -> None:
    store = stores[0]
    first = await add(store, new_job(key="a"))
    others = [new_job() for _ in range(20)]
    conflict, repeated = new_job(key="a", args=b"[]"), new_job(key="a")

    answers = await asyncio.gather(
        *(store.enqueue([new]) for new in [*others[:10], conflict, repeated, *others[10:]]), return_exceptions=True
    )

    assert isinstance(answers[10], JobConflict)
    assert answers[10].job_id == first.id
    assert [answer[0].created for answer in answers if isinstance(answer, list)] == [True] * 10 + [False] + [True] * 10
    for new in others:
        assert (await stored(store, new.id)).id == new.id


async def test_caller_that_goes_away_leaves_its_job_and_the_others(stores: list[PostgresStore]) -> None:
    store, gone, staying = stores[0], new_job(), new_job()
    first = asyncio.create_task(store.enqueue([gone]))
    second = asyncio.create_task(store.enqueue([staying]))
    await asyncio.sleep(0)
    first.cancel()

    (answer,) = await second

    assert answer.created
    assert (await stored(store, gone.id)).id == gone.id


async def test_key_that_another_transaction_holds_keeps_nobody_else_waiting(
    store: PostgresStore, caller: PostgresCaller
) -> None:
    theirs = new_job(key="a")
    await enqueue(store, caller, theirs)
    blocked = [asyncio.create_task(store.enqueue([new_job(key="a")])) for _ in range(6)]
    await kept_waiting(caller, MOST_ASIDE)

    async with asyncio.timeout(DEADLINE_SECONDS):
        others = await asyncio.gather(
            store.enqueue([new_job()]), store.enqueue([new_job(key="b")]), store.claim(request(await hired(store)))
        )
        were_done = [task.done() for task in blocked]
        await caller.commit()
        answers = await asyncio.gather(*blocked)

    assert [others[0][0].created, others[1][0].created] == [True, True]
    assert were_done == [False] * 6
    assert [(answer[0].job.id, answer[0].created) for answer in answers] == [(theirs.id, False)] * 6


async def test_key_that_is_rolled_back_goes_to_who_waited(store: PostgresStore, caller: PostgresCaller) -> None:
    await enqueue(store, caller, new_job(key="a"))
    waiting = asyncio.create_task(store.enqueue([new_job(key="a", args=b"[1]")]))
    await kept_waiting(caller, 1)

    await caller.roll_back()

    (stored_one,) = await waiting

    assert stored_one.created


async def test_key_that_is_held_for_too_long_is_told_of(
    store: PostgresStore, caller: PostgresCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "LONGEST_SECONDS", 0.1)
    await enqueue(store, caller, new_job(key="a"))

    with pytest.raises(StoreUnavailable, match=r"still open has stored a job with the same key \('a'\) of task"):
        await store.enqueue([new_job(key="a")])


async def test_closing_waits_for_what_was_asked_for_by_who_has_gone_away(
    database: PostgresHarness, store: PostgresStore
) -> None:
    new = new_job()
    asking = asyncio.create_task(store.enqueue([new]))
    await asyncio.sleep(0)
    asking.cancel()

    await store.close()

    assert database.execute("SELECT id FROM {schema}.job") == [(new.id,)]


@pytest.mark.parametrize("priority", [2**31, -(2**31) - 1])
async def test_priority_that_does_not_fit_is_refused(stores: list[PostgresStore], priority: int) -> None:
    with pytest.raises(InvalidOption, match="32 bits"):
        await stores[0].enqueue([new_job(priority=priority)])
