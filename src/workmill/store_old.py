"""The contract: what every store does, in verbs over batches and frozen records.

Each docstring here is the specification that `workmill.testing.conformance` tests in every room. Common to all verbs:

- A verb is one transaction: it takes effect whole or not at all, and returning means committed and durable as the
  store's `durability` capability says. `StoreUnavailable` means *unknown*: every verb is safe to repeat.
- Time is the store's own clock. Callers send lengths of time, never moments, except `NewJob.run_at`. What would lie
  beyond the calendar's end is kept as the last moment there is.
- A write about a claim carries the claim's token and changes nothing unless that claim is the newest.
- A row that cannot be read never fails a batch: `claim`, `held` and `expired` settle it as `failed` with a failure of
  kind `unreadable`, and the reading verbs leave it out.
- Answers come in the order of what was asked.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from workmill.words.conversation import Conversation
from workmill.words.job import Attempt, Job, JobState, NewJob, Progress
from workmill.words.order import Order
from workmill.words.transition import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a store can do beyond the contract, and what its "committed" survives.

    Attributes:
        crosses_processes: Several processes may share it.
        durability: One sentence: what a returned enqueue survives.
        joins: The kinds of connections whose transactions it can join, `postgresql`, `sqlite3` or `apsw`; empty where
            `enqueue_within` and `settle_within` raise `StoreError`.
    """

    name: str
    crosses_processes: bool
    durability: str
    joins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """A stored job; not `created` when an earlier one with the same id or key is returned instead."""

    job: Job
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorker:
    """A worker that asks for a lease of `lease` length. Its id is random for every start, never reused.

    Attributes:
        queues: The queues it takes, or None for all.
        tasks: The tasks it knows.
    """

    id: str
    name: str
    host: str
    pid: int
    queues: tuple[str, ...] | None
    tasks: tuple[str, ...]
    concurrency: int
    lease: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker as the store knows it. It is live until `lease_ends_at`; only a live worker leads."""

    id: str
    name: str
    host: str
    pid: int
    queues: tuple[str, ...] | None
    tasks: tuple[str, ...]
    concurrency: int
    running: int
    is_live: bool
    is_leader: bool
    order: Order
    started_at: datetime
    lease_ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The answer to a renewal: whether the lease lives on, whether this worker leads, and its orders."""

    is_live: bool
    is_leader: bool
    order: Order = Order.WORK


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """Up to `limit` jobs, for one engine of a worker, of tasks it knows on queues it takes (None for all)."""

    worker_id: str
    engine: int
    queues: tuple[str, ...] | None
    tasks: tuple[str, ...]
    limit: int


class Verdict(StrEnum):
    """What the store did with one transition."""

    APPLIED = "applied"
    STALE = "stale"
    """The claim is not the newest, or its attempt has ended: nothing was changed."""
    CANCEL_REQUESTED = "cancel_requested"
    """The transition would run the job again but its cancel was requested: nothing was changed, decide again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """One verdict for each transition, and the jobs claimed in the same transaction."""

    verdicts: tuple[Verdict, ...]
    claimed: tuple[Job, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The newest progress of one claim."""

    job_id: str
    token: int
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """How many jobs became queued, and how long until the next is due (zero: now; None: none is waiting for a time)."""

    count: int
    next_in: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list: those that match every field given. An empty tuple asks for nothing in particular.

    A job created at the very moment `created_after` or `created_before` names matches neither.
    """

    states: tuple[JobState, ...] = ()
    tasks: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Jobs, newest first, and where the next page begins (None: this was the last)."""

    jobs: tuple[Job, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many stored jobs of one task on one queue are in one state."""

    queue: str
    task: str
    state: JobState
    jobs: int


class Level(StrEnum):
    """How a finding of `diagnose` bears on the promises."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: what it is, how it stands, and what to do about it."""

    level: Level
    subject: str
    detail: str
    remedy: str = ""


class NoticeKind(StrEnum):
    """What a listener may be told. A notice is a hint: it may be lost, late or needless, never the only word."""

    QUEUED = "queued"
    """A job on `queue` can be claimed."""
    SCHEDULED = "scheduled"
    """A job was given a time to wait for."""
    CANCEL = "cancel"
    """The cancel of the running jobs `job_ids` was requested."""
    CHANGED = "changed"
    """The jobs `job_ids` changed: state or progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One hint. An empty `queue` or empty `job_ids` stands for any."""

    kind: NoticeKind
    queue: str = ""
    job_ids: tuple[str, ...] = ()


class Listener(Protocol):
    """One ear at the store, open between entering and leaving `Store.listen`."""

    async def next(self, timeout: float) -> list[Notice]:
        """Wait up to `timeout` seconds and return the notices that have come, oldest first; empty when none has.

        Notices that arrive between two calls are kept for the next, up to a bound; beyond it they are folded into one
        that stands for any.
        """


class Store(Protocol):
    """One store. It belongs to the event loop that opened it."""

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do."""

    async def open(self) -> None:
        """Make the store ready, creating or migrating its schema. Safe to race with other processes.

        Raises:
            SchemaMismatch: A newer version wrote it.
            StoreUnavailable: It cannot be reached.
        """

    async def close(self) -> None:
        """Let go of everything; verbs under way finish first. Safe to repeat."""

    async def now(self) -> datetime:
        """Return the store's present moment. Also the cheapest proof that the store answers."""

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        """Store new jobs, all or none.

        A job with a `delay` above zero or a `run_at` to come begins as `scheduled`, any other as `queued`; a `run_at`
        that is past is kept on the job. One whose id is stored already, or whose key is stored for its task with the
        same arguments (byte for byte), returns the stored job, unchanged. Keys hold as long as the job they name is
        kept, and also within the batch.

        Raises:
            JobConflict: A key is stored for this task with other arguments; the error bears the stored job's id, or the
                earlier one's within the batch.
        """

    async def register(self, worker: NewWorker) -> None:
        """Give a worker its lease.

        Repeating it for a live worker renews the lease and notes the tasks and the concurrency it now has; repeating
        it for one whose lease has ended changes nothing.
        """

    async def renew(self, worker_id: str) -> Renewal:
        """Prolong a live lease by its length from now, and elect a leader among those that renew.

        A lease that has ended stays ended: it can only be replaced by a new worker's. At most one live worker leads at
        any time; when the leader's lease ends or it leaves, the next renewal of another takes over.
        """

    async def leave(self, worker_id: str) -> None:
        """End a worker's lease now. Jobs it still holds are `expired` at once. Unknown workers are no error."""

    async def order(self, worker_ids: Sequence[str], order: Order) -> list[bool]:
        """Give workers an order, which their next renewals answer; say of each whether it is live.

        One that was told to stop keeps that order.
        """

    async def claim(self, request: ClaimRequest) -> list[Job]:
        """Take jobs under the worker's lease: `running`, with `attempt` and `token` one higher.

        Only `queued` jobs of the named tasks and queues are taken: over all of them the highest priority first and,
        among equals, the oldest first by the order in which they were stored. No job is given to two claims. Jobs of
        other tasks neither are taken nor slow the claim.

        Raises:
            LeaseLost: The worker has no live lease; nothing was claimed.
        """

    async def settle(self, transitions: Sequence[Transition], claim: ClaimRequest | None = None) -> Settled:
        """End attempts, the only way an attempt ends, and claim more in the same transaction.

        A transition is applied if its job is `running` under its token, else it is `stale`. One that would run the job
        again is not applied while a cancel is requested. An applied one writes state, `attempt`, `deaths`, result or
        failure; keeps an `Attempt` of it; sets `run_at` to now plus `delay` (`retrying`, `scheduled`), or `finished_at`
        and `expires_at` (final states). A job that goes back to `queued` keeps its place in the order. `failure` stays
        on the job until a later attempt ends with another, or with success, which removes it. Progress stays.

        A claim that the lease no longer allows claims nothing; the transitions are settled all the same.
        """

    async def report(self, reports: Sequence[Report]) -> list[bool]:
        """Store progress, fenced by token like a settle; the answer says which were stored."""

    async def enqueue_within(self, jobs: Sequence[NewJob]) -> Conversation[list[Enqueued]]:
        """Prepare what stores new jobs in a transaction of the caller's; by itself it stores nothing.

        Held on a connection to this database, the conversation does as `enqueue` does, with its answers and errors, but
        the jobs come and go with the caller's transaction: it sees them at once, others from its commit on, nobody
        after its rollback. However late it commits, they are neither skipped nor given twice. Their place in the order
        is that of the storing, only that what anybody stored between the first write of such a transaction and its end
        may come in another order; the jobs that one transaction stored for one task and queue keep theirs. Listeners
        are told after the commit, as far as the store learns of it.

        Raises:
            StoreError: The store joins no transactions. Of the conversation, also: the connection is to another
                database.
        """

    def settle_within(self, transition: Transition) -> Conversation[Verdict]:
        """Prepare what ends one attempt in a transaction of the caller's; by itself it ends nothing.

        Held on a connection to this database, the conversation does as `settle` does, but for one thing: it is `stale`
        also where the claiming worker's lease has ended. Else the claim is locked until the transaction ends, so that
        whoever would take the job meanwhile waits; a transaction that then stays idle for longer than the lease is
        ended by the store, as far as it can. May be called from any thread.

        Raises:
            StoreError: The store joins no transactions. Of the conversation, also: the connection is to another
                database.
        """

    async def held(self, worker_id: str, engine: int | None = None) -> list[Job]:
        """Return the jobs that a worker, or one of its engines, holds."""

    async def expired(self, limit: int) -> list[Job]:
        """Return up to `limit` running jobs whose worker has no live lease."""

    async def promote(self, limit: int) -> Promotion:
        """Make up to `limit` `scheduled` and `retrying` jobs that are due `queued`, those longest due first.

        A promoted job keeps the place in the order that it had when it was stored.
        """

    async def prune(self, limit: int) -> int:
        """Delete up to `limit` final jobs that have reached `expires_at`, and return how many.

        It forgets workers whose lease ended a day ago, too.
        """

    async def cancel(self, job_ids: Sequence[str], reason: str | None, *, force: bool = False) -> list[Job | None]:
        """Cancel jobs and return them as they are now (None: no such job). Safe to repeat.

        One that is not running becomes `cancelled` at once. A running one keeps running, and its worker is told: to ask
        it to end, or, with `force`, to end it. Either gets `cancel_requested_at`, the reason and `cancel_forced`; to
        repeat it changes nothing, not the reason either, but that a running job's request becomes forced. A final one
        is returned unchanged.
        """

    async def get(self, job_ids: Sequence[str]) -> list[Job | None]:
        """Return jobs by id; None for each that is not stored."""

    async def find(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page:
        """List jobs, newest first, from where `cursor` (a `Page.next_cursor`) points.

        A job stored while the pages are read never makes one repeat or go missing.

        Raises:
            InvalidOption: The cursor is none of this store's.
        """

    async def counts(self) -> list[Count]:
        """Count the stored jobs by queue, task and state, leaving out zeros, at a cost independent of their number."""

    async def attempts(self, job_id: str) -> list[Attempt]:
        """Return the attempts of a job that have ended, oldest first."""

    async def workers(self) -> list[Worker]:
        """Return the workers that live or ended within the last day, newest first."""

    async def diagnose(self) -> list[Finding]:
        """Look at the store's own health: version, settings, durability, room left, clock."""

    def listen(self, kinds: frozenset[NoticeKind]) -> AbstractAsyncContextManager[Listener]:
        """Open an ear for notices of these kinds, from this process and, where the store crosses them, from others.

        Whatever is committed after entering is noticed, unless the notice is lost: poll as well. What the listener is
        bound to is checked while it is open and made again when it is gone.
        """
