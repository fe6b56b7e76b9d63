"""What holds a job back: pauses, parents, limits, rates, and who is taken before it."""

import pytest

from workmill.store import MOST_AHEAD, MOST_NAMED, LimitReached, Obstacles, Pause, RateReached, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.limits import everything, gated, limited, of_key, of_queue, of_task
from workmill.testing.conformance.making import (
    ERROR,
    PATIENT,
    SECOND,
    add,
    end,
    ended,
    hired,
    new_job,
    new_jobs,
    request,
    running,
    settle,
)
from workmill.testing.conformance.rates import MINUTE
from workmill.words.job import Job, NewJob
from workmill.words.limit import Gate, Rate, Rule, Scope
from workmill.words.outcome import Failed
from workmill.words.ties import After, Ties


async def obstacles(store: Store, job: Job) -> Obstacles:
    """Return what holds a job back that must be stored."""
    held = await store.obstacles(job.id)
    assert held is not None
    return held


async def begun(store: Store, *new: NewJob) -> list[Job]:
    """Store jobs and claim them."""
    worker_id = await hired(store, lease=60 * MINUTE)
    await store.enqueue(new)
    jobs = await store.claim(everything(worker_id, len(new)))
    assert [job.id for job in jobs] == [one.id for one in new]
    return jobs


@pytest.mark.anyio
class TestObstacles:
    """Whatever in the store holds a job back is named, and nothing else."""

    async def test_nothing_holds_a_free_job_back(self, store: Store) -> None:
        await store.set_rules([of_queue(1), of_task(1), of_key(1)])

        assert await obstacles(store, await add(store, gated("a"))) == Obstacles()

    async def test_unknown_job_has_none(self, store: Store) -> None:
        assert await store.obstacles("nobody") is None

    async def test_job_that_does_not_wait_in_line_has_none(self, store: Store) -> None:
        jobs = [
            await running(store),
            await ended(store),
            await ended(store, Failed(failure=ERROR), new_job(policy=PATIENT)),
        ]
        jobs.append(await add(store, new_job(delay=SECOND)))
        await store.set_rules([of_queue(0), of_task(0)])
        await store.pause(["default"])

        assert [await obstacles(store, job) for job in jobs] == [Obstacles()] * 4

    async def test_pause_is_named(self, store: Store, harness: Harness) -> None:
        await store.pause(["default", "other"], by="anna")
        since = await store.now()
        await harness.advance(SECOND)
        job = await add(store, new_job())

        assert await obstacles(store, job) == Obstacles(paused=Pause(queue="default", since=since, by="anna"))
        await store.resume(["default"])
        assert await obstacles(store, job) == Obstacles()

    async def test_parents_that_have_not_ended_are_named_in_their_order(self, store: Store) -> None:
        parents = [await add(store, new_job()) for _ in range(4)]
        job = await add(store, new_job(after=After(jobs=tuple(parent.id for parent in parents[::-1]))))
        (first,) = await store.claim(request(await hired(store)))
        await settle(store, end(first))

        held = await obstacles(store, job)

        assert held.parents == tuple(parent.id for parent in parents[:0:-1])
        assert held.parents_missing == 3

    async def test_no_more_parents_are_named_than_may_be(self, store: Store) -> None:
        parents = [one.job.id for one in await store.enqueue(new_jobs(MOST_NAMED + 5))]
        job = await add(store, new_job(after=After(jobs=tuple(parents))))

        held = await obstacles(store, job)

        assert held.parents == tuple(parents[:MOST_NAMED])
        assert held.parents_missing == MOST_NAMED + 5

    async def test_waiting_job_names_the_pause_too(self, store: Store) -> None:
        parent = await running(store)
        job = await add(store, new_job(after=After(jobs=(parent.id,)), queue="held"))
        await store.pause(["held"])

        held = await obstacles(store, job)

        assert (held.parents, held.parents_missing) == ((parent.id,), 1)
        assert held.paused is not None
        assert held.paused.queue == "held"

    @pytest.mark.parametrize("rule", [of_queue(2), of_task(2), of_key(2)], ids=["queue", "task", "key"])
    async def test_limit_names_who_runs_and_since_when(self, store: Store, harness: Harness, rule: Rule) -> None:
        worker_id = await limited(store, rule)
        since, jobs = await store.now(), list[Job]()
        for _ in range(2):
            jobs.append(await running(store, gated("a"), worker_id=worker_id))
            await harness.advance(SECOND)
        await begun(store, new_job(task="other", queue="other"))

        held = await obstacles(store, await add(store, gated("a")))

        ids = tuple(job.id for job in jobs)
        key = "a" if rule.scope is Scope.KEY else None
        assert held == Obstacles(limits=(LimitReached(rule=rule, key=key, running=2, job_ids=ids, since=since),))

    async def test_limit_that_has_room_is_not_named(self, store: Store) -> None:
        await store.set_rules([of_queue(3), of_task(3), of_key(1)])
        await begun(store, gated("a"), gated("b"))

        assert await obstacles(store, await add(store, gated("c"))) == Obstacles()

    async def test_limit_of_zero_names_nobody(self, store: Store) -> None:
        await store.set_rules([of_task(0)])

        held = await obstacles(store, await add(store, new_job()))

        assert held.limits == (LimitReached(rule=of_task(0), key=None, running=0, job_ids=(), since=None),)

    async def test_no_more_who_run_are_named_than_may_be(self, store: Store, harness: Harness) -> None:
        since = await store.now()
        jobs = []
        for _ in range(MOST_NAMED + 2):
            jobs += await begun(store, new_job())
            await harness.advance(SECOND)
        await store.set_rules([of_task(3)])

        held = await obstacles(store, await add(store, new_job()))

        (limit,) = held.limits
        assert (limit.running, limit.since) == (MOST_NAMED + 2, since)
        assert limit.job_ids == tuple(job.id for job in jobs[:MOST_NAMED])

    async def test_longest_running_is_named_first_though_its_progress_came_later(
        self, store: Store, harness: Harness
    ) -> None:
        (first,) = await begun(store, new_job())
        await harness.advance(SECOND)
        (second,) = await begun(store, new_job())
        await store.cancel([first.id], None)
        await store.set_rules([of_task(1)])

        held = await obstacles(store, await add(store, new_job()))

        assert held.limits[0].job_ids == (first.id, second.id)

    async def test_all_limits_that_are_reached_are_named(self, store: Store) -> None:
        rules = [of_queue(1), of_task(2), of_key(2), of_key(1, "tenant2")]
        await begun(store, gated("a", "x"), gated("a", "y"))
        await store.set_rules(rules)
        job = await add(store, gated("a", "x"))

        held = await obstacles(store, job)

        assert [(limit.rule, limit.key, limit.running) for limit in held.limits] == [
            (of_key(2), "a", 2),
            (of_key(1, "tenant2"), "x", 1),
            (of_queue(1), None, 2),
            (of_task(2), None, 2),
        ]

    @pytest.mark.parametrize("scope", list(Scope))
    async def test_rate_says_when_it_opens(self, store: Store, harness: Harness, scope: Scope) -> None:
        names = {Scope.QUEUE: "default", Scope.TASK: "resize", Scope.KEY: "tenant"}
        rule = Rule(scope=scope, name=names[scope], rate=Rate(2, MINUTE))
        await store.set_rules([rule])
        await begun(store, gated("a"))
        opens_at = await store.now() + MINUTE
        await harness.advance(20 * SECOND)
        (second,) = await begun(store, gated("a"))
        await settle(store, end(second))
        job = await add(store, gated("a"))

        before = await obstacles(store, job)
        await harness.advance(40 * SECOND)

        key = "a" if scope is Scope.KEY else None
        assert before == Obstacles(rates=(RateReached(rule=rule, key=key, opens_at=opens_at),))
        assert await obstacles(store, job) == Obstacles()

    async def test_limit_and_rate_of_one_rule_are_both_named(self, store: Store) -> None:
        rule = Rule(scope=Scope.TASK, name="resize", running=1, rate=Rate(1, MINUTE))
        await store.set_rules([rule])
        await begun(store, new_job())

        held = await obstacles(store, await add(store, new_job()))

        assert [limit.rule for limit in held.limits] == [rule]
        assert [rate.rule for rate in held.rates] == [rule]

    async def test_other_keys_hold_nobody_back(self, store: Store) -> None:
        await store.set_rules([of_key(1), Rule(scope=Scope.KEY, name="host", rate=Rate(1, MINUTE))])
        gates = (Gate(name="tenant", key="a"), Gate(name="host", key="h"))
        await begun(store, new_job(ties=Ties(gates=gates)))
        others = (Gate(name="tenant", key="h"), Gate(name="host", key="a"))

        assert await obstacles(store, await add(store, new_job(ties=Ties(gates=others)))) == Obstacles()
        assert await obstacles(store, await add(store, new_job(queue="plain"))) == Obstacles()

    async def test_another_store_sees_the_same(self, store: Store, another: Another) -> None:
        await store.set_rules([of_task(1), Rule(scope=Scope.QUEUE, name="default", rate=Rate(1, MINUTE))])
        await begun(store, new_job())
        await store.pause(["default"])
        await add(store, new_job(priority=3))
        job = await add(store, new_job())

        held = await obstacles(store, job)

        assert held.paused is not None
        assert (len(held.limits), len(held.rates), held.ahead) == (1, 1, 1)
        assert await obstacles(await another(), job) == held


@pytest.mark.anyio
class TestAhead:
    """Who is taken before a job is counted: by priority, then by place, on its queue."""

    async def test_higher_priority_and_older_come_before(self, store: Store) -> None:
        batch = [new_job(priority=priority) for priority in (0, 5, -1, 0, 5, 0)]
        await store.enqueue(batch)
        jobs = [await add(store, new_job(priority=priority)) for priority in (0, 9, 5, -9)]

        assert [(await obstacles(store, job)).ahead for job in jobs] == [7, 0, 3, 9]

    async def test_all_tasks_of_the_queue_count_and_no_other_queue(self, store: Store) -> None:
        await store.enqueue([new_job(task="other"), new_job(queue="other"), gated("a"), new_job()])

        assert (await obstacles(store, await add(store, new_job()))).ahead == 3

    async def test_those_that_are_held_back_count(self, store: Store) -> None:
        await store.set_rules([of_key(0)])
        await store.enqueue([gated("a"), gated("b")])

        assert (await obstacles(store, await add(store, new_job()))).ahead == 2

    async def test_only_queued_ones_count(self, store: Store) -> None:
        parent = await running(store)
        await ended(store)
        await store.enqueue([new_job(delay=SECOND), new_job(after=After(jobs=(parent.id,)))])
        cancelled = await add(store, new_job())
        await store.cancel([cancelled.id], None)

        assert (await obstacles(store, await add(store, new_job()))).ahead == 0

    async def test_count_ends_where_it_may(self, store: Store) -> None:
        await store.enqueue(new_jobs(MOST_AHEAD + 3))
        job = await add(store, new_job())

        assert (await obstacles(store, job)).ahead == MOST_AHEAD

    async def test_count_falls_as_others_begin(self, store: Store) -> None:
        await store.enqueue(new_jobs(4))
        job = await add(store, new_job())
        await store.claim(request(await hired(store), limit=3))

        assert (await obstacles(store, job)).ahead == 1
