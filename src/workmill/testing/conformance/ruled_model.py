"""Rules over work as a few lines over plain lists, for the random walk to compare a store with."""

from copy import deepcopy
from datetime import datetime
from typing import TypeAlias

from workmill.store import ClaimRequest, Promotion, Verdict
from workmill.testing.conformance.model import Expected, Model
from workmill.words.job import Job, JobState, NewJob
from workmill.words.limit import Rate, Rule, Scope
from workmill.words.transition import Transition
from workmill.words.unique import OnConflict

NOT_BEGUN = (JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED)
TO_BEGIN = (*NOT_BEGUN, JobState.RETRYING)
Subject: TypeAlias = tuple[Scope, str, str]


class Refused(Exception):
    """A batch was refused because of what is named: a job that is in the way, or a queue that is full."""

    def __init__(self, named: str) -> None:
        super().__init__(named)
        self.named = named


def counted_as(new: NewJob) -> list[Subject]:
    """Return what rules count a job as."""
    gates = () if new.ties is None else new.ties.gates
    keys = [(Scope.KEY, gate.name, gate.key) for gate in gates]
    return [*keys, (Scope.QUEUE, new.queue, ""), (Scope.TASK, new.task, "")]


class RuledModel(Model):
    """The model, where rules hold."""

    def __init__(self) -> None:
        super().__init__()
        self.rules: dict[tuple[Scope, str], Rule] = {}
        self.paused: set[str] = set()
        self.created: dict[str, datetime] = {}
        self.behind: dict[str, set[str]] = {}
        self._starts: list[tuple[Subject, datetime]] = []
        self._slots: dict[tuple[str, str], tuple[str, str | None]] = {}

    def store(self, batch: list[NewJob], now: datetime) -> list[tuple[str, bool]]:
        """Store jobs, all or none; answer the id of each that is not left out and whether it was created.

        Raises:
            Refused: One was rejected, or a queue would hold more than it may.
        """
        before = deepcopy((self.jobs, self.created, self.behind, self._slots))
        try:
            answers = [self._store_one(new, now) for new in batch]
        except Refused:
            self.jobs, self.created, self.behind, self._slots = before
            raise
        return [answer for answer in answers if answer is not None]

    def claim(self, request: ClaimRequest, now: datetime) -> list[str] | None:
        """Take jobs that no rule holds back and return their ids, or None without a live lease."""
        if not self.is_live(request.worker_id, now):
            return None
        fit = [
            job
            for job in self.jobs
            if job.state is JobState.QUEUED
            and job.new.task in request.tasks
            and (request.queues is None or job.new.queue in request.queues)
            and not self.is_too_late(job, now)
        ]
        taken: list[str] = []
        for job in sorted(fit, key=lambda job: -job.new.priority):
            if len(taken) < request.limit and not self.is_held_back(job.new, now):
                self._begin(job, request.worker_id, now)
                taken.append(job.new.id)
        return taken

    def settle(self, transition: Transition, now: datetime) -> Verdict:
        """End one attempt, with what follows."""
        verdict = super().settle(transition, now)
        self._release(now)
        return verdict

    def cancel(self, job_id: str, now: datetime) -> None:
        """Cancel a job that is stored, with what follows."""
        super().cancel(job_id, now)
        self._release(now)

    def promote(self, now: datetime) -> Promotion:
        """Queue what is due, end what is too late, and look out for the next time.

        When rates open is left out: a room may wait for that only from when a claim has passed over a job for it.
        """
        for job in self.jobs:
            if self.is_too_late(job, now):
                self.expire(job, now)
        self._release(now)
        moments = [later for job in self.jobs if (later := self._begin_by(job)) is not None]
        promoted = super().promote(now)
        moments += [] if promoted.next_in is None else [now + promoted.next_in]
        return Promotion(count=promoted.count, next_in=min(moments) - now if moments else None)

    def set_rule(self, rule: Rule, now: datetime) -> None:
        """Let a rule hold from now on."""
        self._change({**self.rules, (rule.scope, rule.name): rule}, now)

    def reset_rule(self, scope: Scope, name: str, now: datetime) -> None:
        """Let no rule hold any more."""
        self._change({title: rule for title, rule in self.rules.items() if title != (scope, name)}, now)

    def expire(self, job: Expected, now: datetime) -> None:
        """End a job that did not begin in time."""
        job.state, job.expires_at = JobState.CANCELLED, now + job.new.policy.keep

    def adopt(self, jobs: list[Job], now: datetime) -> None:
        """Let jobs have ended that are too late, where the store has ended them: when it does is its own affair."""
        ended = {job.id for job in jobs if job.state is JobState.CANCELLED}
        for job in self.jobs:
            if self.is_too_late(job, now) and job.new.id in ended:
                self.expire(job, now)
        self._release(now)

    def is_too_late(self, job: Expected, now: datetime) -> bool:
        """Whether a job that has not begun may not begin any more."""
        begin_by = self._begin_by(job)
        return begin_by is not None and begin_by <= now

    def is_held_back(self, new: NewJob, now: datetime) -> bool:
        """Whether a pause or a rule holds a queued job back."""
        return new.queue in self.paused or any(self._is_shut(subject, now) for subject in counted_as(new))

    def is_followed(self, job_id: str) -> bool | None:
        """Whether one follows a job that has not ended; None where one did that has."""
        followers = [job for job in self.jobs if job_id in self.behind.get(job.new.id, ())]
        return any(not job.state.is_final for job in followers) if followers else None

    def _store_one(self, new: NewJob, now: datetime) -> tuple[str, bool] | None:
        there = self._in_the_way(new, now)
        behind, runner = set[str](), None
        if there is not None and new.unique is not None:
            match new.unique.on_conflict:
                case OnConflict.REJECT:
                    raise Refused(there.new.id)
                case OnConflict.RETURN:
                    return there.new.id, False
                case OnConflict.SKIP:
                    return None
                case OnConflict.REPLACE:
                    behind, runner = self._make_way(there, now)
        self.enqueue(new, now)
        job = self.jobs[-1]
        if behind:
            job.state, job.run_at = JobState.WAITING, None
        self.created[new.id], self.behind[new.id] = now, behind
        if new.unique is not None:
            self._slots[new.task, new.unique.name] = (new.id, runner)
        self._check_bound(new.queue)
        return new.id, True

    def _in_the_way(self, new: NewJob, now: datetime) -> Expected | None:
        if new.unique is None:
            return None
        for job_id in self._slots.get((new.task, new.unique.name), ()):
            job = next((job for job in self.jobs if job.new.id == job_id), None)
            if job is None or job.state not in new.unique.states:
                continue
            if new.unique.within is None or now < self.created[job.new.id] + new.unique.within:
                return job
        return None

    def _make_way(self, there: Expected, now: datetime) -> tuple[set[str], str | None]:
        """Cancel a job, and return whose end the next must await, and who runs in its place."""
        unfinished = {job.new.id for job in self.jobs if not job.state.is_final}
        behind = self.behind[there.new.id] & unfinished
        runner = next((runner for holder, runner in self._slots.values() if holder == there.new.id), None)
        if there.state is JobState.RUNNING:
            behind, runner = {there.new.id}, there.new.id
        elif there.state is not JobState.WAITING:
            behind = {runner} & unfinished if runner else set()
        self.cancel(there.new.id, now)
        return behind, runner

    def _check_bound(self, queue: str) -> None:
        rule = self.rules.get((Scope.QUEUE, queue))
        held = sum(job.new.queue == queue and job.state in TO_BEGIN for job in self.jobs)
        if rule is not None and rule.waiting is not None and held > rule.waiting:
            raise Refused(queue)

    def _begin(self, job: Expected, worker_id: str, now: datetime) -> None:
        job.state, job.worker = JobState.RUNNING, worker_id
        job.attempt += 1
        job.token += 1
        self._starts += [(subject, now) for subject in counted_as(job.new) if self._rate(subject) is not None]

    def _begin_by(self, job: Expected) -> datetime | None:
        if job.new.policy.expires is None or job.token or job.state not in NOT_BEGUN:
            return None
        return (job.run_at or self.created[job.new.id]) + job.new.policy.expires

    def _rate(self, subject: Subject) -> Rate | None:
        rule = self.rules.get(subject[:2])
        return None if rule is None else rule.rate

    def _is_shut(self, subject: Subject, now: datetime) -> bool:
        rule = self.rules.get(subject[:2])
        running = sum(job.state is JobState.RUNNING and subject in counted_as(job.new) for job in self.jobs)
        is_full = rule is not None and rule.running is not None and running >= rule.running
        return is_full or self._opens_at(subject, now) is not None

    def _opens_at(self, subject: Subject, now: datetime) -> datetime | None:
        """Return when a rate that is reached opens."""
        rate = self._rate(subject)
        if rate is None:
            return None
        counted = sorted(start + rate.per for one, start in self._starts if one == subject and now < start + rate.per)
        return counted[-rate.count] if len(counted) >= rate.count else None

    def _change(self, rules: dict[tuple[Scope, str], Rule], now: datetime) -> None:
        counted = [
            (subject, start)
            for subject, start in self._starts
            if (rate := self._rate(subject)) is not None and now < start + rate.per
        ]
        self.rules = rules
        self._starts = [(subject, start) for subject, start in counted if self._rate(subject) is not None]

    def _release(self, now: datetime) -> None:
        """Let jobs go on that wait for nobody any more."""
        unfinished = {job.new.id for job in self.jobs if not job.state.is_final}
        for job in self.jobs:
            if job.state is JobState.WAITING and not self.behind[job.new.id] & unfinished:
                job.run_at = now + job.new.delay if job.new.delay else None
                job.state = JobState.SCHEDULED if job.run_at else JobState.QUEUED
