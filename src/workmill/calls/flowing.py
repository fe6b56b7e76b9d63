"""Flows: jobs that belong together. What that takes is loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workmill.craft.client import Client, Session
from workmill.craft.options import checked_batch
from workmill.craft.registry import Registry
from workmill.reading import LONGEST_PAGE
from workmill.sync import Portal
from workmill.words.duration import Duration
from workmill.words.errors import InvalidOption
from workmill.words.job import NewJob

if TYPE_CHECKING:
    from workmill.craft.flow import Flow
    from workmill.craft.flow_handle import FlowHandle, FlowPage


class Flowing:
    """What an application does with flows."""

    _client: Client
    _portal: Portal
    _registry: Registry

    def enqueue_flow(self, flow: Flow, *, connection: object | None = None, wait: Duration | None = None) -> FlowHandle:
        """Store the jobs of a flow, all or none, in one transaction. To repeat it with the same flow stores it once.

        Args:
            flow: What `Flow`, `chain`, `group` or `chord` has made; up to 50,000 jobs.
            connection: A connection of yours, whose transaction they are stored in; see `Task.using`.
            wait: How long to wait for room in a queue that is full, before `QueueFull` is raised; else not.

        Raises:
            InvalidOption: It is no flow, it has no job or too many, or some follow each other in a circle.
            ParentNotFound: A job follows one that is neither stored nor in the flow; nothing was stored.
            JobConflict, QueueFull, UniqueConflict: As for `enqueue_many`; nothing was stored.
        """
        jobs = _jobs(flow)
        self._client.enqueue_from_here(jobs, connection, wait=checked_batch(jobs, connection, wait))
        return self._flow_handle(flow.id)

    async def aenqueue_flow(
        self, flow: Flow, *, connection: object | None = None, wait: Duration | None = None
    ) -> FlowHandle:
        """Do as `enqueue_flow` does, awaited."""
        jobs = _jobs(flow)
        await self._client.aenqueue_from_here(jobs, connection, wait=checked_batch(jobs, connection, wait))
        return self._flow_handle(flow.id)

    def flow(self, flow_id: str) -> FlowHandle:
        """Return a handle on a stored flow.

        Raises:
            FlowNotFound: No stored job belongs to it.
        """
        handle = self._flow_handle(flow_id)
        handle.status()
        return handle

    async def aflow(self, flow_id: str) -> FlowHandle:
        """Do as `flow` does, awaited."""
        handle = self._flow_handle(flow_id)
        await handle.astatus()
        return handle

    def flows(self, *, limit: int = 50, cursor: str | None = None) -> FlowPage:
        """List the stored flows, those begun last first.

        Raises:
            InvalidOption: The limit is not from 1 to 1,000, or the cursor is none.
        """
        _check_limit(limit)
        return self._portal.run(lambda session: _page(session, limit, cursor))

    async def aflows(self, *, limit: int = 50, cursor: str | None = None) -> FlowPage:
        """Do as `flows` does, awaited."""
        _check_limit(limit)
        return await self._portal.arun(lambda session: _page(session, limit, cursor))

    def _flow_handle(self, flow_id: str) -> FlowHandle:
        from workmill.craft.flow_handle import flow_handle  # noqa: PLC0415 - loaded by who has flows

        return flow_handle(self._client, flow_id, self._registry.handle)


def _jobs(flow: Flow) -> Sequence[NewJob]:
    from workmill.craft.flow import Flow as Known  # noqa: PLC0415 - loaded by who has flows

    if not isinstance(flow, Known):
        raise InvalidOption("flow", flow, "give a Flow, or what chain, group or chord has made")
    if not len(flow):
        raise InvalidOption("flow", flow, "it has no job; add one")
    return flow.jobs()


async def _page(session: Session, limit: int, cursor: str | None) -> FlowPage:
    from workmill.craft.flow_handle import page_of  # noqa: PLC0415 - loaded by who has flows

    return page_of(await session.store.flows(limit=limit, cursor=cursor))


def _check_limit(limit: int) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= LONGEST_PAGE:
        raise InvalidOption("limit", limit, f"give a whole number from 1 to {LONGEST_PAGE:,}")
