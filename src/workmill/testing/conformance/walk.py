"""A random walk: hundreds of verbs in no order anybody thought of, each compared with the model."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from workmill.store import ClaimRequest, JobFilter, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import DEATH, DONE, ERROR, LEASE, SECOND, new_job, new_worker, request
from workmill.testing.conformance.model import Model
from workmill.words.errors import LeaseLost
from workmill.words.job import Job, NewJob
from workmill.words.outcome import Cancelled, Failed, Interrupted, Outcome, Returned, Snoozed
from workmill.words.policy import Policy
from workmill.words.retry import Backoff
from workmill.words.transition import decide

STEPS = 120
TASKS, QUEUES = ("a", "b"), ("x", "y", "z")
POLICY = Policy(max_attempts=3, backoff=Backoff(first=5 * SECOND, jitter=0), keep=timedelta(seconds=40))
OUTCOMES: list[Outcome] = [
    DONE,
    Failed(failure=ERROR),
    Failed(failure=ERROR, retryable=False),
    Failed(failure=ERROR, after=timedelta(0)),
    Snoozed(after=7 * SECOND),
    Cancelled(reason="enough"),
    Interrupted(failure=DEATH),
    Returned(),
]


class Walk:
    """One walker over several stores on one database."""

    def __init__(self, stores: list[Store], harness: Harness, seed: int) -> None:
        self._stores = stores
        self._harness = harness
        self._chance = random.Random(seed)  # noqa: S311 - a walk to be repeated, not a secret
        self._model = Model()
        self._claimed: list[Job] = []

    @property
    def _store(self) -> Store:
        return self._chance.choice(self._stores)

    async def step(self) -> None:
        """Do one thing and compare what it answered."""
        verbs = [self._enqueue, self._claim, self._claim, self._settle, self._settle, self._cancel]
        verbs += [self._advance, self._promote, self._rescue, self._prune, self._hire, self._renew, self._leave]
        await self._chance.choice(verbs)()

    async def compare(self) -> None:
        """Compare every job, the counts, and the number of attempts of one."""
        page = await self._store.find(JobFilter(), limit=10_000, cursor=None)
        expected = self._model.jobs
        assert [job.id for job in page.jobs] == [job.new.id for job in reversed(expected)]
        for job, mine in zip(reversed(page.jobs), expected, strict=True):
            assert mine.is_like(job), (mine, job)
        counts = {(one.queue, one.task, one.state): one.jobs for one in await self._store.counts()}
        assert counts == self._model.counts() == Counter((job.queue, job.task, job.state) for job in page.jobs)
        if expected:
            one = self._chance.choice(expected)
            assert len(await self._store.attempts(one.new.id)) == one.ended_attempts

    async def _enqueue(self) -> None:
        batch = [self._new_job() for _ in range(self._chance.randint(1, 4))]
        now = await self._store.now()
        for new in batch:
            self._model.enqueue(new, now)
        assert all(one.created for one in await self._store.enqueue(batch))

    def _new_job(self) -> NewJob:
        chance = self._chance
        return new_job(
            task=chance.choice(TASKS),
            queue=chance.choice(QUEUES),
            priority=chance.choice((-1, 0, 0, 0, 5)),
            policy=POLICY,
            delay=chance.choice((None, None, timedelta(0), 3 * SECOND, 20 * SECOND)),
        )

    def _request(self) -> ClaimRequest:
        return request(
            self._worker(),
            limit=self._chance.randint(0, 4),
            tasks=self._chance.choice((TASKS, TASKS[:1], ("unknown",))),
            queues=self._chance.choice((None, QUEUES, QUEUES[1:2])),
        )

    async def _claim(self) -> None:
        wanted = self._request()
        expected = self._model.claim(wanted, await self._store.now())
        try:
            claimed = await self._store.claim(wanted)
        except LeaseLost:
            assert expected is None
            return
        assert [job.id for job in claimed] == expected
        self._claimed += claimed

    async def _settle(self) -> None:
        if not self._claimed:
            return
        # Some of these were settled before: whoever decides on an old claim must be told that it is stale.
        jobs = [self._chance.choice(self._claimed) for _ in range(self._chance.randint(1, 3))]
        await self._settle_these(jobs, [self._chance.choice(OUTCOMES) for _ in jobs])

    async def _settle_these(self, jobs: list[Job], outcomes: list[Outcome]) -> None:
        transitions = [decide(job, outcome, chance=0.5) for job, outcome in zip(jobs, outcomes, strict=True)]
        now = await self._store.now()
        expected = [self._model.settle(transition, now) for transition in transitions]
        assert list((await self._store.settle(transitions)).verdicts) == expected

    async def _cancel(self) -> None:
        if not self._model.jobs:
            return
        ids = [self._chance.choice(self._model.jobs).new.id for _ in range(2)]
        now = await self._store.now()
        for job_id in ids:
            self._model.cancel(job_id, now)
        answers = await self._store.cancel(ids, "walked by")
        assert [job and job.id for job in answers] == ids

    async def _advance(self) -> None:
        await self._harness.advance(self._chance.choice((1, 1, 4, 10)) * SECOND)

    async def _promote(self) -> None:
        assert await self._store.promote(100) == self._model.promote(await self._store.now())

    async def _rescue(self) -> None:
        jobs = await self._store.expired(100)
        assert {job.id for job in jobs} == self._model.expired(await self._store.now())
        await self._settle_these(jobs, [Interrupted(failure=DEATH)] * len(jobs))

    async def _prune(self) -> None:
        assert await self._store.prune(100) == self._model.prune(await self._store.now())

    async def _hire(self) -> None:
        worker = new_worker(tasks=TASKS)
        self._model.leases[worker.id] = await self._store.now() + LEASE
        await self._store.register(worker)

    async def _renew(self) -> None:
        worker_id, now = self._worker(), await self._store.now()
        is_live = self._model.is_live(worker_id, now)
        if is_live:
            self._model.leases[worker_id] = now + LEASE
        assert (await self._store.renew(worker_id)).is_live == is_live

    async def _leave(self) -> None:
        worker_id, now = self._worker(), await self._store.now()
        if self._model.is_live(worker_id, now):
            self._model.leases[worker_id] = now
        await self._store.leave(worker_id)

    def _worker(self) -> str:
        """Choose one of the newest workers, or a stranger."""
        return self._chance.choice([*list(self._model.leases)[-3:], "nobody"])


@pytest.mark.anyio
class TestRandomWalk:
    """Whatever is done in whatever order, the store answers and holds what the model does."""

    @pytest.mark.parametrize("seed", range(4))
    async def test_store_follows_the_model(self, store: Store, another: Another, harness: Harness, seed: int) -> None:
        walk = Walk([store, await another()], harness, seed)

        for _ in range(STEPS):
            await walk.step()
            await walk.compare()
