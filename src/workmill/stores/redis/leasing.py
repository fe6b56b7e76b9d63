"""The leases of workers, and who of them leads."""

from collections.abc import Sequence
from operator import itemgetter

from workmill.store import NewWorker, Renewal, Worker
from workmill.stores.redis.rows import moment, pack, unpacked
from workmill.stores.redis.session import Session
from workmill.stores.redis.wire import Reply
from workmill.words.order import Order
from workmill.words.ticks import length_of


async def register(worker: NewWorker, session: Session) -> None:
    """See `Store.register`."""
    about = pack([worker.name, worker.host, worker.pid, worker.queues])
    skills = pack([worker.tasks, worker.concurrency])
    await session.run("register", worker.id, about, skills, length_of(worker.lease))


async def renew(worker_id: str, session: Session) -> Renewal:
    """See `Store.renew`."""
    told = await session.run("renew", worker_id)
    if told is None:
        return Renewal(is_live=False, is_leader=False)
    order, is_leader = told
    return Renewal(is_live=True, is_leader=bool(is_leader), order=Order(order.decode()))


async def leave(worker_id: str, session: Session) -> None:
    """See `Store.leave`."""
    await session.run("leave", worker_id)


async def order(worker_ids: Sequence[str], what: Order, session: Session) -> list[bool]:
    """See `Store.order`."""
    told = await session.run("order", str(what), pack(worker_ids))
    return [bool(is_live) for is_live in told]


async def workers(session: Session) -> list[Worker]:
    """See `Store.workers`."""
    newest_first = sorted(await session.run("workers"), key=itemgetter(4), reverse=True)
    return [worker_of(record) for record in newest_first]


def worker_of(record: Reply) -> Worker:
    """Read a worker."""
    identity, about, skills, since, _, order, ends_at, running, is_live, leads = record
    name, host, pid, queues = unpacked(about)
    tasks, concurrency = unpacked(skills)
    return Worker(
        id=identity.decode(),
        name=name,
        host=host,
        pid=pid,
        queues=None if queues is None else tuple(queues),
        tasks=tuple(tasks),
        concurrency=concurrency,
        running=running,
        is_live=bool(is_live),
        is_leader=bool(leads),
        order=Order(order.decode()),
        started_at=moment(since),
        lease_ends_at=moment(ends_at),
    )
