"""A job in the caller's hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from workmill.craft.client import ANSWER_SECONDS, Client, Session
from workmill.craft.document import job_document
from workmill.craft.following import checked_followers, following
from workmill.craft.retrying import checked_arguments
from workmill.craft.signature import Signature
from workmill.store import Enqueued
from workmill.words.codec import Json, load
from workmill.words.errors import InvalidOption, JobCancelled, JobFailed, WaitTimeout
from workmill.words.job import Attempt, Job, JobState, NewJob
from workmill.words.names import check_key
from workmill.words.ties import After, Needs

if TYPE_CHECKING:
    from workmill.craft.why import Why

R = TypeVar("R")
LONG_WAIT_SECONDS = 3600.0
"""A longer wait is made of waits of this length."""


class JobHandle(Generic[R]):
    """One job: the record as it was last read, and the calls that read, await, cancel or repeat it.

    Every method that asks the store blocks; its twin with an `a` before the name is awaited instead. All of them raise
    `JobNotFound` once the job's keep time is over, and `StoreUnavailable` where the store does not answer.
    """

    __slots__ = ("_client", "_ruled", "_signature", "created", "record")

    def __init__(
        self,
        client: Client,
        record: Job,
        signature: Signature | None,
        *,
        created: bool = False,
        ruled: Callable[[NewJob], NewJob] | None = None,
    ) -> None:
        self._client = client
        self._ruled = ruled
        self._signature = signature  # None: of a task that is not registered here, so that its values are plain JSON.
        self.record = record
        self.created = created
        """Whether this enqueue stored the job; not so when an earlier one with the same key came back."""

    def __repr__(self) -> str:
        return f"<JobHandle {self.id} {self.record.task} {self.state}>"

    @property
    def id(self) -> str:
        """The job's id, a UUID."""
        return self.record.id

    @property
    def state(self) -> JobState:
        """The state when the record was last read."""
        return self.record.state

    @property
    def done(self) -> bool:
        """Whether that state is final."""
        return self.record.state.is_final

    def document(self) -> dict[str, Json]:
        """Return the record as the JSON document that HTTP and the command line show."""
        return job_document(self.record)

    def refresh(self, wait: float = 0.0, *, since: int | None = None) -> JobHandle[R]:
        """Read the record again and return this handle.

        Args:
            wait: Seconds to wait for the job to end before reading.
            since: With it, the wait also ends when the record's `version` is not this one.

        Raises:
            InvalidOption: `wait` is negative or no number.
        """
        follow = self._follow(wait, since)
        self.record = self._client.access.run(follow, timeout=min(wait + ANSWER_SECONDS, threading.TIMEOUT_MAX))
        return self

    async def arefresh(self, wait: float = 0.0, *, since: int | None = None) -> JobHandle[R]:
        """Do as `refresh` does, awaited."""
        self.record = await self._client.access.arun(self._follow(wait, since))
        return self

    def result(self, timeout: float | None = None) -> R:
        """Wait for the job and return its result, as the task's return type where the task is known here.

        Args:
            timeout: Seconds to wait at most; None waits as long as it takes.

        Raises:
            JobFailed: It failed; the error has the failure with its traceback.
            JobCancelled: It was cancelled.
            WaitTimeout: It is not done in time; it goes on.
            TaskError: The stored result is not what the return type says now.
        """
        ends_at = None if timeout is None else time.monotonic() + timeout
        while True:
            self.refresh(_next_wait(ends_at))
            if self.done or _is_over(ends_at):
                return self.outcome(timeout or 0.0)

    async def aresult(self, timeout: float | None = None) -> R:
        """Do as `result` does, awaited."""
        ends_at = None if timeout is None else time.monotonic() + timeout
        while True:
            await self.arefresh(_next_wait(ends_at))
            if self.done or _is_over(ends_at):
                return self.outcome(timeout or 0.0)

    def cancel(self, reason: str | None = None, *, force: bool = False) -> JobHandle[R]:
        """Cancel the job. One that has not started ends at once; a running one is asked, see `record`.

        Safe to repeat.

        Args:
            reason: Why; it is kept with the job.
            force: Do not ask a running job, but end it. Said again with it, an earlier request becomes forced.

        Raises:
            JobConflict: It ended otherwise.
        """
        self.record = self._client.access.run(self._cancel(reason, force=force))
        return self

    async def acancel(self, reason: str | None = None, *, force: bool = False) -> JobHandle[R]:
        """Do as `cancel` does, awaited."""
        self.record = await self._client.access.arun(self._cancel(reason, force=force))
        return self

    def retry(self, *, arguments: Mapping[str, Json] | None = None, key: str | None = None) -> JobHandle[R]:
        """Run a job that has ended again: as a new job, of the same task, queue, priority and rules.

        It is counted from zero, and its `record.retry_of` names this one, which stays as it is.

        Args:
            arguments: What it is called with, by name, as JSON values; without them, what this job was called with.
            key: An idempotency key: to retry again with it gives the same new job.

        Raises:
            InvalidArguments: The arguments do not match the type hints; nothing was stored.
            JobConflict: The job has not ended, or the key is in use for another call; nothing was stored.
            StoreUnavailable: Unknown whether it was stored; repeat it with a key to be sure of one job.
        """
        return self._handle(self._client.access.run(self._retry(arguments, key), timeout=self._client.longest_enqueue))

    async def aretry(self, *, arguments: Mapping[str, Json] | None = None, key: str | None = None) -> JobHandle[R]:
        """Do as `retry` does, awaited."""
        return self._handle(await self._client.access.arun(self._retry(arguments, key)))

    def then(self, step: NewJob) -> JobHandle[Json]:
        """Store a job that runs when this one has succeeded; a step gets the result as its first argument.

        This one may have ended already. The handle's result is plain JSON.

        Raises:
            InvalidOption: It is no job, or follows another already.
            ParentNotFound: This job is not stored any more.
        """
        return self._follower(self._client.access.run(self._follow_by("then", step), timeout=self._longest))

    async def athen(self, step: NewJob) -> JobHandle[Json]:
        """Do as `then` does, awaited."""
        return self._follower(await self._client.access.arun(self._follow_by("then", step)))

    def on_error(self, step: NewJob) -> JobHandle[Json]:
        """Store a job that runs when this one has failed for good; a step gets this one's id as its first argument.

        Where this one does not fail, that one is cancelled: it is not needed.

        Raises:
            InvalidOption: It is no job, or follows another already.
            ParentNotFound: This job is not stored any more.
        """
        return self._follower(self._client.access.run(self._follow_by("on_error", step), timeout=self._longest))

    async def aon_error(self, step: NewJob) -> JobHandle[Json]:
        """Do as `on_error` does, awaited."""
        return self._follower(await self._client.access.arun(self._follow_by("on_error", step)))

    def why(self) -> Why:
        """Return why the job is not running, or that it is: one reason, the most decisive, and a sentence about it."""
        return self._client.access.run(lambda session: self._client.why(session, self.id))

    async def awhy(self) -> Why:
        """Do as `why` does, awaited."""
        return await self._client.access.arun(lambda session: self._client.why(session, self.id))

    def attempts(self) -> list[Attempt]:
        """Return the attempts that have ended, oldest first, each with its failure and traceback."""
        return self._client.access.run(lambda session: self._client.attempts(session, self.id))

    async def aattempts(self) -> list[Attempt]:
        """Do as `attempts` does, awaited."""
        return await self._client.access.arun(lambda session: self._client.attempts(session, self.id))

    def _follow(self, wait: float, since: int | None) -> Callable[[Session], Awaitable[Job]]:
        if not wait >= 0:  # NaN is not, either.
            raise InvalidOption("wait", wait, "give 0 seconds or more")
        return lambda session: self._client.follow(session, self.id, seconds=wait, since=since)

    def _cancel(self, reason: str | None, *, force: bool) -> Callable[[Session], Awaitable[Job]]:
        return lambda session: self._client.cancel(session, self.id, reason, force=force)

    def _retry(self, arguments: Mapping[str, Json] | None, key: str | None) -> Callable[[Session], Awaitable[Enqueued]]:
        args = None if arguments is None else checked_arguments(self.record.task, arguments, self._signature)
        named = None if key is None else check_key(key)
        return lambda session: self._client.retry(session, self.id, args, named, self._ruled)

    def _follow_by(self, option: str, step: NewJob) -> Callable[[Session], Awaitable[list[Enqueued]]]:
        needs = Needs.SUCCESS if option == "then" else Needs.FAILURE
        new = following(checked_followers(option, (step,))[0], After(jobs=(self.id,), needs=needs))
        return lambda session: self._client.enqueue(session, [new])

    @property
    def _longest(self) -> float | None:
        return self._client.longest_enqueue

    def _follower(self, stored: list[Enqueued]) -> JobHandle[Json]:
        return JobHandle(self._client, stored[0].job, None, created=stored[0].created)

    def _handle(self, stored: Enqueued) -> JobHandle[R]:
        return JobHandle(self._client, stored.job, self._signature, created=stored.created, ruled=self._ruled)

    def outcome(self, waited: float = 0.0) -> R:
        """Return the result as the record has it that was last read; `waited` is said where it has not ended.

        Raises:
            JobFailed, JobCancelled, WaitTimeout, TaskError: As for `result`.
        """
        match self.record.state:
            case JobState.SUCCEEDED:
                text = self.record.result or b"null"
                result: R = load(text) if self._signature is None else self._signature.load_result(text)
                return result
            case JobState.FAILED:
                raise JobFailed(self.id, self.record.failure)
            case JobState.CANCELLED:
                raise JobCancelled(self.id, self.record.cancel_reason)
            case _:
                raise WaitTimeout(self.id, self.record.state, waited)


def _next_wait(ends_at: float | None) -> float:
    return LONG_WAIT_SECONDS if ends_at is None else min(max(0.0, ends_at - time.monotonic()), LONG_WAIT_SECONDS)


def _is_over(ends_at: float | None) -> bool:
    return ends_at is not None and time.monotonic() >= ends_at
