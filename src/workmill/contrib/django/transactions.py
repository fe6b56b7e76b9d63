"""Jobs that come and go with a transaction of Django's, whether or not the store can be part of it."""

from functools import partial

from django.db import DEFAULT_DB_ALIAS, connections, transaction  # type: ignore[import-untyped] # it has no types

from workmill import InvalidOption, NewJob
from workmill.contrib.django.settings import application


def enqueue_with(*jobs: NewJob, using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Store jobs made by `task.job(...)` with the present transaction, and return their ids.

    Where the store is in the transaction's own database they are part of it: committed with it, gone when it is rolled
    back, and lost by no crash. Elsewhere, as in Redis, they are stored as soon as it has committed: a crash between the
    two loses them. Outside a transaction they are stored at once.

    Args:
        jobs: The jobs, in their order.
        using: The alias of the database whose transaction it is.

    Raises:
        JobConflict: A key is in use for other arguments; nothing was stored.
        QueueFull: A queue may hold no more; nothing was stored.
        UniqueConflict: There is a job already that one of them may not stand beside; nothing was stored.
    """
    mill = application()
    try:
        return [stored.id for stored in mill.enqueue_many(jobs, connection=connections[using])]
    except InvalidOption as error:
        if error.option != "connection":
            raise
    transaction.on_commit(partial(mill.enqueue_many, jobs), using=using)
    return [job.id for job in jobs]
