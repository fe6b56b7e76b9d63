"""Limits while many claim and settle, who is told of room, and how many may be held back."""

import asyncio
from collections import Counter

import pytest

from workmill.store import Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.limits import claimed, everything, gated, limited, of_key, of_queue, of_task
from workmill.testing.conformance.making import (
    ERROR,
    add,
    end,
    new_job,
    running,
    settle,
)
from workmill.testing.conformance.notices import QUEUED, earlier, hear, listening, queued_on
from workmill.words.job import Job, JobState
from workmill.words.limit import Rule, Scope
from workmill.words.outcome import Failed, Returned


class Held:
    """What workers in this process hold, counted after each claim was answered and before each settle was asked for."""

    def __init__(self, rules: list[Rule]) -> None:
        self._limits = {(rule.scope, rule.name): rule.running for rule in rules}
        self._held: Counter[tuple[Scope, str, str]] = Counter()
        self.done: set[str] = set()

    async def work(self, store: Store, worker_id: str) -> None:
        """Claim and settle until all is done."""
        is_left = True
        while is_left:
            is_left = await self._once(store, worker_id)

    async def _once(self, store: Store, worker_id: str) -> bool:
        jobs = await store.claim(everything(worker_id, 4))
        for job in jobs:
            self._held.update(counted_as(job))
            assert job.id not in self.done
            self.done.add(job.id)
        for (scope, name, key), held in self._held.items():
            assert held <= (self._limits.get((scope, name)) or held), (scope, name, key)
        await asyncio.sleep(0)
        for job in jobs:
            self._held.subtract(counted_as(job))
            await settle(store, end(job))
        return any(count.state in (JobState.QUEUED, JobState.RUNNING) for count in await store.counts())


def counted_as(job: Job) -> list[tuple[Scope, str, str]]:
    """Return what rules count a job as."""
    gates = () if job.ties is None else job.ties.gates
    keys = [(Scope.KEY, gate.name, gate.key) for gate in gates]
    return [*keys, (Scope.QUEUE, job.queue, ""), (Scope.TASK, job.task, "")]


@pytest.mark.anyio
class TestLimitRace:
    """At no instant do more run than may, however many claim and settle at the same time."""

    @pytest.mark.parametrize("rule", [of_queue(3), of_task(3), of_key(3)], ids=["queue", "task", "key"])
    async def test_claims_at_the_same_time_share_the_room(self, store: Store, another: Another, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        stores = [store, await another(), await another()]
        await store.enqueue([gated("a") for _ in range(20)])

        async with asyncio.timeout(60):
            shares = await asyncio.gather(*(claimed(stores[n % 3], worker_id, n % 3 + 1) for n in range(12)))

        taken = [job_id for share in shares for job_id in share]
        assert len(taken) == len(set(taken)) == 3

    async def test_rules_hold_while_many_work(self, store: Store, another: Another) -> None:
        rules = [of_queue(6), of_task(4), of_key(1), of_key(3, "tenant2")]
        worker_id = await limited(store, *rules)
        stores = [store, await another(), await another()]
        batch = [gated(f"key {n % 7}", f"host {n % 2}", task=("resize", "other")[n % 3 == 0]) for n in range(90)]
        await store.enqueue(batch)
        tally = Held(rules)

        async with asyncio.timeout(60):
            await asyncio.gather(*(tally.work(stores[n % 3], worker_id) for n in range(9)))

        assert tally.done == {new.id for new in batch}


@pytest.mark.anyio
class TestLimitNotice:
    """Who could claim is told when there is room again."""

    @pytest.mark.parametrize("rule", [of_queue(1, "held"), of_task(1), of_key(1)], ids=["queue", "task", "key"])
    async def test_end_of_a_job(self, store: Store, another: Another, rule: Rule) -> None:
        await earlier(another, lambda early: early.set_rules([rule]))
        first = await earlier(another, lambda early: running(early, gated("a", queue="held")))
        await earlier(another, lambda early: add(early, gated("a", queue="held")))
        async with listening(store, QUEUED) as ear:
            await settle(store, end(first))

            await hear(ear, queued_on("held"))

    async def test_end_of_a_job_of_another_queue(self, store: Store, another: Another) -> None:
        await earlier(another, lambda early: early.set_rules([of_key(1)]))
        first = await earlier(another, lambda early: running(early, gated("a", queue="ended")))
        await earlier(another, lambda early: add(early, gated("a", queue="held")))
        async with listening(store, QUEUED) as ear:
            await settle(store, end(first, Failed(failure=ERROR)))

            await hear(ear, queued_on("held"))

    async def test_end_of_a_job_of_the_same_task_on_another_queue(self, store: Store, another: Another) -> None:
        await earlier(another, lambda early: early.set_rules([of_task(1)]))
        first = await earlier(another, lambda early: running(early, new_job(queue="ended")))
        await earlier(another, lambda early: add(early, new_job(queue="held")))
        async with listening(store, QUEUED) as ear:
            await settle(store, end(first))

            await hear(ear, queued_on("held"))

    async def test_change_of_a_rule(self, store: Store, another: Another) -> None:
        await earlier(another, lambda early: early.set_rules([of_task(0)]))
        await earlier(another, lambda early: add(early, new_job(queue="held")))
        async with listening(store, QUEUED) as ear:
            await store.set_rules([of_task(5)])

            await hear(ear, queued_on("held"))

    async def test_reset_of_a_rule(self, store: Store, another: Another) -> None:
        await earlier(another, lambda early: early.set_rules([of_task(0)]))
        await earlier(another, lambda early: add(early, new_job(queue="held")))
        async with listening(store, QUEUED) as ear:
            await store.reset_rules([(Scope.TASK, "resize")])

            await hear(ear, queued_on("held"))


@pytest.mark.anyio
class TestManyHeldBack:
    """Who is passed over slows nobody down, however many there are."""

    async def test_jobs_behind_many_shut_gates_hold_nobody_up(self, store: Store) -> None:
        keys = [f"key {n}" for n in range(200)]
        worker_id = await limited(store, of_key(1))
        await store.enqueue([gated(key) for key in keys])
        held: list[Job] = []
        while jobs := await store.claim(everything(worker_id)):
            held += jobs
        await store.enqueue([gated(key, priority=5) for _ in range(10) for key in keys])
        free = [new_job(), gated("other key")]
        await store.enqueue(free)

        first = await claimed(store, worker_id)
        await settle(store, end(held[150], Returned()))
        (second,) = await store.claim(everything(worker_id))

        assert first == [new.id for new in free]
        assert second.ties == held[150].ties
        assert second.priority == 5
        assert await claimed(store, worker_id) == []
