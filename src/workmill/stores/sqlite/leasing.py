"""The leases of workers, and who of them leads."""

from collections.abc import Sequence
from contextlib import suppress

from workmill.store import NewWorker, Renewal, Worker
from workmill.stores.sqlite.rows import pack, worker_of, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.tending import DAY
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.order import Order
from workmill.words.ticks import LAST, TICK


def register(worker: NewWorker, transaction: Transaction) -> None:
    """See `Store.register`."""
    transaction.run(
        statements("lease")["register"],
        worker.id,
        worker.name,
        worker.host,
        worker.pid,
        None if worker.queues is None else pack(worker.queues),
        pack(worker.tasks),
        worker.concurrency,
        min(worker.lease // TICK, LAST),
        transaction.now,
        LAST,
    )


def renew(worker_id: str, transaction: Transaction) -> Renewal:
    """See `Store.renew`."""
    sql = statements("lease")
    ordered = transaction.value(sql["renew"], worker_id, transaction.now, LAST)
    if ordered is None:
        return Renewal(is_live=False, is_leader=False)
    leader = transaction.value(sql["leader"], transaction.now)
    if leader is None:
        # The old leader's mark goes first: no two rows may bear it.
        transaction.run(sql["depose"])
        transaction.run(sql["elect"], worker_id)
    return Renewal(is_live=True, is_leader=leader in {None, worker_id}, order=Order(str(ordered)))


def order(worker_ids: Sequence[str], what: Order, transaction: Transaction) -> list[bool]:
    """See `Store.order`."""
    named = pack([writable(worker_id) for worker_id in worker_ids])
    transaction.run(statements("lease")["order"], named, what, transaction.now)
    live = set(transaction.batch(statements("lease")["live"], named, transaction.now))
    return [worker_id in live for worker_id in worker_ids]


def leave(worker_id: str, transaction: Transaction) -> None:
    """See `Store.leave`."""
    transaction.run(statements("lease")["leave"], worker_id, transaction.now)


def workers(transaction: Transaction) -> list[Worker]:
    """See `Store.workers`."""
    found = []
    for row in transaction.batch(statements("lease")["workers"], transaction.now - DAY):
        with suppress(ValueError, TypeError):
            found.append(worker_of(row, transaction.now))
    return found
