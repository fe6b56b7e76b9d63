"""The verbs over workers and their leases."""

from collections.abc import Sequence
from typing import Protocol

from workmill.store.working import NewWorker, Renewal, Worker
from workmill.words.order import Order


class WorkerVerbs(Protocol):
    """What a store does with workers."""

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

    async def workers(self) -> list[Worker]:
        """Return the workers that live or ended within the last day, newest first."""
