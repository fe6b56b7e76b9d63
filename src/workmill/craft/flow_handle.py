"""A flow in the caller's hand."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from workmill.craft.client import POLL_SECONDS, Client, Session, check_reason
from workmill.craft.handle import JobHandle
from workmill.craft.ids import new_id
from workmill.store import Flow as StoredFlow
from workmill.store import FlowPage as StoredPage
from workmill.store import JobFilter
from workmill.words.codec import Json
from workmill.words.errors import FlowNotFound, JobConflict, WaitTimeout
from workmill.words.job import FINAL_STATES, Job, JobState, NewJob
from workmill.words.names import canonical_id
from workmill.words.ties import After, Ties
from workmill.words.unstarted import not_needed

T = TypeVar("T")
PAGE = 1000
UNFINISHED = tuple(state for state in JobState if state not in FINAL_STATES)
BREATH_SECONDS = 0.05
"""How long whoever waits for a flow leaves a busy store alone between two looks."""
LONGEST_CALL_SECONDS = 600.0
"""How long a call about a flow of 50,000 jobs may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStatus:
    """How a flow stands.

    Attributes:
        created_at: When its first job was stored.
        counts: How many of its jobs are in each state, zeros left out.
    """

    id: str
    created_at: datetime
    counts: dict[JobState, int]

    @property
    def jobs(self) -> int:
        """How many jobs it has, those left out that are past their keep time."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """How many of them have ended."""
        return sum(count for state, count in self.counts.items() if state.is_final)

    @property
    def progress(self) -> float:
        """The share of its jobs that have ended, from 0 to 1."""
        return self.ended / self.jobs if self.jobs else 1.0

    @property
    def done(self) -> bool:
        """Whether all of them have ended."""
        return self.ended == self.jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPage:
    """Flows, those begun last first, and where the next page begins (None: this was the last)."""

    flows: tuple[FlowStatus, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One job of a flow, and whom it follows."""

    job: Job
    parents: tuple[str, ...]


def page_of(found: StoredPage) -> FlowPage:
    """Return a page of stored flows as callers see it."""
    return FlowPage(flows=tuple(map(status_of, found.flows)), next_cursor=found.next_cursor)


def status_of(flow: StoredFlow) -> FlowStatus:
    """Return how a stored flow stands."""
    counts = {state: flow.counts[state] for state in JobState if flow.counts.get(state)}
    return FlowStatus(id=flow.id, created_at=flow.created_at, counts=counts)


class FlowHandle:
    """One flow: calls that read, await, cancel or repeat its jobs.

    Every method that asks the store blocks; its twin with an `a` before the name is awaited instead. All of them raise
    `FlowNotFound` once the keep time of all jobs is over, and `StoreUnavailable` where the store does not answer.
    """

    __slots__ = ("_client", "_handled", "id")

    def __init__(self, client: Client, flow_id: str, handled: Callable[[Job], JobHandle[Json]]) -> None:
        self._client = client
        self._handled = handled
        self.id = flow_id

    def __repr__(self) -> str:
        return f"<FlowHandle {self.id}>"

    def status(self) -> FlowStatus:
        """Return how many of its jobs are in each state, and what share of them has ended."""
        return self._client.access.run(self._status)

    async def astatus(self) -> FlowStatus:
        """Do as `status` does, awaited."""
        return await self._client.access.arun(self._status)

    def jobs(self) -> list[JobHandle[Json]]:
        """Return its jobs, in the order in which they were stored."""
        return [self._handled(job) for job in self._run(self._jobs)]

    async def ajobs(self) -> list[JobHandle[Json]]:
        """Do as `jobs` does, awaited."""
        return [self._handled(job) for job in await self._client.access.arun(self._jobs)]

    def nodes(self) -> list[Node]:
        """Return its jobs, each with those that it follows, in the order in which they were stored."""
        return self._run(self._nodes)

    async def anodes(self) -> list[Node]:
        """Do as `nodes` does, awaited."""
        return await self._client.access.arun(self._nodes)

    def results(self, timeout: float | None = None) -> list[Json]:
        """Wait until all its jobs have ended, and return their results, in the order in which they were stored.

        A job that was there for a failure which did not come has None.

        Args:
            timeout: Seconds to wait at most; None waits as long as it takes.

        Raises:
            JobFailed: One of its jobs failed: the first that did of those in their order.
            JobCancelled: One was cancelled, and none failed.
            WaitTimeout: They have not all ended in time; they go on.
        """
        ends_at = None if timeout is None else time.monotonic() + timeout
        while True:
            status = self._client.access.run(self._waiting(ends_at))
            if status.done:
                return _results(self.jobs())
            if ends_at is not None and time.monotonic() >= ends_at:
                raise _late(status, timeout or 0.0)

    async def aresults(self, timeout: float | None = None) -> list[Json]:
        """Do as `results` does, awaited."""
        ends_at = None if timeout is None else time.monotonic() + timeout
        while True:
            status = await self._client.access.arun(self._waiting(ends_at))
            if status.done:
                return _results(await self.ajobs())
            if ends_at is not None and time.monotonic() >= ends_at:
                raise _late(status, timeout or 0.0)

    def cancel(self, reason: str | None = None) -> FlowStatus:
        """Cancel its jobs that have not ended: those that run are asked to end. Safe to repeat.

        Raises:
            InvalidOption: The reason is no text, or too long.
        """
        return self._run(self._cancelling(reason))

    async def acancel(self, reason: str | None = None) -> FlowStatus:
        """Do as `cancel` does, awaited."""
        return await self._client.access.arun(self._cancelling(reason))

    def retry(self) -> "FlowHandle":
        """Run again what failed, was cancelled, or was never run because of it, and all that follows that.

        They are stored as a new flow, in one transaction. Each job names in `retry_of` the one that it repeats, and
        follows the others as before: those that had succeeded are not run again, and their results serve.

        Raises:
            JobConflict: The flow has not ended, or there is nothing to repeat.
            ParentNotFound: A job that had succeeded is not stored any more.
        """
        flow_id = self._client.access.run(self._retry, timeout=self._client.longest_enqueue or LONGEST_CALL_SECONDS)
        return FlowHandle(self._client, flow_id, self._handled)

    async def aretry(self) -> "FlowHandle":
        """Do as `retry` does, awaited."""
        return FlowHandle(self._client, await self._client.access.arun(self._retry), self._handled)

    def _run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        return self._client.access.run(work, timeout=LONGEST_CALL_SECONDS)

    async def _status(self, session: Session) -> FlowStatus:
        found = await session.store.flow(self.id)
        if found is None:
            raise FlowNotFound(self.id)
        return status_of(found)

    def _waiting(self, ends_at: float | None) -> Callable[[Session], Awaitable[FlowStatus]]:
        async def wait(session: Session) -> FlowStatus:
            """Return when it has ended, or after a poll's time."""
            async with session.watch.subscribe(None) as subscription:
                status = await self._status(session)
                remaining = POLL_SECONDS if ends_at is None else min(ends_at - time.monotonic(), POLL_SECONDS)
                if not status.done and remaining > 0:
                    await subscription.next(remaining)
                    await asyncio.sleep(min(remaining, BREATH_SECONDS))
                return status

        return wait

    async def _jobs(self, session: Session, states: Sequence[JobState] = ()) -> list[Job]:
        found, cursor = list[Job](), None
        while True:
            wanted = JobFilter(flows=(self.id,), states=tuple(states))
            page = await session.store.find(wanted, limit=PAGE, cursor=cursor)
            found += page.jobs
            cursor = page.next_cursor
            if cursor is None:
                break
        if not found and not states:
            raise FlowNotFound(self.id)
        return found[::-1]

    async def _nodes(self, session: Session) -> list[Node]:
        jobs = await self._jobs(session)
        parents = await session.store.parents([job.id for job in jobs])
        return [Node(job=job, parents=whom) for job, whom in zip(jobs, parents, strict=True)]

    def _cancelling(self, reason: str | None) -> Callable[[Session], Awaitable[FlowStatus]]:
        check_reason(reason)

        async def cancel(session: Session) -> FlowStatus:
            # The last come first: one that is cancelled ends those that follow it, with a reason of their own.
            open_jobs = [job.id for job in reversed(await self._jobs(session, UNFINISHED))]
            for start in range(0, len(open_jobs), PAGE):
                await session.store.cancel(open_jobs[start : start + PAGE], reason)
            return await self._status(session)

        return cancel

    async def _retry(self, session: Session) -> str:
        nodes = await self._nodes(session)
        running = next((node.job for node in nodes if not node.job.state.is_final), None)
        if running is not None:
            raise JobConflict(running.id, f"it is {running.state}, so that its flow has not ended; wait, or cancel it")
        flow_id = new_id()
        again = _again(nodes, flow_id)
        if not again:
            raise JobConflict(nodes[-1].job.id, "its flow has succeeded as a whole; there is nothing to repeat")
        await self._client.enqueue(session, again)
        return flow_id


def flow_handle(client: Client, flow_id: str, handled: Callable[[Job], JobHandle[Json]]) -> FlowHandle:
    """Return a handle on a flow that need not be stored.

    Raises:
        FlowNotFound: It is no id.
    """
    canonical = canonical_id(flow_id)
    if canonical is None:
        raise FlowNotFound(flow_id)
    return FlowHandle(client, canonical, handled)


def _again(nodes: Sequence[Node], flow_id: str) -> list[NewJob]:
    """Make the jobs that repeat what did not succeed and what follows it, in the order of the old ones."""
    renewed = dict[str, str]()
    made = list[NewJob]()
    for node in nodes:
        is_behind = any(parent in renewed for parent in node.parents)
        if is_behind or not (node.job.state is JobState.SUCCEEDED or _was_not_needed(node.job)):
            renewed[node.job.id] = new_id()
            made.append(_repeated(node, renewed, flow_id))
    return made


def _repeated(node: Node, renewed: dict[str, str], flow_id: str) -> NewJob:
    job, ties = node.job, node.job.ties or Ties()
    parents = tuple(renewed.get(parent, parent) for parent in node.parents)
    return NewJob(
        id=renewed[job.id],
        task=job.task,
        queue=job.queue,
        priority=job.priority,
        args=job.args,
        policy=job.policy,
        retry_of=job.id,
        after=After(jobs=parents, needs=ties.needs) if parents else None,
        ties=replace(ties, flow=flow_id),
    )


def _results(handles: Sequence[JobHandle[Json]]) -> list[Json]:
    failed = [handle for handle in handles if handle.state is JobState.FAILED]
    cancelled = [
        handle for handle in handles if handle.state is JobState.CANCELLED and not _was_not_needed(handle.record)
    ]
    for handle in [*failed, *cancelled]:
        handle.outcome()
    return [handle.outcome() if handle.state is JobState.SUCCEEDED else None for handle in handles]


def _was_not_needed(job: Job) -> bool:
    return job.state is JobState.CANCELLED and job.cancel_reason == not_needed()


def _late(status: FlowStatus, seconds: float) -> WaitTimeout:
    said = f"at {status.ended} of {status.jobs} jobs"
    error = WaitTimeout(status.id, said, seconds)
    error.args = (f"flow {status.id} is still {said} after {round(seconds, 3):g} s; it goes on, ask again later",)
    return error
