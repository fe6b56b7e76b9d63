"""Rules over work on Redis: what a claim costs beside those it passes over, and what is left when all is done."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.servers.redis_harness import RedisHarness
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.limits import gated, of_key
from workmill.testing.conformance.making import SECOND, end, hired, new_job, new_jobs, request, settle
from workmill.words.job import Job, JobState, NewJob
from workmill.words.limit import Rate, Rule, Scope
from workmill.words.policy import Policy

MINUTE = 60 * SECOND
HOUR = timedelta(hours=1)
ONE_A_MINUTE = Rule(scope=Scope.KEY, name="tenant", rate=Rate(1, MINUTE))
OF_GATES = ("gated:", "behind:", "front:", "aside:", "moved:", "before:", "lane:", "streets", "running")


@pytest.fixture
async def stepped(database: RedisHarness) -> AsyncIterator[RedisStore]:
    """Give a store whose clock is moved by hand."""
    store = await database.make()
    yield store
    await store.close()


def left(database: RedisHarness, *beginnings: str) -> list[str]:
    """Return the keys that begin so."""
    stored = database.keys()
    return [key for key in stored if key.removeprefix(database.key("")).startswith(beginnings)]


def commands(database: RedisHarness) -> int:
    """Return how many commands the server has done, those of scripts among them."""
    return sum(each["calls"] for each in database.execute("INFO", "commandstats").values())


async def taken(store: RedisStore, worker_id: str, limit: int) -> list[Job]:
    return await store.claim(request(worker_id, limit=limit))


async def hold(store: RedisStore, worker_id: str, jobs: int, keys: range) -> None:
    """Let one job of each key run, and several more wait for its end."""
    await store.enqueue([gated(f"full {key}") for key in keys])
    while await taken(store, worker_id, 100):
        continue
    await store.enqueue([gated(f"full {key}", priority=place) for place in range(jobs) for key in keys])
    assert await taken(store, worker_id, 100) == []


async def cost(store: RedisStore, database: RedisHarness, worker_id: str, batch: list[NewJob]) -> int:
    """Return how many commands the server does to store jobs, claim and settle them."""
    before = commands(database)
    await store.enqueue(batch)
    jobs = await taken(store, worker_id, 2 * len(batch))
    assert len(jobs) == len(batch)
    await settle(store, *(end(job) for job in jobs))
    return commands(database) - before


@pytest.mark.parametrize("kind", ["plain", "limited"])
async def test_claim_costs_the_same_however_many_stand_before_shut_gates(
    stepped: RedisStore, database: RedisHarness, kind: str
) -> None:
    await stepped.set_rules([of_key(1)])
    worker_id = await hired(stepped, lease=HOUR)

    costs = list[int]()
    for keys in (range(0), range(3), range(3, 60)):  # the first time, scripts are loaded besides
        await hold(stepped, worker_id, 5, keys)
        batch = [gated(f"free {place}") if kind == "limited" else new_job() for place in range(5)]
        costs.append(await cost(stepped, database, worker_id, batch))

    assert costs[1] == costs[2]


async def test_nothing_is_left_of_lanes_and_gates_when_all_is_done(stepped: RedisStore, database: RedisHarness) -> None:
    await stepped.set_rules([of_key(1), of_key(2, "tenant2")])
    worker_id = await hired(stepped, lease=HOUR)
    keys = [(f"a{place % 4}", f"b{place % 3}", f"c{place}")[: 1 + place % 3] for place in range(30)]
    await stepped.enqueue([new_job(), *(gated(*some, priority=place % 2) for place, some in enumerate(keys))])

    done = 0
    while jobs := await taken(stepped, worker_id, 10):
        done += len(jobs)
        await settle(stepped, *(end(job) for job in jobs))

    assert done == 31
    assert left(database, *OF_GATES) == []


async def test_cancelled_jobs_leave_their_lanes(stepped: RedisStore, database: RedisHarness) -> None:
    batch = [gated(f"key {place % 3}", "one") for place in range(9)]
    await stepped.enqueue([*batch, new_job()])

    await stepped.cancel([new.id for new in batch[::-1]], None)

    assert left(database, *OF_GATES) == [database.key("lane:default/resize"), database.key("streets")]


async def test_rates_forget_who_has_begun_nothing_for_long(stepped: RedisStore, database: RedisHarness) -> None:
    await stepped.set_rules([ONE_A_MINUTE])
    worker_id = await hired(stepped, lease=HOUR)
    counted = list[int]()

    for turn in range(4):
        await stepped.enqueue([gated(f"key {turn} {place}") for place in range(30)])
        assert len(await taken(stepped, worker_id, 100)) == 30
        counted.append(len(left(database, "starts:")))
        await database.advance(MINUTE)
    await stepped.promote(10)

    assert max(counted) <= 30
    assert left(database, "starts:", "started", "opening") == []


async def test_rate_that_is_dropped_leaves_nothing(stepped: RedisStore, database: RedisHarness) -> None:
    await stepped.set_rules([ONE_A_MINUTE])
    worker_id = await hired(stepped, lease=HOUR)
    await stepped.enqueue([gated(f"key {place}") for place in range(5)])
    await taken(stepped, worker_id, 100)

    await stepped.reset_rules([(Scope.KEY, "tenant")])

    assert left(database, "starts:", "started", "opening", "rules") == []


async def test_claim_ends_so_many_late_jobs_only_that_it_holds_nobody_up(
    stepped: RedisStore, database: RedisHarness
) -> None:
    worker_id = await hired(stepped, lease=HOUR)
    await stepped.enqueue([new_job(policy=Policy(expires=SECOND)) for _ in range(1500)])
    await stepped.enqueue([fresh := new_job()])
    await database.advance(MINUTE)

    first, second = await taken(stepped, worker_id, 5), await taken(stepped, worker_id, 5)

    assert (first, [job.id for job in second]) == ([], [fresh.id])


async def test_late_jobs_before_gates_end_as_well(stepped: RedisStore, database: RedisHarness) -> None:
    worker_id = await hired(stepped, lease=HOUR)
    await stepped.set_rules([of_key(1)])
    late = [gated("a", priority=5), gated("a"), gated("b")]
    await stepped.enqueue([replace(new, policy=Policy(expires=SECOND)) for new in late])
    await stepped.enqueue([fresh := gated("a", priority=-1)])
    await database.advance(MINUTE)

    assert [job.id for job in await taken(stepped, worker_id, 5)] == [fresh.id]
    assert [count.jobs for count in await stepped.counts() if count.state is JobState.CANCELLED] == [3]


@pytest.mark.slow
async def test_claim_passes_so_many_shut_gates_only_that_it_holds_nobody_up(stepped: RedisStore) -> None:
    worker_id = await hired(stepped, lease=HOUR)
    await stepped.set_rules([of_key(0)])
    await stepped.enqueue([gated(f"key {place}", priority=1) for place in range(5010)])
    await stepped.enqueue([fresh := new_job()])

    first, second = await taken(stepped, worker_id, 5), await taken(stepped, worker_id, 5)

    assert (first, [job.id for job in second]) == ([], [fresh.id])


@pytest.mark.slow
async def test_claim_of_more_than_a_call_can_name_takes_them_in_order(
    stepped: RedisStore, database: RedisHarness
) -> None:
    worker_id = await hired(stepped, lease=HOUR)
    await stepped.enqueue([new_job(policy=Policy(expires=SECOND)), *(batch := new_jobs(9000))])
    await database.advance(MINUTE)

    jobs = await taken(stepped, worker_id, 10_000)

    assert [job.id for job in jobs] == [new.id for new in batch]
