"""A random walk among rules: limits, rates, bounds, pauses, uniqueness, expiry, each compared with the model."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from workmill.store import ClaimRequest, JobFilter, Pause, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import SECOND, request
from workmill.testing.conformance.ruled_model import Refused, RuledModel
from workmill.testing.conformance.walk import POLICY, QUEUES, TASKS, Walk
from workmill.words.errors import QueueFull, UniqueConflict
from workmill.words.job import JobState, NewJob
from workmill.words.limit import Gate, Rate, Rule, Scope
from workmill.words.ties import Ties
from workmill.words.unique import UNFINISHED, OnConflict, Uniqueness

STEPS = 200
BRIEF = replace(POLICY, expires=9 * SECOND)
TITLES = [(Scope.KEY, "tenant"), (Scope.KEY, "host"), *((Scope.TASK, task) for task in TASKS)]
TITLES += [(Scope.QUEUE, queue) for queue in QUEUES]


class RuledWalk(Walk):
    """A walker that also sets rules and pauses queues, and whose jobs are unique, gated and late."""

    def __init__(self, stores: list[Store], harness: Harness, seed: int) -> None:
        super().__init__(stores, harness, seed)
        self._model: RuledModel = RuledModel()
        self._live: list[str] = []

    async def step(self) -> None:
        """Do one thing and compare what it answered. Somebody is nearly always there to work."""
        now = await self._store.now()
        self._live = [worker_id for worker_id in self._model.leases if self._model.is_live(worker_id, now)]
        if not self._live:
            await self._hire()
        often = [self._enqueue, self._claim, self._claim, self._settle] * 6 + [self._advance, self._ask] * 3
        seldom = [self._promote, self._renew, self._set, self._reset] * 2
        rarely = [self._cancel, self._pause, self._rescue, self._prune, self._hire, self._leave]
        await self._chance.choice([*often, *seldom, *rarely])()

    async def compare(self) -> None:
        """Compare every job, the rules and the pauses."""
        page = await self._store.find(JobFilter(), limit=10_000, cursor=None)
        self._model.adopt(list(page.jobs), await self._store.now())
        await super().compare()
        running = [job for job in self._model.jobs if job.state is JobState.RUNNING]
        expected = [
            (rule, sum(_is_about(rule, job.new) for job in running)) for _, rule in sorted(self._model.rules.items())
        ]
        assert [(state.rule, state.running) for state in await self._store.rules()] == expected
        assert [pause.queue for pause in await self._store.pauses()] == sorted(self._model.paused)

    async def _enqueue(self) -> None:
        batch = [self._new_job() for _ in range(self._chance.randint(1, 4))]
        expected = self._expected(batch, await self._store.now())
        answered: str | list[tuple[str, bool]]
        try:
            answered = [(one.job.id, one.created) for one in await self._store.enqueue(batch)]
        except QueueFull as full:
            answered = full.queue
        except UniqueConflict as conflict:
            answered = conflict.job_id
        is_refused_for_any = isinstance(expected, str) and len(batch) > 1  # which of several reasons is not said
        assert answered == expected or (is_refused_for_any and isinstance(answered, str))

    def _expected(self, batch: list[NewJob], now: datetime) -> str | list[tuple[str, bool]]:
        """Return the model's answer, or what it names where it refuses."""
        try:
            return self._model.store(batch, now)
        except Refused as refused:
            return refused.named

    def _new_job(self) -> NewJob:
        chance = self._chance
        gates = [Gate(name=name, key=chance.choice("ab")) for name in ("tenant", "host") if chance.random() < 1 / 2]
        unique = Uniqueness(
            name=chance.choice("uv"),
            states=chance.choice((UNFINISHED, UNFINISHED, tuple(JobState))),
            within=chance.choice((None, None, 6 * SECOND)),
            on_conflict=chance.choice([*OnConflict, OnConflict.REPLACE, OnConflict.REPLACE]),
        )
        is_unique = chance.random() < 1 / 3
        new = super()._new_job()
        return replace(
            new,
            queue=QUEUES["uv".index(unique.name)] if is_unique else new.queue,
            policy=chance.choice((POLICY, POLICY, BRIEF)),
            ties=Ties(gates=tuple(gates)) if gates else None,
            unique=unique if is_unique else None,
        )

    def _request(self) -> ClaimRequest:
        tasks = self._chance.choice((TASKS, TASKS, TASKS[:1]))
        queues = self._chance.choice((None, None, QUEUES, QUEUES[1:]))
        return request(self._worker(), limit=self._chance.randint(1, 5), tasks=tasks, queues=queues)

    def _worker(self) -> str:
        """Choose one that lives, or seldom a stranger."""
        return self._chance.choice([*self._live, *self._live, *self._live, super()._worker()])

    async def _advance(self) -> None:
        await self._harness.advance(self._chance.choice((1, 1, 2, 4)) * SECOND)

    async def _promote(self) -> None:
        expected, promoted = self._model.promote(await self._store.now()), await self._store.promote(100)
        assert promoted.count == expected.count
        if expected.next_in is not None:
            assert promoted.next_in is not None
            assert timedelta(0) <= promoted.next_in <= expected.next_in

    async def _prune(self) -> None:
        now = await self._store.now()
        await self._store.prune(100)
        found = await self._store.get([job.new.id for job in self._model.jobs])
        kept, jobs = {job.id for job in found if job is not None}, self._model.jobs
        for job in jobs:
            is_past = job.expires_at is not None and job.expires_at <= now
            is_followed = self._model.is_followed(job.new.id)
            assert is_past or job.new.id in kept
            assert not (is_past and is_followed is None) or job.new.id not in kept
            assert not is_followed or job.new.id in kept
        self._model.jobs = [job for job in jobs if job.new.id in kept]

    async def _set(self) -> None:
        chance = self._chance
        scope, name = chance.choice(TITLES)
        # Whether a longer rate counts what a shorter one had left behind is open, so that none gets longer here.
        rate = Rate(chance.randint(1, 3), (2, 5, 15)[TITLES.index((scope, name)) % 3])
        rule = Rule(
            scope=scope,
            name=name,
            running=chance.choice((None, None, 0, 1, 2, 3)),
            rate=chance.choice((None, rate)),
            waiting=chance.choice((None, None, 5)) if scope is Scope.QUEUE else None,
        )
        self._model.set_rule(rule, await self._store.now())
        await self._store.set_rules([rule])

    async def _reset(self) -> None:
        titles = self._chance.sample(TITLES, 3)
        for scope, name in titles:
            self._model.reset_rule(scope, name, await self._store.now())
        await self._store.reset_rules(titles)

    async def _pause(self) -> None:
        queue = self._chance.choice(QUEUES)
        if queue in self._model.paused:
            self._model.paused.discard(queue)
            await self._store.resume([queue])
        else:
            self._model.paused.add(queue)
            await self._store.pause([queue], by="a walker")

    async def _ask(self) -> None:
        """Compare whether a job is held back with what the store says of it."""
        queued = [job for job in self._model.jobs if job.state in (JobState.QUEUED, JobState.WAITING)]
        if not queued:
            return
        job = self._chance.choice(queued)
        held = await self._store.obstacles(job.new.id)
        assert held is not None
        unfinished = {one.new.id for one in self._model.jobs if not one.state.is_final}
        assert set(held.parents) == self._model.behind[job.new.id] & unfinished
        assert held.paused is None or isinstance(held.paused, Pause)
        is_held_back = bool(held.paused or held.limits or held.rates)
        assert is_held_back == self._model.is_held_back(job.new, await self._store.now())


def _is_about(rule: Rule, new: NewJob) -> bool:
    """Whether a rule counts a job."""
    match rule.scope:
        case Scope.QUEUE:
            return new.queue == rule.name
        case Scope.TASK:
            return new.task == rule.name
        case Scope.KEY:
            return new.ties is not None and any(gate.name == rule.name for gate in new.ties.gates)


@pytest.mark.anyio
class TestRuledWalk:
    """Whatever rules hold and whatever is done in whatever order, the store answers and holds what the model does."""

    @pytest.mark.parametrize("seed", range(5))
    async def test_store_follows_the_model(self, store: Store, another: Another, harness: Harness, seed: int) -> None:
        walk = RuledWalk([store, await another()], harness, seed)

        for _ in range(STEPS):
            await walk.step()
            await walk.compare()
