"""The workers: their leases and who leads."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workmill.store import NewWorker, Renewal, Worker
from workmill.words.clock import later
from workmill.words.order import Order

REMEMBERED = timedelta(days=1)
"""How long a worker is listed after its lease ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A worker's right, from when and until when."""

    worker: NewWorker
    started_at: datetime
    ends_at: datetime
    order: Order = Order.WORK


class Roster:
    """Leases by worker, in the order of registration. A lease is live before its end, never at or after it."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        self._leader: str | None = None

    def is_live(self, worker_id: str, now: datetime) -> bool:
        """Whether a worker may hold jobs now."""
        lease = self._leases.get(worker_id)
        return lease is not None and now < lease.ends_at

    def register(self, worker: NewWorker, now: datetime) -> None:
        """Give a worker its first lease, or a live one the time anew, and note what it says of itself."""
        if self.is_live(worker.id, now):
            known = self._leases[worker.id]
            described = replace(known.worker, tasks=worker.tasks, concurrency=worker.concurrency)
            self._leases[worker.id] = replace(known, worker=described)
            self._prolong(worker.id, now)
        elif worker.id not in self._leases:
            self._leases[worker.id] = Lease(worker=worker, started_at=now, ends_at=later(now, worker.lease))

    def renew(self, worker_id: str, now: datetime) -> Renewal:
        """Prolong a live lease; its worker leads when no live one does."""
        if not self.is_live(worker_id, now):
            return Renewal(is_live=False, is_leader=False)
        self._prolong(worker_id, now)
        if self._leader is None or not self.is_live(self._leader, now):
            self._leader = worker_id
        return Renewal(is_live=True, is_leader=self._leader == worker_id, order=self._leases[worker_id].order)

    def order(self, worker_id: str, order: Order, now: datetime) -> bool:
        """Note an order for a live worker, unless it was told to stop; return whether it is live."""
        if not self.is_live(worker_id, now):
            return False
        lease = self._leases[worker_id]
        if lease.order is not Order.STOP:
            self._leases[worker_id] = replace(lease, order=order)
        return True

    def leave(self, worker_id: str, now: datetime) -> None:
        """End a live lease."""
        if self.is_live(worker_id, now):
            self._leases[worker_id] = replace(self._leases[worker_id], ends_at=now)

    def forget(self, now: datetime) -> None:
        """Drop the workers that ended too long ago to be listed."""
        self._leases = {id: lease for id, lease in self._leases.items() if now < later(lease.ends_at, REMEMBERED)}

    def newest_first(self, running: dict[str, int], now: datetime) -> list[Worker]:
        """List the workers with how many jobs each runs."""
        kept = [lease for lease in self._leases.values() if now < later(lease.ends_at, REMEMBERED)]
        return [self._listed(lease, running.get(lease.worker.id, 0), now) for lease in reversed(kept)]

    def _prolong(self, worker_id: str, now: datetime) -> None:
        lease = self._leases[worker_id]
        self._leases[worker_id] = replace(lease, ends_at=later(now, lease.worker.lease))

    def _listed(self, lease: Lease, running: int, now: datetime) -> Worker:
        worker = lease.worker
        is_live = self.is_live(worker.id, now)
        return Worker(
            id=worker.id,
            name=worker.name,
            host=worker.host,
            pid=worker.pid,
            queues=worker.queues,
            tasks=worker.tasks,
            concurrency=worker.concurrency,
            running=running,
            is_live=is_live,
            is_leader=is_live and self._leader == worker.id,
            order=lease.order,
            started_at=lease.started_at,
            lease_ends_at=lease.ends_at,
        )
