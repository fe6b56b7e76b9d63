"""A room beside the reference, step by step: Hypothesis chooses the steps, and shortens a walk that fails."""

import asyncio
import copy
import uuid
from collections.abc import Coroutine, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proof.crashing.databases import Database, Room
from proof.modelling.making import (
    CALLS,
    ENDS,
    INDEX,
    INDICES,
    LENGTH,
    LIMIT,
    NEWEST,
    OUTCOMES,
    POLICY,
    QUEUES,
    SIDE,
    SOME_QUEUES,
    SOME_STATES,
    SOME_TASKS,
    TASKS,
)
from proof.modelling.reference import Conflict, Reference
from workmill.store import ClaimRequest, JobFilter, Report, Verdict
from workmill.testing.conformance.harness import Caller
from workmill.testing.conformance.making import DEATH, LEASE, new_job, new_worker, request
from workmill.words.codec import Json
from workmill.words.errors import JobConflict, LeaseLost
from workmill.words.job import Job, JobState, NewJob, Progress
from workmill.words.order import Order
from workmill.words.outcome import Interrupted, Outcome, Returned
from workmill.words.transition import decide

T = TypeVar("T")
PLENTY = 1000
WAIT_SECONDS = 30.0


class Stepping(RuleBasedStateMachine):
    """Two stores on one database, compared with the reference after every step. `room` is set by a subclass."""

    room: Room

    def __init__(self) -> None:
        super().__init__()
        self._context: AbstractContextManager[Database] = self.room.database()
        self._database = self._context.__enter__()
        self._runner = asyncio.Runner()
        self._stores = [self._do(self._database.make()) for _ in range(2)]
        self._caller = self._do(self._database.caller())
        self._reference = Reference()
        self._claimed: list[Job] = []
        self._workers: list[str] = []
        self._tried: list[NewJob] = []

    def teardown(self) -> None:
        """Close everything, and see that no index was left behind."""
        for closable in (*self._stores, self._caller):
            if closable is not None:
                self._do(closable.close())
        self._runner.close()
        flaws = self._database.flaws()
        self._context.__exit__(None, None, None)
        assert not flaws, flaws

    @initialize(calls=CALLS, limit=LIMIT)
    def begin(self, calls: list[dict[str, Json]], limit: int) -> None:
        """Begin with a worker, something to do and, mostly, something that runs."""
        self.hire(0)
        self.enqueue(0, calls)
        self.claim(0, 0, limit, TASKS, None)

    @rule(side=SIDE, calls=CALLS)
    def enqueue(self, side: int, calls: list[dict[str, Json]]) -> None:
        """Store new jobs, some of them under keys."""
        self._enqueue(side, [new_job(policy=POLICY, **call) for call in calls])

    @precondition(lambda self: self._tried)
    @rule(side=SIDE, indices=INDICES)
    def enqueue_again(self, side: int, indices: list[int]) -> None:
        """Repeat what was tried before, whatever became of it."""
        self._enqueue(side, [_nth(self._tried, index) for index in indices])

    @precondition(lambda self: self._caller is not None)
    @rule(side=SIDE, calls=CALLS, commits=strategies.booleans())
    def enqueue_within(self, side: int, calls: list[dict[str, Json]], *, commits: bool) -> None:
        """Store new jobs in a caller's transaction, which is committed or rolled back."""
        self._do(self._enqueue_within(side, [new_job(policy=POLICY, **call) for call in calls], commits=commits))

    @precondition(lambda self: self._caller is not None and self._claimed)
    @rule(side=SIDE, index=NEWEST, outcome=strategies.sampled_from(OUTCOMES), commits=strategies.booleans())
    def settle_within(self, side: int, index: int, outcome: Outcome, *, commits: bool) -> None:
        """End an attempt in a caller's transaction, which is committed or rolled back."""
        self._do(self._settle_within(side, _nth(self._claimed, index), outcome, commits=commits))

    @rule(side=SIDE)
    def hire(self, side: int) -> None:
        """Register a new worker."""
        worker = replace(new_worker(tasks=TASKS), id=uuid.uuid4().hex)
        self._reference.register(worker.id, LEASE, self._now())
        self._do(self._stores[side].register(worker))
        self._workers.append(worker.id)

    @precondition(lambda self: self._workers)
    @rule(side=SIDE, index=NEWEST)
    def renew(self, side: int, index: int) -> None:
        """Renew a lease, live or not."""
        worker_id = _nth(self._workers, index)
        expected = self._reference.renew(worker_id, self._now())
        assert self._do(self._stores[side].renew(worker_id)) == expected

    @precondition(lambda self: self._workers)
    @rule(side=SIDE, index=INDEX)
    def register_again(self, side: int, index: int) -> None:
        """Repeat a registration."""
        worker = replace(new_worker(tasks=TASKS), id=_nth(self._workers, index))
        self._reference.register(worker.id, LEASE, self._now())
        self._do(self._stores[side].register(worker))

    @precondition(lambda self: self._workers)
    @rule(side=SIDE, index=INDEX)
    def leave(self, side: int, index: int) -> None:
        """End a lease."""
        worker_id = _nth(self._workers, index)
        self._reference.leave(worker_id, self._now())
        self._do(self._stores[side].leave(worker_id))

    @precondition(lambda self: self._workers)
    @rule(side=SIDE, index=NEWEST, limit=LIMIT, tasks=SOME_TASKS, queues=SOME_QUEUES)
    def claim(self, side: int, index: int, limit: int, tasks: tuple[str, ...], queues: tuple[str, ...] | None) -> None:
        """Take jobs."""
        wanted = request(_nth(self._workers, index), limit=limit, tasks=tasks, queues=queues)
        expected = self._reference.claim(wanted, self._now())
        try:
            claimed = self._do(self._stores[side].claim(wanted))
        except LeaseLost:
            assert expected is None
            return
        assert [job.id for job in claimed] == expected
        self._claimed += claimed

    @precondition(lambda self: self._claimed)
    @rule(side=SIDE, ends=ENDS)
    def settle(self, side: int, ends: list[tuple[int, Outcome]]) -> None:
        """End attempts, also those that have ended long ago."""
        self._settle(side, [(_nth(self._claimed, index), outcome) for index, outcome in ends], None)

    @precondition(lambda self: self._claimed and self._workers)
    @rule(side=SIDE, ends=ENDS, index=NEWEST, limit=LIMIT)
    def settle_and_claim(self, side: int, ends: list[tuple[int, Outcome]], index: int, limit: int) -> None:
        """End attempts and take more in one transaction."""
        wanted = request(_nth(self._workers, index), limit=limit, tasks=TASKS, queues=QUEUES)
        self._settle(side, [(_nth(self._claimed, index), outcome) for index, outcome in ends], wanted)

    @precondition(lambda self: self._running())
    @rule(side=SIDE, index=NEWEST)
    def go_round(self, side: int, index: int) -> None:
        """Give back all that runs, and let a worker take it again in the same transaction."""
        wanted = request(_nth(self._workers, index), limit=PLENTY, tasks=TASKS)
        self._settle(side, [(job, Returned()) for job in self._running()], wanted)

    @precondition(lambda self: self._overtaken())
    @rule(side=SIDE, index=INDEX, outcome=strategies.sampled_from(OUTCOMES))
    def settle_late(self, side: int, index: int, outcome: Outcome) -> None:
        """End an attempt whose job runs under a newer token."""
        self._settle(side, [(_nth(self._overtaken(), index), outcome)], None)

    @precondition(lambda self: self._overtaken())
    @rule(side=SIDE, index=INDEX)
    def report_late(self, side: int, index: int) -> None:
        """Tell the progress of such an attempt."""
        job = _nth(self._overtaken(), index)
        late = Report(job_id=job.id, token=job.token, progress=Progress(current=99, message="late"))
        assert self._do(self._stores[side].report([late])) == [False]

    @precondition(lambda self: self._claimed)
    @rule(side=SIDE, indices=INDICES, current=strategies.integers(0, 9))
    def report(self, side: int, indices: list[int], current: int) -> None:
        """Tell progress under tokens new and old."""
        jobs = {job.id: job for job in (_nth(self._claimed, index) for index in indices)}
        said = Progress(current=current, message=f"{current}")
        reports = [Report(job_id=job.id, token=job.token, progress=said) for job in jobs.values()]
        expected = [self._reference.report(report) for report in reports]
        assert self._do(self._stores[side].report(reports)) == expected

    @precondition(lambda self: self._workers)
    @rule(side=SIDE, indices=INDICES, order=strategies.sampled_from(Order))
    def order(self, side: int, indices: list[int], order: Order) -> None:
        """Give workers an order, live or not."""
        ids = list(dict.fromkeys([*(_nth(self._workers, index) for index in indices), "nobody"]))
        expected = [self._reference.order(worker_id, order, self._now()) for worker_id in ids]
        assert self._do(self._stores[side].order(ids, order)) == expected

    @precondition(lambda self: self._reference.jobs)
    @rule(side=SIDE, index=INDEX)
    def enqueue_retry(self, side: int, index: int) -> None:
        """Store a job that repeats another by hand."""
        first = _nth(self._reference.jobs, index).new
        self._enqueue(side, [replace(first, id=new_job().id, key=None, delay=None, retry_of=first.id)])

    @precondition(lambda self: self._reference.jobs)
    @rule(side=SIDE, indices=INDICES, force=strategies.booleans())
    def cancel(self, side: int, indices: list[int], *, force: bool) -> None:
        """Cancel jobs in any state, some twice, some by force."""
        ids = [_nth(self._reference.jobs, index).new.id for index in indices]
        for job_id in ids:
            self._reference.cancel(job_id, self._now(), force=force)
        answers = self._do(self._stores[side].cancel(ids, "the machine cancels it", force=force))
        assert [job and job.id for job in answers] == ids

    @rule(side=SIDE)
    def promote(self, side: int) -> None:
        """Queue what is due."""
        expected = self._reference.promote(self._now())
        assert self._do(self._stores[side].promote(PLENTY)) == expected

    @rule(side=SIDE)
    def prune(self, side: int) -> None:
        """Delete what is past its keep time."""
        expected = self._reference.prune(self._now())
        assert self._do(self._stores[side].prune(PLENTY)) == expected

    @rule(side=SIDE)
    def rescue(self, side: int) -> None:
        """Take back what dead workers hold."""
        jobs = self._do(self._stores[side].expired(PLENTY))
        assert {job.id for job in jobs} == self._reference.expired(self._now())
        self._settle(side, [(job, Interrupted(failure=DEATH)) for job in jobs], None)

    @rule(seconds=LENGTH)
    def advance(self, seconds: int) -> None:
        """Let time pass."""
        self._database.advance(timedelta(seconds=seconds))

    @rule(side=SIDE, states=SOME_STATES, tasks=SOME_TASKS, queues=SOME_QUEUES, limit=strategies.integers(1, 5))
    def find(
        self,
        side: int,
        states: tuple[JobState, ...],
        tasks: tuple[str, ...],
        queues: tuple[str, ...] | None,
        limit: int,
    ) -> None:
        """List jobs page by page."""
        wanted = JobFilter(states=states, tasks=tasks, queues=queues or ())
        ids, cursor = list[str](), None
        while True:
            page = self._do(self._stores[side].find(wanted, limit=limit, cursor=cursor))
            ids += [job.id for job in page.jobs]
            if page.next_cursor is None:
                break
            cursor = page.next_cursor
        assert ids == self._reference.found(wanted)

    @precondition(lambda self: self._workers)
    @rule(side=SIDE, index=INDEX)
    def held(self, side: int, index: int) -> None:
        """Ask what a worker holds."""
        worker_id = _nth(self._workers, index)
        assert {job.id for job in self._do(self._stores[side].held(worker_id))} == self._reference.held(worker_id)

    @precondition(lambda self: self._reference.jobs)
    @rule(side=SIDE, index=INDEX)
    def attempts(self, side: int, index: int) -> None:
        """Ask for the attempts of a job."""
        job = _nth(self._reference.jobs, index)
        assert len(self._do(self._stores[side].attempts(job.new.id))) == job.ended_attempts

    @invariant()
    def everything_is_as_expected(self) -> None:
        """Compare all jobs and the counts, through one store or the other."""
        store = self._stores[len(self._tried) % 2]
        page = self._do(store.find(JobFilter(), limit=PLENTY, cursor=None))
        expected = list(reversed(self._reference.jobs))
        assert [job.id for job in page.jobs] == [job.new.id for job in expected]
        for job, mine in zip(page.jobs, expected, strict=True):
            difference = self._reference.difference(job, mine)
            assert not difference, difference
        counts = {(one.queue, one.task, one.state): one.jobs for one in self._do(store.counts())}
        assert counts == self._reference.counts()

    def _enqueue(self, side: int, batch: Sequence[NewJob]) -> None:
        self._tried += [new for new in batch if new not in self._tried]
        try:
            expected = self._reference.store(batch, self._now())
        except Conflict as conflict:
            self._expect_conflict(side, batch, conflict.job_id)
            return
        stored = self._do(self._stores[side].enqueue(batch))
        assert [(one.job.id, one.created) for one in stored] == expected

    def _running(self) -> list[Job]:
        """Return the newest claims of the jobs that run."""
        tokens = {job.new.id: job.token for job in self._reference.jobs if job.state is JobState.RUNNING}
        return [job for job in self._claimed if tokens.get(job.id) == job.token]

    def _overtaken(self) -> list[Job]:
        """Return the older claims of the jobs that run."""
        tokens = {job.new.id: job.token for job in self._reference.jobs if job.state is JobState.RUNNING}
        return [job for job in self._claimed if job.token < tokens.get(job.id, 0)]

    def _expect_conflict(self, side: int, batch: Sequence[NewJob], job_id: str) -> None:
        named = ""
        try:
            self._do(self._stores[side].enqueue(batch))
        except JobConflict as error:
            named = error.job_id
        assert named == job_id

    async def _enqueue_within(self, side: int, batch: Sequence[NewJob], *, commits: bool) -> None:
        caller, now = self._open_caller, await self._stores[0].now()
        trial = copy.deepcopy(self._reference)
        try:
            expected = trial.store(batch, now)
        except Conflict as conflict:
            expected = [(conflict.job_id, False)]
        try:
            held = await caller.hold(await self._stores[side].enqueue_within(batch))
            stored = [(one.job.id, one.created) for one in held]
        except JobConflict as error:
            stored, commits = [(error.job_id, False)], False
        await (caller.commit() if commits else caller.roll_back())
        assert stored == expected
        self._reference = trial if commits else self._reference

    async def _settle_within(self, side: int, job: Job, outcome: Outcome, *, commits: bool) -> None:
        caller, now = self._open_caller, await self._stores[0].now()
        transition, trial = decide(job, outcome, chance=0.5), copy.deepcopy(self._reference)
        is_live = trial.is_live(job.worker or "", now)
        expected = trial.settle(transition, now) if is_live else Verdict.STALE
        assert await caller.hold(self._stores[side].settle_within(transition)) == expected
        await (caller.commit() if commits else caller.roll_back())
        self._reference = trial if commits else self._reference

    @property
    def _open_caller(self) -> Caller:
        assert self._caller is not None
        return self._caller

    def _settle(self, side: int, ends: Sequence[tuple[Job, Outcome]], claim: ClaimRequest | None) -> None:
        transitions = [decide(job, outcome, chance=0.5) for job, outcome in ends]
        now = self._now()
        verdicts = [self._reference.settle(transition, now) for transition in transitions]
        claimed = [] if claim is None else self._reference.claim(claim, now) or []
        settled = self._do(self._stores[side].settle(transitions, claim))
        assert list(settled.verdicts) == verdicts
        assert [job.id for job in settled.claimed] == claimed
        self._claimed += settled.claimed

    def _now(self) -> datetime:
        return self._do(self._stores[0].now())

    def _do(self, verb: Coroutine[Json, Json, T]) -> T:
        async def within() -> T:
            async with asyncio.timeout(WAIT_SECONDS):
                return await verb

        return self._runner.run(within())


def machine_on(room: Room) -> type[Stepping]:
    """Return the machine that steps over databases of a room."""
    return type(f"{room.name.capitalize()}Stepping", (Stepping,), {"room": room})


def _nth(things: Sequence[T], index: int) -> T:
    """Return one of them, counted from the newest."""
    return things[-1 - index % len(things)]
