"""The plain questions to the store: which jobs, how many, which workers, how it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from workmill import reading
from workmill.sync import Portal
from workmill.words.job import JobState
from workmill.words.order import Order

if TYPE_CHECKING:
    from workmill.store import Count, Finding, Page, Worker


class Asking:
    """What an application reads of its store."""

    _portal: Portal

    def jobs(
        self,
        *,
        states: Sequence[JobState | str] = (),
        tasks: Sequence[str] = (),
        queues: Sequence[str] = (),
        flows: Sequence[str] = (),
        schedules: Sequence[str] = (),
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """List stored jobs, newest first, that match every filter given.

        Raises:
            InvalidOption: The limit is not from 1 to 1,000, or the cursor is none.
        """
        wanted = reading.job_filter(
            states, tasks, queues, created_after, created_before, flows=flows, schedules=schedules
        )
        return self._portal.run(reading.listing(wanted, limit, cursor))

    async def ajobs(
        self,
        *,
        states: Sequence[JobState | str] = (),
        tasks: Sequence[str] = (),
        queues: Sequence[str] = (),
        flows: Sequence[str] = (),
        schedules: Sequence[str] = (),
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Do as `jobs` does, awaited."""
        wanted = reading.job_filter(
            states, tasks, queues, created_after, created_before, flows=flows, schedules=schedules
        )
        return await self._portal.arun(reading.listing(wanted, limit, cursor))

    def counts(self) -> list[Count]:
        """Count the stored jobs by queue, task and state."""
        return self._portal.run(reading.counts)

    async def acounts(self) -> list[Count]:
        """Do as `counts` does, awaited."""
        return await self._portal.arun(reading.counts)

    def workers(self) -> list[Worker]:
        """Return the workers that live or ended within the last day, newest first."""
        return self._portal.run(reading.workers)

    async def aworkers(self) -> list[Worker]:
        """Do as `workers` does, awaited."""
        return await self._portal.arun(reading.workers)

    def order_workers(self, worker_ids: Sequence[str], order: Order) -> list[bool]:
        """Give workers an order; say of each whether it is live, so that it follows within a third of its lease."""
        return self._portal.run(reading.ordering(worker_ids, order))

    async def aorder_workers(self, worker_ids: Sequence[str], order: Order) -> list[bool]:
        """Do as `order_workers` does, awaited."""
        return await self._portal.arun(reading.ordering(worker_ids, order))

    def diagnose(self) -> list[Finding]:
        """Look at the store's health."""
        return self._portal.run(reading.diagnose)

    async def adiagnose(self) -> list[Finding]:
        """Do as `diagnose` does, awaited."""
        return await self._portal.arun(reading.diagnose)

    def now(self) -> datetime:
        """Return the store's present moment: the cheapest proof that it answers, opening it where it is not yet open.

        Raises:
            StoreError: It does not answer, or cannot be opened.
        """
        return self._portal.run(reading.now)

    async def anow(self) -> datetime:
        """Do as `now` does, awaited."""
        return await self._portal.arun(reading.now)
