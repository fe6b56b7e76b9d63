"""Nothing stays in the server's memory of what is gone: whatever jobs, rules, schedules and messages there were."""

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.servers.redis_harness import RedisHarness
from tests.stores.redis.audit import audit
from tests.stores.redis.audit_followers import audit_followers
from workmill.store import Declaration, JobFilter, Report
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.channels import new_message, subscription
from workmill.testing.conformance.making import ERROR, PATIENT, end, hired, new_job, request
from workmill.testing.conformance.schedules import by_hand, new_schedule, plan, put, tick
from workmill.words.errors import QueueFull, UniqueConflict
from workmill.words.job import JobState, NewJob, Progress
from workmill.words.limit import Gate, Rate, Rule, Scope
from workmill.words.order import Order
from workmill.words.outcome import Cancelled, Failed, Interrupted, Outcome, Returned, Snoozed, Succeeded
from workmill.words.schedule import Overlap
from workmill.words.ties import After, Needs, Ties
from workmill.words.unique import OnConflict, Uniqueness

SECOND = timedelta(seconds=1)
TASKS, QUEUES, FLOWS = ("resize", "crop"), ("default", "bulk"), ("f", "g", None)
SCHEDULES = {overlap: plan(name=overlap, overlap=overlap) for overlap in Overlap}
LOOP = plan(name="loop", pause=SECOND)
KEPT = replace(PATIENT, keep=timedelta(seconds=30), max_attempts=2)
STEPS = 400
OUTCOMES: tuple[Outcome, ...] = (
    Succeeded(result=b"1"),
    Succeeded(result=b"2"),
    Failed(failure=ERROR),
    Cancelled(),
    Returned(),
    Snoozed(after=SECOND),
    Interrupted(failure=ERROR),
)
RULES = (
    Rule(scope=Scope.KEY, name="tenant", running=1),
    Rule(scope=Scope.KEY, name="host", rate=Rate(2, 5)),
    Rule(scope=Scope.TASK, name="crop", running=2, rate=Rate(5, 9)),
    Rule(scope=Scope.QUEUE, name="bulk", running=3, waiting=30),
)


class Walk:
    """Does all that can be done with a store, and then lets all of it end."""

    def __init__(self, store: RedisStore, database: RedisHarness, seed: int) -> None:
        self._store = store
        self._database = database
        self._chance = random.Random(seed)
        self._workers = list[str]()

    async def step(self) -> None:
        """Do one thing."""
        if not self._workers:
            self._workers.append(await hired(self._store))
        often: list[Callable[[], Awaitable[None]]] = [self._enqueue, self._work, self._work, self._work]
        seldom = [self._cancel, self._fire, self._publish, self._rule, self._pause, self._declare, self._tend]
        await self._chance.choice([*often * 4, *seldom, self._lose])()

    async def end(self) -> None:
        """Undo what people have set, let what is there end, and let the time go by in which it is kept."""
        store = self._store
        await store.reset_rules([(rule.scope, rule.name) for rule in RULES])
        await store.resume(QUEUES)
        await store.delete_schedules([*SCHEDULES, LOOP.name])
        await store.unsubscribe("news", TASKS)
        unfinished = [state for state in JobState if not state.is_final]
        while jobs := (await store.find(JobFilter(states=tuple(unfinished)), limit=100, cursor=None)).jobs:
            await store.cancel([job.id for job in jobs], None)
            await store.settle([end(job, Cancelled()) for job in jobs if job.state is JobState.RUNNING])
        for worker_id in self._workers:
            await store.leave(worker_id)
        for _ in range(3):
            await self._database.advance(timedelta(days=2))
            await store.expired(100)
            await store.promote(1000)
            while await store.prune(100):
                pass

    async def _enqueue(self) -> None:
        batch = [self._new_job() for _ in range(self._chance.randint(1, 4))]
        for new in batch[1:]:
            if self._chance.random() < 1 / 2:
                needs = self._chance.choice([*Needs])
                batch[batch.index(new)] = replace(new, after=After(jobs=(batch[0].id,), needs=needs), key=None)
        with suppress(UniqueConflict, QueueFull):
            await self._store.enqueue(batch)

    def _new_job(self) -> NewJob:
        chance = self._chance
        gates = tuple(
            Gate(name=name, key=chance.choice("ab")) for name in ("tenant", "host") if chance.random() < 1 / 3
        )
        unique = Uniqueness(name=chance.choice("uv"), on_conflict=chance.choice([*OnConflict]))
        return new_job(
            task=chance.choice(TASKS),
            queue=chance.choice(QUEUES),
            priority=chance.randint(-2, 2),
            policy=replace(KEPT, expires=chance.choice((None, None, 20 * SECOND))),
            key=chance.choice((None, None, str(chance.randint(0, 9)))),
            delay=chance.choice((None, None, SECOND)),
            unique=chance.choice((None, None, unique)),
            ties=chance.choice((None, Ties(gates=gates, flow=chance.choice(FLOWS)))),
        )

    async def _work(self) -> None:
        worker_id = self._chance.choice(self._workers)
        jobs = await self._store.claim(request(worker_id, limit=5, tasks=TASKS, engine=1))
        await self._store.report([Report(job_id=job.id, token=job.token, progress=Progress(current=1)) for job in jobs])
        held = await self._store.held(worker_id)
        ends = [end(job, self._chance.choice(OUTCOMES)) for job in held if self._chance.random() < 2 / 3]
        await self._store.settle(ends, request(worker_id, limit=2, tasks=TASKS))

    async def _cancel(self) -> None:
        page = await self._store.find(JobFilter(), limit=5, cursor=None)
        await self._store.cancel([job.id for job in page.jobs], "so", force=self._chance.random() < 1 / 2)

    async def _fire(self) -> None:
        made = self._chance.choice([*SCHEDULES.values(), LOOP])
        policied = replace(made, policy=KEPT)
        schedule = await put(self._store, policied, after=SECOND)
        if schedule.next_at is not None:
            await self._store.fire([tick(schedule, jobs=2, next_at=schedule.next_at)])
        await self._store.fire([await by_hand(self._store, made.name)])
        if self._chance.random() < 1 / 2:
            await self._store.stop_schedule(made.name, cancel_running=True)

    async def _publish(self) -> None:
        with suppress(UniqueConflict, QueueFull):
            await self._store.publish([new_message(), new_message("other")], [self._new_job()])

    async def _rule(self) -> None:
        rules = self._chance.sample(RULES, 2)
        await self._store.set_rules(rules)
        await self._store.reset_rules([(rules[0].scope, rules[0].name)])

    async def _pause(self) -> None:
        await self._store.pause(QUEUES[:1])
        for job in (await self._store.find(JobFilter(), limit=3, cursor=None)).jobs:
            await self._store.obstacles(job.id)
        await self._store.resume(QUEUES[:1])

    async def _declare(self) -> None:
        schedule = new_schedule(await self._store.now() + SECOND, made=replace(LOOP, policy=KEPT))
        await self._store.declare(Declaration(schedules=(schedule,), subscriptions=(subscription(),)))
        await self._store.unsubscribe("news", ["post"])

    async def _tend(self) -> None:
        await self._database.advance(2 * SECOND)
        await self._store.promote(10)
        await self._store.prune(10)
        for worker_id in self._workers:
            await self._store.renew(worker_id)

    async def _lose(self) -> None:
        await self._store.order(self._workers, Order.QUIET)
        lost = self._workers.pop()
        await self._store.leave(lost)
        await self._store.settle([end(job, Interrupted(failure=ERROR)) for job in await self._store.expired(100)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_stays_of_what_is_gone(database: RedisHarness, seed: int) -> None:
    store = await database.make()
    walk = Walk(store, database, seed)
    for step in range(STEPS):
        await walk.step()
        if step % 20 == 0:
            audit(database)
            audit_followers(database)
    busy = set(database.keys())

    await walk.end()

    audit(database)
    assert await store.counts() == []
    assert {key.partition(":")[2] for key in busy} >= {"bonds", "slots", "keys", "attempts", "flow:f"}
    assert database.keys() == [database.key("meta")]
    await store.close()
