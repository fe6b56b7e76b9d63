"""Django's tables, made by whichever process needs them first."""

import fcntl
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.core.management import call_command  # type: ignore[import-untyped] # it has no types
from django.db import connection  # type: ignore[import-untyped] # likewise

from workmill import App

KEY = 7_359_221_804_113
"""The number of the lock on PostgreSQL; any that nobody else uses."""


@cache
def migrate(mill: App) -> None:
    """Bring the tables up to date, once in each process; others who want the same wait."""
    mill.now()  # The jobs' own tables come first: in SQLite they want the file for themselves.
    with ThreadPoolExecutor(1) as thread:  # Where an event loop turns in this one, Django refuses.
        thread.submit(_migrate).result()


def _migrate() -> None:
    try:
        with _alone():
            call_command("migrate", interactive=False, verbosity=0)
    finally:
        connection.close()


@contextmanager
def _alone() -> Iterator[None]:
    if connection.vendor != "postgresql":
        named = sha256(str(connection.settings_dict["NAME"]).encode()).hexdigest()
        with Path(tempfile.gettempdir(), f"sentiment-{named[:16]}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [KEY])
        yield
        cursor.execute("SELECT pg_advisory_unlock(%s)", [KEY])
