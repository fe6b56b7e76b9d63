"""What a store may offer besides the contract."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from workmill.store.records import Enqueued
from workmill.words.job import NewJob


@runtime_checkable
class Direct(Protocol):
    """A store that serves a thread which blocks past the loop that opened it, where the way there costs more."""

    def enqueue_blocking(self, jobs: Sequence[NewJob]) -> list[Enqueued] | None:
        """Do as `enqueue` does, in the calling thread, which may be any while the store is open.

        Returns:
            None where the loop is to be asked for the same: these jobs may be stored already, and would not be twice.

        Raises:
            WorkmillError: It was refused, as by `enqueue`.
        """
