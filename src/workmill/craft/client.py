"""The caller's side: store jobs, find them again, and follow them to their end."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from workmill.craft.connections import AwaitedConnection, BlockingConnection, connection_of
from workmill.craft.joining import check_joined
from workmill.craft.retrying import retry_of
from workmill.craft.unique import answered
from workmill.craft.watch import Watch
from workmill.store import Enqueued
from workmill.words.conversation import Conversation
from workmill.words.emit import Emit, JobsEnqueued
from workmill.words.errors import InvalidOption, JobConflict, JobNotFound, QueueFull
from workmill.words.job import Attempt, Job, JobState, NewJob
from workmill.words.names import canonical_id
from workmill.words.ties import Feed

if TYPE_CHECKING:
    from workmill.craft.why import Why
    from workmill.store import Store
    from workmill.store.direct import Direct

T = TypeVar("T")
POLL_SECONDS = 1.0
"""How often a waiting call looks by itself, in case a notice was lost."""
SHORTEST_BREATH, LONGEST_BREATH = 0.01, 0.16
"""How long whoever waits for room in a queue leaves a busy store alone between two tries: longer each time."""
ANSWER_SECONDS = 60.0
"""How much longer than a wait its answer may take."""
REASON_CHARACTERS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open store and the process's watches on its jobs and its channels; all belong to the loop that opened them."""

    store: Store
    watch: Watch
    channels: Watch


class Access(Protocol):
    """The way to the session from any thread and any event loop; the hall provides it."""

    def run(self, work: Callable[[Session], Awaitable[T]], *, timeout: float | None = ...) -> T:
        """Do the work where the session lives and block until it is done.

        Raises:
            StoreUnavailable: It was not done within `timeout` seconds (None: a bound of the implementation's own).
        """

    async def arun(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do the work where the session lives, without blocking the caller's loop."""

    def direct(self) -> Direct | None:
        """Return the store where it is open and this thread may use it without its loop."""


class Client:
    """Verbs of a caller, each one a coroutine over a session. Task and handle offer them in both colours."""

    def __init__(self, access: Access, emit: Emit) -> None:
        self.access = access
        self._emit = emit
        self.after_enqueue: Callable[[], Awaitable[None]] | None = None
        """Awaited after each enqueue, where the session lives: how a test runs jobs at once."""

    @property
    def longest_enqueue(self) -> float | None:
        """How long to wait for an enqueue: where jobs run at once, it takes as long as they do."""
        return None if self.after_enqueue is None else math.inf

    def enqueue_from_here(
        self, jobs: Sequence[NewJob], connection: object | None = None, *, wait: timedelta | None = None
    ) -> list[Enqueued]:
        """Store jobs, all or none: at once, or in the transaction of a connection of the caller's.

        In the latter case nothing is committed here, so nobody is told of it, and no job is run at once.

        Args:
            jobs: The jobs, in their order.
            connection: The caller's.
            wait: How long to wait for room in a queue that is full.

        Raises:
            InvalidOption: The connection is none that the store could join, or it is to be awaited.
            JobConflict: As for `enqueue`.
            StoreUnavailable: Unknown whether they were stored.
        """
        if connection is not None:
            return self._enqueue_on(connection, jobs)
        if wait is None:
            stored = self._enqueue_directly(jobs)
            if stored is not None:
                return stored
            return self.access.run(lambda session: self.enqueue(session, jobs), timeout=self.longest_enqueue)
        seconds = wait.total_seconds()
        longest = self.longest_enqueue or min(seconds + ANSWER_SECONDS, threading.TIMEOUT_MAX)
        return self.access.run(lambda session: self._enqueue_patiently(session, jobs, seconds), timeout=longest)

    async def aenqueue_from_here(
        self, jobs: Sequence[NewJob], connection: object | None = None, *, wait: timedelta | None = None
    ) -> list[Enqueued]:
        """Do as `enqueue_from_here` does, awaited; a connection that blocks is taken too, and blocks."""
        if connection is None and wait is None:
            return await self.access.arun(lambda session: self.enqueue(session, jobs))
        if connection is None:
            seconds = 0.0 if wait is None else wait.total_seconds()
            return await self.access.arun(lambda session: self._enqueue_patiently(session, jobs, seconds))
        ours = connection_of(connection)
        conversation = await self.access.arun(_preparing(jobs, ours.kind, connection))
        return await ours.hold(conversation) if isinstance(ours, AwaitedConnection) else ours.hold(conversation)

    async def enqueue(self, session: Session, jobs: Sequence[NewJob]) -> list[Enqueued]:
        """Store jobs, all or none.

        Raises:
            JobConflict: A key is in use for a call with other arguments.
            ParentNotFound: A job follows one that is not stored.
            QueueFull: A queue may hold no more.
            UniqueConflict: There is a job already that one of them may not stand beside.
        """
        stored = await session.store.enqueue(jobs)
        self._tell(stored)
        if self.after_enqueue is None:
            return stored
        await self.after_enqueue()
        now = await session.store.get([entry.job.id for entry in stored])
        return [replace(entry, job=job or entry.job) for entry, job in zip(stored, now, strict=True)]

    def _enqueue_directly(self, jobs: Sequence[NewJob]) -> list[Enqueued] | None:
        direct = self.access.direct() if self.after_enqueue is None else None
        stored = None if direct is None else direct.enqueue_blocking(jobs)
        if stored is not None:
            self._tell(stored)
        return stored

    async def _enqueue_patiently(self, session: Session, jobs: Sequence[NewJob], seconds: float) -> list[Enqueued]:
        """Do as `enqueue`, and again whenever there may be room, until the time is up."""
        ends_at = time.monotonic() + seconds
        with suppress(QueueFull):
            return await self.enqueue(session, jobs)
        breath = SHORTEST_BREATH
        async with session.watch.subscribe(None) as subscription:
            while (remaining := ends_at - time.monotonic()) > 0:
                with suppress(QueueFull):
                    return await self.enqueue(session, jobs)
                await asyncio.sleep(min(remaining, breath))
                breath = min(2 * breath, LONGEST_BREATH)
                await subscription.next(min(max(ends_at - time.monotonic(), 0.0), POLL_SECONDS))
        return await self.enqueue(session, jobs)

    async def get(self, session: Session, job_id: str) -> Job:
        """Return a job as it is now.

        Raises:
            JobNotFound: There is none of this id, or it is not an id.
        """
        canonical = canonical_id(job_id)
        found = [None] if canonical is None else await session.store.get([canonical])
        if found[0] is None:
            raise JobNotFound(job_id)
        return found[0]

    async def follow(self, session: Session, job_id: str, *, seconds: float, since: int | None) -> Job:
        """Return a job when it is final, or (with `since`) its version differs, or `seconds` have passed.

        Raises:
            JobNotFound: It is not stored, or no longer.
        """
        job = await self.get(session, job_id)
        ends_at = time.monotonic() + seconds
        if seconds <= 0 or _is_awaited(job, since):
            return job
        async with session.watch.subscribe(job.id) as subscription:
            while True:
                job = await self.get(session, job_id)
                remaining = ends_at - time.monotonic()
                if _is_awaited(job, since) or remaining <= 0:
                    return job
                await subscription.next(min(remaining, POLL_SECONDS))

    async def cancel(self, session: Session, job_id: str, reason: str | None, *, force: bool = False) -> Job:
        """Cancel a job, or request it of the worker that runs it; with `force`, to end it without asking.

        Raises:
            InvalidOption: The reason is no text, or too long.
            JobNotFound: It is not stored.
            JobConflict: It ended otherwise.
        """
        check_reason(reason)
        job = await self.get(session, job_id)
        after = (await session.store.cancel([job.id], reason, force=force))[0]
        if after is None:
            raise JobNotFound(job_id)
        if after.state.is_final and after.state is not JobState.CANCELLED:
            raise JobConflict(after.id, f"it has {after.state} already and cannot be cancelled")
        return after

    async def retry(
        self,
        session: Session,
        job_id: str,
        args: bytes | None,
        key: str | None,
        ruled: Callable[[NewJob], NewJob] | None = None,
    ) -> Enqueued:
        """Store a new job that repeats one; `ruled` adds what its task's rules say of its arguments.

        Raises:
            InvalidArguments: A rule's key cannot be made of the arguments.
            JobNotFound: It is not stored.
            JobConflict: It has not ended, or the key names a job that does not repeat it with these arguments.
            UniqueConflict: There is a job already that the new one may not stand beside.
        """
        job = await self.get(session, job_id)
        is_step = job.ties is not None and job.ties.feed is not Feed.NOTHING and args is None
        parents = (await session.store.parents([job.id]))[0] if is_step else ()
        new = retry_of(job, args, key, parents)
        stored = (await self.enqueue(session, [new if ruled is None else answered(ruled(new))]))[0]
        if key is not None and stored.job.key == key and stored.job.retry_of != job.id:
            raise JobConflict(stored.job.id, f"has the key {key!r} and does not repeat job {job.id}; choose another")
        return stored

    async def attempts(self, session: Session, job_id: str) -> list[Attempt]:
        """Return the attempts of a job that have ended.

        Raises:
            JobNotFound: It is not stored.
        """
        job = await self.get(session, job_id)
        return await session.store.attempts(job.id)

    async def why(self, session: Session, job_id: str) -> Why:
        """Return why a job does not run.

        Raises:
            JobNotFound: It is not stored.
        """
        job = await self.get(session, job_id)
        obstacles = await session.store.obstacles(job.id)
        if obstacles is None:
            raise JobNotFound(job_id)
        from workmill.craft.why import why  # noqa: PLC0415 - loaded by who asks

        return why(job, obstacles, await session.store.workers())

    def _enqueue_on(self, connection: object, jobs: Sequence[NewJob]) -> list[Enqueued]:
        ours = connection_of(connection)
        if not isinstance(ours, BlockingConnection):
            remedy = "it is awaited: call the twin, as in `await task.using(connection=...).aenqueue(...)`"
            raise InvalidOption("connection", type(connection), remedy)
        return ours.hold(self.access.run(_preparing(jobs, ours.kind, connection)))

    def _tell(self, stored: Sequence[Enqueued]) -> None:
        groups: dict[tuple[str, str], list[str]] = {}
        for entry in stored:
            if entry.created:
                groups.setdefault((entry.job.task, entry.job.queue), []).append(entry.job.id)
        for (task, queue), ids in groups.items():
            self._emit(JobsEnqueued(job_ids=tuple(ids), task=task, queue=queue))


def _preparing(
    jobs: Sequence[NewJob], kind: str, connection: object
) -> Callable[[Session], Awaitable[Conversation[list[Enqueued]]]]:
    async def prepare(session: Session) -> Conversation[list[Enqueued]]:
        check_joined(session.store.capabilities, kind, connection)
        return await session.store.enqueue_within(jobs)

    return prepare


def check_reason(reason: str | None) -> None:
    """Refuse what cannot be the reason of a cancel.

    Raises:
        InvalidOption: It is no text, has more than 1,000 characters, or some that cannot be stored.
    """
    if reason is None:
        return
    if not isinstance(reason, str) or len(reason) > REASON_CHARACTERS or not is_storable(reason):
        raise InvalidOption("reason", reason, f"give up to {REASON_CHARACTERS:,} characters of text")


def is_storable(text: str) -> bool:
    """Whether every store can hold a text: no NUL is in it, and no half of a character."""
    return "\0" not in text and text == text.encode(errors="replace").decode()


def _is_awaited(job: Job, since: int | None) -> bool:
    return job.state.is_final or (since is not None and job.version != since)
