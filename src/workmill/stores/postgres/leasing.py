"""The leases of workers, and who of them leads."""

from collections.abc import Sequence

from workmill.store import NewWorker, Renewal, Worker
from workmill.stores.postgres.rows import worker_of
from workmill.stores.postgres.session import Session
from workmill.words.order import Order
from workmill.words.ticks import length_of


async def register(worker: NewWorker, session: Session) -> None:
    """See `Store.register`."""
    values = [
        worker.id,
        worker.name,
        worker.host,
        worker.pid,
        None if worker.queues is None else list(worker.queues),
        list(worker.tasks),
        worker.concurrency,
        length_of(worker.lease),
    ]
    await session.run("lease", "register", values)


async def renew(worker_id: str, session: Session) -> Renewal:
    """See `Store.renew`."""
    ((is_live, is_leader, told),) = await session.run("lease", "renew", [worker_id])
    return Renewal(is_live=is_live, is_leader=is_leader, order=Order(told) if is_live else Order.WORK)


async def order(worker_ids: Sequence[str], what: Order, session: Session) -> list[bool]:
    """See `Store.order`."""
    live = {row[0] for row in await session.run("lease", "order", [list(worker_ids), what])}
    return [worker_id in live for worker_id in worker_ids]


async def leave(worker_id: str, session: Session) -> None:
    """See `Store.leave`."""
    await session.run("lease", "leave", [worker_id])


async def workers(session: Session) -> list[Worker]:
    """See `Store.workers`."""
    return [worker_of(row) for row in await session.run("lease", "workers")]
