"""The verbs of the memory room."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from workmill.store import (
    Capabilities,
    ClaimRequest,
    Count,
    Declaration,
    Due,
    Enqueued,
    Finding,
    Fired,
    Flow,
    FlowPage,
    Heard,
    JobFilter,
    Level,
    Listener,
    NewWorker,
    Notice,
    NoticeKind,
    Obstacles,
    Page,
    Pause,
    Promotion,
    Renewal,
    Report,
    RuleState,
    Settled,
    Verdict,
    Worker,
)
from workmill.stores.memory import changes
from workmill.stores.memory.claiming import claim
from workmill.stores.memory.ending import cancel, conclude
from workmill.stores.memory.firing import clear, fire
from workmill.stores.memory.line import take_due
from workmill.stores.memory.obstacles import obstacles
from workmill.stores.memory.promoting import next_in, promote
from workmill.stores.memory.storing import store
from workmill.stores.memory.subjects import Subject, of_job, of_queue
from workmill.stores.memory.vault import Vault
from workmill.words.channel import Message, NewMessage, Subscription
from workmill.words.clock import Clock, later, system_clock
from workmill.words.conversation import Conversation
from workmill.words.errors import InvalidOption, LeaseLost, StoreError
from workmill.words.job import Attempt, Job, JobState, NewJob
from workmill.words.limit import Rule, Scope
from workmill.words.names import NAME
from workmill.words.order import Order
from workmill.words.schedule import NewSchedule, Schedule, Tick
from workmill.words.transition import Transition

FOLLOWED = timedelta(hours=1)
"""How long it takes until a job whose followers had not ended is looked at again."""
WAITING_FOR_A_TIME = frozenset({JobState.SCHEDULED, JobState.RETRYING})
NO_TRANSACTIONS = "the memory store joins no transaction of a caller; use SQLite or PostgreSQL"
CURSOR = re.compile(r"[0-9]{1,18}")
NO_CURSOR = "give a cursor that this store has answered, or none to begin with the first"
CAPABILITIES = Capabilities(
    name="memory",
    crosses_processes=False,
    durability="A returned enqueue survives nothing: all jobs end with this program.",
)


class MemoryStore:
    """A store in the memory of one program. Stores over one vault are stores on one database."""

    def __init__(self, vault: Vault, clock: Clock = system_clock) -> None:
        self._vault = vault
        self._clock = clock

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do."""
        return CAPABILITIES

    async def open(self) -> None:
        """Do nothing: a vault is always ready."""

    async def close(self) -> None:
        """Do nothing: a vault goes with whoever holds it."""

    async def now(self) -> datetime:
        """Return the clock's present moment."""
        return self._clock()

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        """Store new jobs, all or none."""
        with self._vault.lock:
            return self._enqueue(jobs)

    async def register(self, worker: NewWorker) -> None:
        """Give a worker its lease."""
        with self._vault.lock:
            self._vault.roster.register(worker, self._clock())

    async def renew(self, worker_id: str) -> Renewal:
        """Prolong a live lease, and elect a leader."""
        with self._vault.lock:
            return self._vault.roster.renew(worker_id, self._clock())

    async def leave(self, worker_id: str) -> None:
        """End a worker's lease now."""
        with self._vault.lock:
            self._vault.roster.leave(worker_id, self._clock())

    async def order(self, worker_ids: Sequence[str], order: Order) -> list[bool]:
        """Give workers an order."""
        with self._vault.lock:
            now = self._clock()
            return [self._vault.roster.order(worker_id, order, now) for worker_id in worker_ids]

    async def claim(self, request: ClaimRequest) -> list[Job]:
        """Take jobs under the worker's lease."""
        with self._vault.lock:
            now = self._clock()
            if not self._vault.roster.is_live(request.worker_id, now):
                raise LeaseLost(request.worker_id)
            return self._claim(request, now)

    async def settle(self, transitions: Sequence[Transition], claim: ClaimRequest | None = None) -> Settled:
        """End attempts and claim more."""
        with self._vault.lock:
            now, ledger = self._clock(), self._vault.ledger
            verdicts = tuple(self._settle(transition, now) for transition in transitions)
            answers = zip(transitions, verdicts, strict=True)
            changed = [ledger.jobs[one.job_id] for one, verdict in answers if verdict is Verdict.APPLIED]
            changed += conclude(self._vault, changed, now)
            self._tell(NoticeKind.CHANGED, changed)
            self._tell_waiting(changed)
            may_claim = claim is not None and self._vault.roster.is_live(claim.worker_id, now)
            claimed = self._claim(claim, now) if claim is not None and may_claim else []
            self._tell_room(changed)
            return Settled(verdicts=verdicts, claimed=tuple(claimed))

    async def enqueue_within(self, jobs: Sequence[NewJob]) -> Conversation[list[Enqueued]]:  # noqa: ARG002 - as every store has it
        """Refuse: there are no transactions here."""
        raise StoreError(NO_TRANSACTIONS)

    def settle_within(self, transition: Transition) -> Conversation[Verdict]:  # noqa: ARG002 - as every store has it
        """Refuse: there are no transactions here."""
        raise StoreError(NO_TRANSACTIONS)

    async def report(self, reports: Sequence[Report]) -> list[bool]:
        """Store progress."""
        with self._vault.lock:
            stored = [self._report(report) for report in reports]
            self._tell(NoticeKind.CHANGED, [job for job in stored if job is not None])
        return [job is not None for job in stored]

    async def held(self, worker_id: str, engine: int | None = None) -> list[Job]:
        """Return the jobs that a worker, or one of its engines, holds."""
        with self._vault.lock:
            jobs = self._vault.ledger.held_by(worker_id)
        return [job for job in jobs if engine is None or job.engine == engine]

    async def expired(self, limit: int) -> list[Job]:
        """Return running jobs whose worker has no live lease."""
        with self._vault.lock:
            now, ledger, roster = self._clock(), self._vault.ledger, self._vault.roster
            dead = (worker_id for worker_id in ledger.holders() if not roster.is_live(worker_id, now))
            return list(islice((job for worker_id in dead for job in ledger.held_by(worker_id)), limit))

    async def promote(self, limit: int) -> Promotion:
        """Make waiting jobs that are due `queued`."""
        with self._vault.lock:
            now = self._clock()
            promoted = promote(self._vault, now, limit)
            self._tell(NoticeKind.CHANGED, [*promoted.jobs, *promoted.ended])
            self._tell_waiting([*promoted.jobs, *promoted.ended])
            self._tell_opened(promoted.opened)
            return Promotion(count=len(promoted.jobs), next_in=next_in(self._vault, now))

    async def prune(self, limit: int) -> int:
        """Delete final jobs past their keep time, and forget old workers."""
        with self._vault.lock:
            now, ledger = self._clock(), self._vault.ledger
            self._vault.roster.forget(now)
            self._vault.channels.forget(now)
            pruned = list(islice(self._prunable(now), limit))
            for job_id in pruned:
                ledger.delete(job_id)
                self._vault.following.forget(job_id)
                self._vault.slots.forget(job_id)
        return len(pruned)

    async def cancel(self, job_ids: Sequence[str], reason: str | None, *, force: bool = False) -> list[Job | None]:
        """Cancel jobs and return them as they are now."""
        with self._vault.lock:
            now = self._clock()
            asked = (cancel(self._vault, job_id, reason, now, force=force) for job_id in job_ids)
            changed = [job for job in asked if job is not None]
            changed += conclude(self._vault, changed, now)
            self._tell_cancelled(changed)
            self._tell_waiting(changed)
            return [self._vault.ledger.jobs.get(job_id) for job_id in job_ids]

    async def get(self, job_ids: Sequence[str]) -> list[Job | None]:
        """Return jobs by id."""
        with self._vault.lock:
            return [self._vault.ledger.jobs.get(job_id) for job_id in job_ids]

    async def find(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page:
        """List jobs, newest first."""
        before = _place(cursor)
        with self._vault.lock:
            stored = self._vault.ledger.newest_first(before)
            found = list(islice(((place, job) for place, job in stored if _matches(job, wanted)), limit + 1))
        page = found[:limit]
        return Page(jobs=tuple(job for _, job in page), next_cursor=_next_cursor(page, found))

    async def counts(self) -> list[Count]:
        """Count the stored jobs by queue, task and state."""
        with self._vault.lock:
            tallies = sorted(self._vault.ledger.tallies.items())
        return [Count(queue=queue, task=task, state=state, jobs=jobs) for (queue, task, state), jobs in tallies]

    async def parents(self, job_ids: Sequence[str]) -> list[tuple[str, ...]]:
        """Return whom jobs follow."""
        with self._vault.lock:
            return [self._vault.following.parents(job_id) for job_id in job_ids]

    async def flow(self, flow_id: str) -> Flow | None:
        """Return how a flow stands."""
        with self._vault.lock:
            return self._vault.ledger.flows.get(flow_id)

    async def flows(self, *, limit: int, cursor: str | None) -> FlowPage:
        """List flows, those begun last first."""
        before = _place(cursor)
        with self._vault.lock:
            found = list(islice(self._vault.ledger.flows.newest_first(before), limit + 1))
        page = found[:limit]
        return FlowPage(flows=tuple(flow for _, flow in page), next_cursor=_next_cursor(page, found))

    async def put_schedules(self, schedules: Sequence[NewSchedule]) -> list[Schedule]:
        """Store or edit schedules."""
        with self._vault.lock, self._vault.undo.all_or_none():
            return [self._vault.schedules.put(new, self._clock()) for new in schedules]

    async def schedules(self, *, limit: int, cursor: str | None) -> tuple[list[Schedule], str | None]:
        """List schedules by name."""
        if cursor is not None and NAME.fullmatch(cursor) is None:
            raise InvalidOption("cursor", cursor, NO_CURSOR)
        with self._vault.lock:
            listed = self._vault.schedules.by_name(cursor)
        page = listed[:limit]
        return page, page[-1].plan.name if page and len(listed) > limit else None

    async def get_schedules(self, names: Sequence[str]) -> list[Schedule | None]:
        """Return schedules by name."""
        with self._vault.lock:
            return [self._vault.schedules.get(name) for name in names]

    async def start_schedule(self, name: str, next_at: datetime, *, args: bytes | None = None) -> Schedule:
        """Make a schedule active."""
        with self._vault.lock:
            return self._vault.schedules.start(name, next_at, args, self._clock())

    async def stop_schedule(self, name: str, *, cancel_running: bool = False) -> Schedule:
        """Make a schedule inactive, and cancel its jobs."""
        with self._vault.lock:
            return self._stop_schedule(name, cancel_running=cancel_running)

    async def delete_schedules(self, names: Sequence[str]) -> None:
        """Stop and forget schedules."""
        with self._vault.lock:
            for name in names:
                if self._vault.schedules.get(name) is not None:
                    self._stop_schedule(name)
                    self._vault.schedules.forget(name)

    async def due(self, limit: int) -> Due:
        """Return the schedules that are due."""
        with self._vault.lock:
            return self._vault.schedules.due(self._clock(), limit)

    async def fire(self, ticks: Sequence[Tick]) -> list[Fired]:
        """Let schedules make their jobs."""
        with self._vault.lock:
            changed = list[Job]()
            fired = [fire(self._vault, tick, self._clock(), changed) for tick in ticks]
            self._tell_cancelled(changed)
            self._tell_waiting([*changed, *(one.job for tick in fired for one in tick.jobs if one.created)])
        return fired

    async def publish(self, messages: Sequence[NewMessage], jobs: Sequence[NewJob] = ()) -> list[Message]:
        """Store messages, and jobs with them, and tell listeners."""
        with self._vault.lock:
            self._enqueue(jobs)
            published = [self._vault.channels.publish(new, self._clock()) for new in messages]
            for channel in dict.fromkeys(message.channel for message in published):
                self._vault.ears.tell(Notice(kind=NoticeKind.PUBLISHED, channel=channel))
        return published

    async def messages(self, channels: Sequence[str], *, cursor: str | None, limit: int) -> Heard:
        """Return what came on channels behind a cursor."""
        behind = _place(cursor)
        with self._vault.lock:
            if behind is not None and self._vault.channels.is_behind(behind):
                raise InvalidOption("cursor", cursor, NO_CURSOR)
            return self._vault.channels.heard(channels, behind, limit, self._clock())

    async def subscriptions(self, channel: str | None = None) -> list[Subscription]:
        """Return the durable subscriptions."""
        with self._vault.lock:
            return self._vault.channels.subscriptions(channel)

    async def unsubscribe(self, channel: str, tasks: Sequence[str]) -> None:
        """Forget durable subscriptions."""
        with self._vault.lock:
            for task in tasks:
                self._vault.channels.unsubscribe(channel, task)

    async def attempts(self, job_id: str) -> list[Attempt]:
        """Return the attempts of a job that have ended."""
        with self._vault.lock:
            return list(self._vault.ledger.attempts.get(job_id, ()))

    async def workers(self) -> list[Worker]:
        """Return the workers that live or ended within the last day."""
        with self._vault.lock:
            ledger = self._vault.ledger
            running = {worker_id: len(ledger.held_by(worker_id)) for worker_id in ledger.holders()}
            return self._vault.roster.newest_first(running, self._clock())

    async def diagnose(self) -> list[Finding]:
        """Say what this store cannot promise."""
        remedy = "use a sqlite:/// URL where jobs must survive the program"
        return [Finding(level=Level.WARN, subject="durability", detail=CAPABILITIES.durability, remedy=remedy)]

    async def obstacles(self, job_id: str) -> Obstacles | None:
        """Return what holds a job back now."""
        with self._vault.lock:
            job = self._vault.ledger.jobs.get(job_id)
            return None if job is None else obstacles(self._vault, job, self._clock())

    async def declare(self, declaration: Declaration) -> None:
        """Note what code says of rules, schedules and subscriptions."""
        with self._vault.lock:
            now = self._clock()
            self._enforce(is_changed=self._vault.rules.declare(declaration.rules, now))
            for schedule in declaration.schedules:
                self._vault.schedules.declare(schedule, now)
            for subscription in declaration.subscriptions:
                self._vault.channels.subscribe(subscription)

    async def set_rules(self, rules: Sequence[Rule]) -> None:
        """Set rules by hand."""
        with self._vault.lock:
            self._enforce(is_changed=self._vault.rules.set(rules, self._clock()))

    async def reset_rules(self, names: Sequence[tuple[Scope, str]]) -> None:
        """Undo what was set by hand."""
        with self._vault.lock:
            self._enforce(is_changed=self._vault.rules.reset(names, self._clock()))

    async def rules(self) -> list[RuleState]:
        """Return the rules in force."""
        with self._vault.lock:
            return self._vault.rules.states()

    async def pause(self, queues: Sequence[str], by: str | None = None) -> None:
        """Let no job on these queues begin from now on."""
        with self._vault.lock:
            now, pauses = self._clock(), self._vault.rules.pauses
            for queue in queues:
                pauses.setdefault(queue, Pause(queue=queue, since=now, by=by))

    async def resume(self, queues: Sequence[str]) -> None:
        """Undo a pause."""
        with self._vault.lock:
            resumed = [queue for queue in queues if self._vault.rules.pauses.pop(queue, None)]
            self._tell_opened([of_queue(queue) for queue in resumed])

    async def pauses(self) -> list[Pause]:
        """Return the paused queues."""
        with self._vault.lock:
            return [pause for _, pause in sorted(self._vault.rules.pauses.items())]

    def listen(self, kinds: frozenset[NoticeKind]) -> AbstractAsyncContextManager[Listener]:
        """Open an ear for notices of these kinds."""
        return self._listen(kinds)

    @asynccontextmanager
    async def _listen(self, kinds: frozenset[NoticeKind]) -> AsyncIterator[Listener]:
        with self._vault.lock:
            ear = self._vault.ears.open(kinds)
        try:
            yield ear
        finally:
            with self._vault.lock:
                self._vault.ears.shut(ear)

    # What follows is called with the vault's lock held.

    def _enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        stored = store(self._vault, jobs, self._clock())
        self._tell_cancelled(stored.changed)
        self._tell_waiting([*stored.changed, *(one.job for one in stored.enqueued if one.created)])
        return stored.enqueued

    def _stop_schedule(self, name: str, *, cancel_running: bool = False) -> Schedule:
        schedule = self._vault.schedules.stop(name, self._clock())
        changed = clear(self._vault, name, self._clock(), running=cancel_running)
        self._tell_cancelled(changed)
        self._tell_waiting(changed)
        return schedule

    def _claim(self, request: ClaimRequest, now: datetime) -> list[Job]:
        claimed = claim(self._vault, request, now)
        self._tell(NoticeKind.CHANGED, [*claimed.jobs, *claimed.ended])
        self._tell_waiting(claimed.ended)
        self._tell_opened(claimed.opened)
        if claimed.is_shut_next:
            self._vault.ears.tell(Notice(kind=NoticeKind.SCHEDULED))
        return claimed.jobs

    def _settle(self, transition: Transition, now: datetime) -> Verdict:
        ledger = self._vault.ledger
        job = self._claimed_by(transition.job_id, transition.token)
        if job is None:
            return Verdict.STALE
        if job.cancel_requested_at is not None and not transition.state.is_final:
            return Verdict.CANCEL_REQUESTED
        ledger.attempts[job.id].append(changes.attempt_ended(job, transition, now))
        ledger.write(changes.settled(job, transition, now))
        return Verdict.APPLIED

    def _report(self, report: Report) -> Job | None:
        job = self._claimed_by(report.job_id, report.token)
        return None if job is None else self._vault.ledger.write(replace(job, progress=report.progress))

    def _claimed_by(self, job_id: str, token: int) -> Job | None:
        """Return the job if it runs under this token, the newest claim's."""
        job = self._vault.ledger.jobs.get(job_id)
        return job if job is not None and job.state is JobState.RUNNING and job.token == token else None

    def _prunable(self, now: datetime) -> Iterator[str]:
        """Yield final jobs past their keep time, putting those off that others still follow."""
        ledger = self._vault.ledger
        while due := take_due(ledger.expiring, now, 1):
            if self._vault.following.is_followed(due[0]):
                ledger.put_off(due[0], later(now, FOLLOWED))
            else:
                yield due[0]

    def _tell_cancelled(self, changed: Sequence[Job]) -> None:
        self._tell(NoticeKind.CHANGED, changed)
        self._tell(NoticeKind.CANCEL, [job for job in changed if job.state is JobState.RUNNING])

    def _enforce(self, *, is_changed: bool) -> None:
        """Where what holds has changed, let the next claim look at everybody again, and tell of it."""
        if is_changed:
            self._vault.ledger.lanes.reopen_all()
            self._vault.ears.tell(Notice(kind=NoticeKind.QUEUED))
            self._vault.ears.tell(Notice(kind=NoticeKind.SCHEDULED))

    def _tell_room(self, ended: Sequence[Job]) -> None:
        """Tell where jobs can be claimed because others run no more."""
        rules = self._vault.rules
        if rules:
            full = dict.fromkeys(subject for job in ended for subject in of_job(job) if rules.is_limited(subject))
            self._tell_opened([subject for subject in full if not rules.is_full(subject)])

    def _tell_opened(self, subjects: Sequence[Subject]) -> None:
        """Tell on which queues jobs stand that a rule held back and may not hold back any more."""
        for queue in dict.fromkeys(queue for one in subjects for queue in self._vault.ledger.lanes.behind(one)):
            self._vault.ears.tell(Notice(kind=NoticeKind.QUEUED, queue=queue))

    def _tell(self, kind: NoticeKind, jobs: Sequence[Job]) -> None:
        if jobs:
            self._vault.ears.tell(Notice(kind=kind, job_ids=tuple(job.id for job in jobs)))

    def _tell_waiting(self, jobs: Sequence[Job]) -> None:
        """Tell which queues have something to claim, and whether a new time is waited for."""
        for queue in dict.fromkeys(job.queue for job in jobs if job.state is JobState.QUEUED):
            self._vault.ears.tell(Notice(kind=NoticeKind.QUEUED, queue=queue))
        if any(job.state in WAITING_FOR_A_TIME or job.policy.expires is not None for job in jobs):
            self._vault.ears.tell(Notice(kind=NoticeKind.SCHEDULED))


def _place(cursor: str | None) -> int | None:
    if cursor is not None and CURSOR.fullmatch(cursor) is None:
        raise InvalidOption("cursor", cursor, NO_CURSOR)
    return None if cursor is None else int(cursor)


def _next_cursor(page: Sequence[tuple[int, object]], found: Sequence[tuple[int, object]]) -> str | None:
    return str(page[-1][0]) if page and len(found) > len(page) else None


def _matches(job: Job, wanted: JobFilter) -> bool:
    return (
        (not wanted.states or job.state in wanted.states)
        and (not wanted.tasks or job.task in wanted.tasks)
        and (not wanted.queues or job.queue in wanted.queues)
        and (not wanted.flows or (job.ties is not None and job.ties.flow in wanted.flows))
        and (not wanted.schedules or (job.ties is not None and job.ties.schedule in wanted.schedules))
        and (wanted.created_after is None or job.created_at > wanted.created_after)
        and (wanted.created_before is None or job.created_at < wanted.created_before)
    )
