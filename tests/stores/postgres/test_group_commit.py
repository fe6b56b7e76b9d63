import asyncio

import pytest

from tests.servers.harness import PostgresHarness
from workmill.stores.postgres import PostgresStore
from workmill.testing.conformance.making import add, new_job, stored
from workmill.words.errors import InvalidOption, JobConflict


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


@pytest.mark.parametrize("priority", [2**31, -(2**31) - 1])
async def test_priority_that_does_not_fit_is_refused(stores: list[PostgresStore], priority: int) -> None:
    with pytest.raises(InvalidOption, match="32 bits"):
        await stores[0].enqueue([new_job(priority=priority)])
