"""Limits: how many jobs of a queue, of a task, or of a key run at the same time."""

from datetime import timedelta

import pytest

from workmill.store import ClaimRequest, Store, Verdict
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    DEATH,
    DONE,
    ERROR,
    LEASE,
    SECOND,
    add,
    end,
    hired,
    new_job,
    request,
    running,
    settle,
    verdict,
)
from workmill.words.job import NewJob
from workmill.words.limit import Gate, Rule, Scope
from workmill.words.outcome import Cancelled, Failed, Interrupted, Outcome, Returned, Snoozed
from workmill.words.ties import Ties

MANY = 50
OUTCOMES = [DONE, Failed(failure=ERROR), Cancelled(), Snoozed(after=SECOND), Returned(), Interrupted(failure=DEATH)]
NAMES = ["done", "failed", "cancelled", "snoozed", "returned", "interrupted"]


def of_queue(running: int | None, name: str = "default") -> Rule:
    """Limit how many jobs of a queue run."""
    return Rule(scope=Scope.QUEUE, name=name, running=running)


def of_task(running: int | None, name: str = "resize") -> Rule:
    """Limit how many jobs of a task run."""
    return Rule(scope=Scope.TASK, name=name, running=running)


def of_key(running: int | None, name: str = "tenant") -> Rule:
    """Limit how many jobs of each key of a name run."""
    return Rule(scope=Scope.KEY, name=name, running=running)


def gated(*keys: str, name: str = "tenant", task: str = "resize", queue: str = "default", priority: int = 0) -> NewJob:
    """Make a job that passes a gate for each key: one of this name, one of that with a 2, and so on."""
    gates = tuple(Gate(name=name if n == 1 else f"{name}{n}", key=key) for n, key in enumerate(keys, 1))
    return new_job(task=task, queue=queue, priority=priority, ties=Ties(gates=gates))


async def claimed(store: Store, worker_id: str, limit: int = MANY) -> list[str]:
    """Claim and return the ids."""
    return [job.id for job in await store.claim(everything(worker_id, limit))]


def everything(worker_id: str, limit: int = MANY) -> ClaimRequest:
    """Ask for jobs of all tasks that these tests have."""
    return request(worker_id, limit=limit, tasks=("resize", "other"))


async def limited(store: Store, *rules: Rule) -> str:
    """Set rules and hire a worker."""
    await store.set_rules(rules)
    return await hired(store, lease=timedelta(hours=1))


@pytest.mark.anyio
class TestLimit:
    """As many run as the rule says, never more, however they are claimed."""

    @pytest.mark.parametrize("rule", [of_queue(2), of_task(2), of_key(2)], ids=["queue", "task", "key"])
    async def test_one_claim_takes_no_more(self, store: Store, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        batch = [gated("a") for _ in range(5)]
        await store.enqueue(batch)

        assert await claimed(store, worker_id) == [new.id for new in batch[:2]]

    @pytest.mark.parametrize("rule", [of_queue(2), of_task(2), of_key(2)], ids=["queue", "task", "key"])
    async def test_claims_of_all_workers_count_together(self, store: Store, another: Another, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        other = await another()
        batch = [gated("a") for _ in range(5)]
        await store.enqueue(batch)

        shares = [
            await claimed(store, worker_id, 1),
            await claimed(other, await hired(other)),
            await claimed(store, worker_id),
        ]

        assert shares == [[batch[0].id], [batch[1].id], []]

    @pytest.mark.parametrize("rule", [of_queue(1), of_task(1), of_key(1)], ids=["queue", "task", "key"])
    @pytest.mark.parametrize("outcome", OUTCOMES, ids=NAMES)
    async def test_end_of_an_attempt_lets_the_next_begin(self, store: Store, rule: Rule, outcome: Outcome) -> None:
        worker_id = await limited(store, rule)
        first = await running(store, gated("a", priority=-1), worker_id=worker_id)
        second = await add(store, gated("a"))
        early = await claimed(store, worker_id)

        await settle(store, end(first, outcome))

        assert early == []
        assert await claimed(store, worker_id) == [second.id]

    @pytest.mark.parametrize("rule", [of_queue(1), of_task(1), of_key(1)], ids=["queue", "task", "key"])
    async def test_settle_claims_in_the_room_it_makes(self, store: Store, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        first = await running(store, gated("a"), worker_id=worker_id)
        batch = [gated("a"), gated("a")]
        await store.enqueue(batch)

        settled = await store.settle([end(first)], everything(worker_id))

        assert settled.verdicts == (Verdict.APPLIED,)
        assert [job.id for job in settled.claimed] == [batch[0].id]

    @pytest.mark.parametrize("rule", [of_queue(1), of_task(1), of_key(1)], ids=["queue", "task", "key"])
    async def test_stale_settle_makes_no_room(self, store: Store, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        first = await running(store, gated("a"), worker_id=worker_id)
        await settle(store, end(first, Returned()))
        await running(store, gated("a", priority=1), worker_id=worker_id)
        await add(store, gated("a"))

        assert await verdict(store, end(first)) is Verdict.STALE
        assert await claimed(store, worker_id) == []

    @pytest.mark.parametrize("rule", [of_queue(1), of_task(1), of_key(1)], ids=["queue", "task", "key"])
    async def test_job_of_a_dead_worker_counts_until_it_is_rescued(
        self, store: Store, harness: Harness, rule: Rule
    ) -> None:
        await store.set_rules([rule])
        first = await running(store, gated("a"))
        second = await add(store, gated("a"))
        await harness.advance(LEASE)
        worker_id = await hired(store)
        early = await claimed(store, worker_id)
        (dead,) = await store.expired(10)

        await settle(store, end(dead, Failed(failure=ERROR)))

        assert early == []
        assert dead.id == first.id
        assert await claimed(store, worker_id) == [second.id]

    @pytest.mark.parametrize("rule", [of_queue(1), of_task(1), of_key(1)], ids=["queue", "task", "key"])
    async def test_job_asked_to_end_counts_until_it_has(self, store: Store, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        first = await running(store, gated("a"), worker_id=worker_id)
        await add(store, gated("a"))

        await store.cancel([first.id], None, force=True)

        assert await claimed(store, worker_id) == []

    @pytest.mark.parametrize("rule", [of_queue(0), of_task(0), of_key(0)], ids=["queue", "task", "key"])
    async def test_zero_lets_none_begin(self, store: Store, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        await add(store, gated("a"))

        assert await claimed(store, worker_id) == []

    async def test_only_what_is_named_is_limited(self, store: Store) -> None:
        worker_id = await limited(store, of_queue(0, "x"), of_task(0, "y"), of_key(0, "z"), of_key(0, "default"))
        batch = [gated("a"), new_job(), new_job(queue="y", task="other"), gated("z", "x", queue="z")]
        await store.enqueue(batch)

        assert await claimed(store, worker_id) == [new.id for new in batch]

    async def test_rule_that_says_nothing_limits_nothing(self, store: Store) -> None:
        worker_id = await limited(store, of_queue(None), of_task(None), of_key(None))
        await store.enqueue([gated("a") for _ in range(5)])

        assert len(await claimed(store, worker_id)) == 5

    async def test_task_is_counted_over_all_queues(self, store: Store) -> None:
        worker_id = await limited(store, of_task(3))
        lanes = [("resize", "a"), ("other", "a"), ("resize", "b"), ("resize", "c"), ("resize", "d"), ("other", "d")]
        batch = [new_job(task=task, queue=queue) for task, queue in lanes]
        await store.enqueue(batch)

        assert await claimed(store, worker_id) == [batch[place].id for place in (0, 1, 2, 3, 5)]

    async def test_queue_is_counted_over_all_tasks(self, store: Store) -> None:
        worker_id = await limited(store, of_queue(2, "a"))
        lanes = [("resize", "a"), ("other", "a"), ("resize", "b"), ("other", "a"), ("resize", "a")]
        batch = [new_job(task=task, queue=queue) for task, queue in lanes]
        await store.enqueue(batch)

        assert await claimed(store, worker_id) == [batch[place].id for place in (0, 1, 2)]

    async def test_who_is_passed_over_holds_nobody_up(self, store: Store) -> None:
        worker_id = await limited(store, of_task(1, "other"), of_key(1))
        batch = [new_job(task="other", priority=9) for _ in range(10)] + [gated("a", priority=8) for _ in range(10)]
        batch += [new_job(), new_job(priority=-5)]
        await store.enqueue(batch)

        assert await claimed(store, worker_id, 4) == [batch[place].id for place in (0, 10, 20, 21)]

    async def test_all_rules_hold_together(self, store: Store) -> None:
        worker_id = await limited(store, of_queue(3), of_task(2), of_key(1))
        batch = [gated("a"), gated("a"), gated("b"), gated("c"), new_job(task="other"), new_job(task="other")]
        await store.enqueue(batch)

        assert await claimed(store, worker_id) == [batch[place].id for place in (0, 2, 4)]

    async def test_rule_counts_what_ran_before_it(self, store: Store) -> None:
        worker_id = await hired(store)
        await store.enqueue([gated("a") for _ in range(4)])
        first = await store.claim(everything(worker_id, 2))
        await store.set_rules([of_key(2)])

        early = await claimed(store, worker_id)
        await settle(store, end(first[0]))

        assert early == []
        assert len(await claimed(store, worker_id)) == 1

    async def test_snoozed_job_takes_room_again_when_it_runs_again(self, store: Store, harness: Harness) -> None:
        worker_id = await limited(store, of_key(1))
        first = await running(store, gated("a", priority=1), worker_id=worker_id)
        await settle(store, end(first, Snoozed(after=SECOND)))
        second = await running(store, gated("a"), worker_id=worker_id)
        await harness.advance(SECOND)
        await store.promote(10)

        early = await claimed(store, worker_id)
        await settle(store, end(second))

        assert early == []
        assert await claimed(store, worker_id) == [first.id]


@pytest.mark.anyio
class TestKeys:
    """Each key of a rule's name is counted by itself."""

    async def test_each_key_has_room_of_its_own(self, store: Store) -> None:
        worker_id = await limited(store, of_key(2))
        batch = [gated(key) for _ in range(3) for key in "abc"]
        await store.enqueue(batch)

        assert await claimed(store, worker_id) == [new.id for new in batch[:6]]

    async def test_key_is_counted_over_tasks_and_queues(self, store: Store) -> None:
        worker_id = await limited(store, of_key(2))
        lanes = [("resize", "x"), ("other", "x"), ("resize", "y"), ("other", "y")]
        batch = [gated("a", task=task, queue=queue) for task, queue in lanes]
        await store.enqueue(batch)

        assert await claimed(store, worker_id) == [batch[0].id, batch[1].id]

    async def test_order_holds_over_keys(self, store: Store) -> None:
        worker_id = await limited(store, of_key(5))
        batch = [gated(key, priority=n % 3) for n in range(5) for key in "abc"]
        batch += [new_job(priority=n % 3) for n in range(5)]
        await store.enqueue(batch)

        taken = [job_id for limit in (1, 7, 3, 20) for job_id in await claimed(store, worker_id, limit)]

        expected = sorted(range(20), key=lambda place: (-batch[place].priority, place))
        assert taken == [batch[place].id for place in expected]

    async def test_order_holds_as_keys_get_room_again(self, store: Store) -> None:
        worker_id = await limited(store, of_key(1))
        batch = [gated(key) for key in "aabbab"]
        await store.enqueue(batch)
        first = await store.claim(everything(worker_id))
        await settle(store, *(end(job) for job in first))
        second = await store.claim(everything(worker_id))
        await settle(store, *(end(job) for job in second))

        order = [[job.id for job in first], [job.id for job in second], await claimed(store, worker_id)]
        assert order == [[batch[place].id for place in places] for places in ((0, 2), (1, 3), (4, 5))]

    async def test_jobs_without_the_gate_are_not_counted(self, store: Store) -> None:
        worker_id = await limited(store, of_key(1))
        batch = [gated("a"), new_job(), gated("a", name="other"), gated("a", name="other"), gated("a")]
        await store.enqueue(batch)

        assert await claimed(store, worker_id) == [new.id for new in batch[:4]]

    async def test_keys_are_compared_exactly(self, store: Store) -> None:
        worker_id = await limited(store, of_key(1))
        keys = ["a", "A", "a ", "", "½", "a,b", '{"', "\\u0000", "'", "a\\", "🏭", "NULL"]
        batch = [gated(key) for key in keys]
        await store.enqueue([*batch, *(gated(key) for key in keys)])

        assert await claimed(store, worker_id) == [new.id for new in batch]

    async def test_job_with_several_gates_needs_room_at_each(self, store: Store) -> None:
        worker_id = await limited(store, of_key(1), of_key(2, "tenant2"))
        batch = [gated(*keys) for keys in (("a", "x"), ("a", "y"), ("b", "x"), ("c", "x"), ("c", "y"))]
        await store.enqueue(batch)

        jobs = await store.claim(everything(worker_id))
        early = [job.id for job in jobs]
        await settle(store, end(jobs[0]))

        assert early == [batch[place].id for place in (0, 2, 4)]
        assert await claimed(store, worker_id) == [batch[1].id]

    async def test_gates_in_another_order_are_the_same_gates(self, store: Store) -> None:
        worker_id = await limited(store, of_key(1), of_key(1, "host"))
        tenant, host = Gate(name="tenant", key="a"), Gate(name="host", key="h")
        first = await add(store, new_job(ties=Ties(gates=(tenant, host))))
        await store.enqueue([new_job(ties=Ties(gates=gates)) for gates in ((host, tenant), (tenant,), (host,))])

        assert await claimed(store, worker_id) == [first.id]

    async def test_gate_that_no_rule_is_about_holds_nobody(self, store: Store) -> None:
        worker_id = await hired(store)
        await store.enqueue([gated("a", "b") for _ in range(5)])

        assert len(await claimed(store, worker_id)) == 5

    async def test_many_keys_over_one_gate_all_share(self, store: Store) -> None:
        worker_id = await limited(store, of_key(1), of_key(2, "tenant2"))
        await store.enqueue([gated(f"key {n}", "database") for n in range(60)])

        done: list[str] = []
        while jobs := await store.claim(everything(worker_id)):
            assert len(jobs) <= 2
            done += [job.id for job in jobs]
            await settle(store, *(end(job) for job in jobs))

        assert len(set(done)) == 60
