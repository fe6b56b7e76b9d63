"""What a store's author hands to the suite: how to make, age and damage a store."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeAlias

from workmill.store import Store
from workmill.words.clock import Clock

Opener: TypeAlias = Callable[[], Store]
"""Makes a store that is not open yet, on the true clock. It can be pickled, so that other processes can call it."""


class Harness(Protocol):
    """One database for one test, and the power over it that only its author has."""

    async def make(self) -> Store:
        """Make and open one more store on this test's database."""

    async def advance(self, length: timedelta) -> None:
        """Move the clock of all these stores forward. It stands still otherwise."""

    async def corrupt(self, job_id: str) -> bool:
        """Damage a stored job so that it cannot be read any more; False where a store cannot hold such a thing."""

    def opener(self) -> Opener | None:
        """Return a maker of stores on this test's database for other processes; None where it cannot be shared."""


class SteppedClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self._now = datetime(2030, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the present moment."""
        return self._now

    def advance(self, length: timedelta) -> None:
        """Move the present moment forward."""
        self._now += length


class ClockedHarness:
    """The harness of a store that takes its clock as an argument.

    Args:
        make: Makes a store on the test's database; it is not open yet.
        opener: See `Harness.opener`; for stores that cross processes.
        corrupt: Damages a stored job; for stores that can hold what cannot be read.
    """

    def __init__(
        self,
        make: Callable[[Clock], Store],
        *,
        opener: Opener | None = None,
        corrupt: Callable[[str], None] | None = None,
    ) -> None:
        self._make = make
        self._opener = opener
        self._corrupt = corrupt
        self._clock = SteppedClock()

    async def make(self) -> Store:
        """Make and open one more store."""
        store = self._make(self._clock)
        await store.open()
        return store

    async def advance(self, length: timedelta) -> None:
        """Move the clock that all these stores share."""
        self._clock.advance(length)

    async def corrupt(self, job_id: str) -> bool:
        """Damage a stored job, where that can be."""
        if self._corrupt is None:
            return False
        self._corrupt(job_id)
        return True

    def opener(self) -> Opener | None:
        """Return the maker for other processes, where there is one."""
        return self._opener
