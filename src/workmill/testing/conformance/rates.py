"""Rates: how many attempts begin within a length of time."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

import pytest

from workmill.store import Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.limits import claimed, everything, gated, limited
from workmill.testing.conformance.making import ERROR, SECOND, add, end, new_job, running, settle
from workmill.testing.conformance.notices import QUEUED, SCHEDULED, earlier, hear, listening, queued_on, scheduled
from workmill.words.limit import Rate, Rule, Scope
from workmill.words.outcome import Failed, Outcome, Returned, Snoozed

OfRate: TypeAlias = Callable[..., Rule]
"""Makes a rule with this rate."""

TICK = timedelta(microseconds=1)
MINUTE = 60 * SECOND


def of_queue(count: int, per: timedelta = MINUTE, *, running: int | None = None) -> Rule:
    """Limit how many jobs of the queue begin."""
    return Rule(scope=Scope.QUEUE, name="default", rate=Rate(count, per), running=running)


def of_task(count: int, per: timedelta = MINUTE, *, running: int | None = None) -> Rule:
    """Limit how many jobs of the task begin."""
    return Rule(scope=Scope.TASK, name="resize", rate=Rate(count, per), running=running)


def of_key(count: int, per: timedelta = MINUTE, *, running: int | None = None) -> Rule:
    """Limit how many jobs of each tenant begin."""
    return Rule(scope=Scope.KEY, name="tenant", rate=Rate(count, per), running=running)


async def stock(store: Store, jobs: int = 9) -> list[str]:
    """Store jobs of one tenant, more than any rate here lets begin, and return their ids."""
    return [one.job.id for one in await store.enqueue([gated("a") for _ in range(jobs)])]


EACH = pytest.mark.parametrize("rule", [of_queue(2), of_task(2), of_key(2)], ids=["queue", "task", "key"])


@pytest.mark.anyio
class TestRate:
    """As many attempts begin in any stretch of the length as the rule says, never more."""

    @EACH
    async def test_no_more_begin_within_the_length(self, store: Store, harness: Harness, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        ids = await stock(store)

        first = await claimed(store, worker_id)
        await harness.advance(MINUTE - TICK)
        second = await claimed(store, worker_id)
        await harness.advance(TICK)

        assert (first, second) == (ids[:2], [])
        assert await claimed(store, worker_id) == ids[2:4]

    @EACH
    async def test_length_slides(self, store: Store, harness: Harness, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        await stock(store)

        begun = []
        for advance in (0, 40, 19, 1, 39, 1, 20):
            await harness.advance(advance * SECOND)
            begun.append(len(await claimed(store, worker_id, 1)))

        assert begun == [1, 1, 0, 1, 0, 1, 1]

    @EACH
    async def test_end_of_an_attempt_makes_no_room(self, store: Store, harness: Harness, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        await stock(store)
        await settle(store, *(end(job) for job in await store.claim(everything(worker_id))))

        early = await claimed(store, worker_id)
        await harness.advance(MINUTE)

        assert early == []
        assert len(await claimed(store, worker_id)) == 2

    @EACH
    async def test_settle_claims_no_more_either(self, store: Store, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        ids = await stock(store)
        (first,) = await store.claim(everything(worker_id, 1))

        settled = await store.settle([end(first)], everything(worker_id))

        assert [job.id for job in settled.claimed] == ids[1:2]

    @EACH
    @pytest.mark.parametrize(
        "outcome",
        [Returned(), Snoozed(after=timedelta(0)), Failed(failure=ERROR, after=timedelta(0))],
        ids=["returned", "snoozed", "failed"],
    )
    async def test_every_attempt_counts(self, store: Store, rule: Rule, outcome: Outcome) -> None:
        worker_id = await limited(store, rule)
        job = await running(store, gated("a", priority=1), worker_id=worker_id)
        await settle(store, end(job, outcome))
        await store.promote(10)
        await stock(store)

        assert len(await claimed(store, worker_id)) == 1

    async def test_each_key_has_a_rate_of_its_own(self, store: Store, harness: Harness) -> None:
        worker_id = await limited(store, of_key(2))
        batch = [gated(key) for _ in range(4) for key in "ab"]
        await store.enqueue(batch)
        first = await claimed(store, worker_id)
        await harness.advance(MINUTE)

        assert first == [new.id for new in batch[:4]]
        assert await claimed(store, worker_id) == [new.id for new in batch[4:]]

    async def test_who_is_passed_over_holds_nobody_up(self, store: Store) -> None:
        worker_id = await limited(store, of_key(1), Rule(scope=Scope.TASK, name="other", rate=Rate(1, MINUTE)))
        batch = [gated("a", priority=9) for _ in range(4)] + [new_job(task="other", priority=8) for _ in range(4)]
        await store.enqueue([*batch, new_job()])

        assert len(await claimed(store, worker_id)) == 3
        late = await add(store, new_job())
        assert await claimed(store, worker_id) == [late.id]

    async def test_only_what_is_named_is_counted(self, store: Store) -> None:
        worker_id = await limited(store, of_task(2))
        await store.enqueue([new_job(task="other") for _ in range(5)])
        await claimed(store, worker_id)
        ids = await stock(store)

        assert await claimed(store, worker_id) == ids[:2]

    @pytest.mark.parametrize("of", [of_queue, of_task, of_key], ids=["queue", "task", "key"])
    async def test_limit_holds_beside_the_rate(self, store: Store, harness: Harness, of: OfRate) -> None:
        worker_id = await limited(store, of(3, running=2))
        await stock(store)

        jobs = await store.claim(everything(worker_id))
        early = await claimed(store, worker_id)
        await settle(store, *(end(job) for job in jobs))
        third = await claimed(store, worker_id)
        await harness.advance(MINUTE)

        assert (len(jobs), early, len(third)) == (2, [], 1)
        assert len(await claimed(store, worker_id)) == 1

    async def test_several_rates_hold_together(self, store: Store, harness: Harness) -> None:
        worker_id = await limited(store, of_queue(4, 30 * SECOND), of_task(3, 20 * SECOND), of_key(2, 10 * SECOND))
        await stock(store)

        begun = []
        for advance in (0, 10, 10, 10):
            await harness.advance(advance * SECOND)
            begun.append(len(await claimed(store, worker_id)))

        assert begun == [2, 1, 1, 2]

    async def test_claims_at_the_same_time_share_the_rate(self, store: Store, another: Another) -> None:
        worker_id = await limited(store, of_key(5), of_task(7))
        stores = [store, await another(), await another()]
        await store.enqueue([gated(key) for _ in range(10) for key in "ab"])

        async with asyncio.timeout(60):
            shares = await asyncio.gather(*(claimed(stores[n % 3], worker_id, n % 3 + 1) for n in range(12)))

        taken = [job_id for share in shares for job_id in share]
        assert len(taken) == len(set(taken)) == 7


@pytest.mark.anyio
class TestRateChange:
    """A rate counts from when it is set; what it counts goes on to count where another takes its place."""

    @EACH
    async def test_what_began_before_does_not_count(self, store: Store, rule: Rule) -> None:
        worker_id = await limited(store)
        await stock(store)
        await claimed(store, worker_id, 3)

        await store.set_rules([rule])

        assert len(await claimed(store, worker_id)) == 2

    @EACH
    async def test_to_set_it_once_more_changes_nothing(self, store: Store, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        await stock(store)
        await claimed(store, worker_id)

        await store.set_rules([rule])

        assert await claimed(store, worker_id) == []

    @pytest.mark.parametrize("of", [of_queue, of_task, of_key], ids=["queue", "task", "key"])
    async def test_higher_rate_lets_more_begin_at_once(self, store: Store, of: OfRate) -> None:
        worker_id = await limited(store, of(2))
        await stock(store)
        await claimed(store, worker_id)

        await store.set_rules([of(5)])

        assert len(await claimed(store, worker_id)) == 3

    @pytest.mark.parametrize("of", [of_queue, of_task, of_key], ids=["queue", "task", "key"])
    async def test_longer_length_counts_what_the_shorter_did(self, store: Store, harness: Harness, of: OfRate) -> None:
        worker_id = await limited(store, of(2))
        await stock(store)
        await claimed(store, worker_id)
        await harness.advance(30 * SECOND)

        await store.set_rules([of(2, 2 * MINUTE)])

        begun = []
        for advance in (30, 59, 1):
            await harness.advance(advance * SECOND)
            begun.append(len(await claimed(store, worker_id)))
        assert begun == [0, 0, 2]

    @pytest.mark.parametrize("of", [of_queue, of_task, of_key], ids=["queue", "task", "key"])
    async def test_lower_rate_holds_at_once(self, store: Store, harness: Harness, of: OfRate) -> None:
        worker_id = await limited(store, of(4))
        await stock(store)
        await claimed(store, worker_id, 2)
        await harness.advance(30 * SECOND)
        await claimed(store, worker_id, 1)

        await store.set_rules([of(1)])

        begun = []
        for advance in (0, 30, 29, 1):
            await harness.advance(advance * SECOND)
            begun.append(len(await claimed(store, worker_id)))
        assert begun == [0, 0, 0, 1]

    @EACH
    async def test_rate_that_is_set_anew_counts_anew(self, store: Store, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        await stock(store)
        first = await claimed(store, worker_id)
        await store.set_rules([replace(rule, rate=None, running=50)])
        await store.set_rules([rule])
        second = await claimed(store, worker_id)
        await store.reset_rules([(rule.scope, rule.name)])
        await store.set_rules([rule])

        assert (len(first), len(second)) == (2, 2)
        assert len(await claimed(store, worker_id)) == 2

    @EACH
    async def test_without_the_rate_all_begin(self, store: Store, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        await stock(store)
        await claimed(store, worker_id)

        await store.reset_rules([(rule.scope, rule.name)])

        assert len(await claimed(store, worker_id)) == 7


@pytest.mark.anyio
class TestRateDue:
    """Who promotes learns when a rate opens, and tells it then."""

    @EACH
    async def test_promotion_waits_for_the_rate_to_open(self, store: Store, harness: Harness, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        await stock(store)
        await claimed(store, worker_id)
        await harness.advance(20 * SECOND)

        promotion = await store.promote(10)

        assert promotion.count == 0
        assert promotion.next_in is not None
        assert timedelta(0) < promotion.next_in <= 40 * SECOND

    async def test_promotion_waits_for_what_comes_first(self, store: Store) -> None:
        worker_id = await limited(store, of_key(1))
        await store.enqueue([gated("a"), gated("a"), new_job(delay=20 * SECOND)])
        await claimed(store, worker_id)

        next_in = (await store.promote(10)).next_in

        assert next_in is not None
        assert next_in <= 20 * SECOND

    @EACH
    async def test_claim_that_reaches_the_rate_is_told(self, store: Store, another: Another, rule: Rule) -> None:
        worker_id = await earlier(another, lambda early: limited(early, rule))
        await earlier(another, stock)
        await store.promote(10)
        async with listening(store, SCHEDULED) as ear:
            assert len(await claimed(store, worker_id)) == 2

            await hear(ear, scheduled)

    @EACH
    async def test_whoever_comes_behind_a_reached_rate_is_not_forgotten(
        self, store: Store, another: Another, rule: Rule
    ) -> None:
        worker_id = await limited(store, rule)
        await stock(store, 2)
        await claimed(store, worker_id)
        known = await store.promote(10)
        async with listening(store, SCHEDULED) as ear:
            await add(await another(), gated("a"))
            assert await claimed(store, worker_id) == []

            if known.next_in is None:
                await hear(ear, scheduled)

    @EACH
    async def test_opening_is_told(self, store: Store, another: Another, harness: Harness, rule: Rule) -> None:
        async def fill(early: Store) -> None:
            worker_id = await limited(early, rule)
            await stock(early)
            await claimed(early, worker_id)

        await earlier(another, fill)
        await store.promote(10)
        await harness.advance(MINUTE)
        async with listening(store, QUEUED) as ear:
            await store.promote(10)

            await hear(ear, queued_on("default"))

    async def test_opening_of_one_key_is_told_while_others_are_shut(
        self, store: Store, another: Another, harness: Harness
    ) -> None:
        async def fill(early: Store) -> str:
            worker_id = await limited(early, of_key(1))
            await early.enqueue([gated("a", queue="a"), gated("a", queue="a"), gated("b", queue="b")])
            await claimed(early, worker_id, 1)
            return worker_id

        worker_id = await earlier(another, fill)
        await harness.advance(30 * SECOND)
        await claimed(store, worker_id)
        await harness.advance(30 * SECOND)
        async with listening(store, QUEUED) as ear:
            await store.promote(10)

            await hear(ear, queued_on("a"))
        assert len(await claimed(store, worker_id)) == 1

    async def test_opening_that_a_claim_of_another_queue_saw_first_is_told(
        self, store: Store, another: Another, harness: Harness
    ) -> None:
        async def fill(early: Store) -> str:
            worker_id = await limited(early, of_key(1))
            await early.enqueue([gated(key, queue=key) for key in "aabb"])
            await claimed(early, worker_id)
            await early.promote(10)
            return worker_id

        worker_id = await earlier(another, fill)
        await harness.advance(MINUTE)
        async with listening(store, QUEUED) as ear:
            assert len(await store.claim(replace(everything(worker_id), queues=("b",)))) == 1
            await store.promote(10)

            await hear(ear, queued_on("a"))
