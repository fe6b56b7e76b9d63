"""Transactions that hold rows as well as jobs, where the store joins Django's; and what there is where it does not."""

from contextlib import AbstractContextManager
from typing import Final

from django.conf import settings  # type: ignore[import-untyped] # it has no types
from django.db import connection, transaction  # type: ignore[import-untyped] # likewise

from workmill import current_job

JOINS: Final[bool] = settings.MILL_JOINS


def finishing() -> AbstractContextManager[object]:
    """Return a transaction that ends the job with it. Where the store does not join it, the job ends after it.

    Then what is in it may be done twice, by a worker that dies in between and by the next one.
    """
    atomic: AbstractContextManager[object] = transaction.atomic()
    return current_job.finish_in(connection) if JOINS else atomic
