"""What a store's author hands to the suite: how to make, age and damage a store."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeAlias, TypeVar

from workmill.store import Store
from workmill.words.clock import Clock
from workmill.words.conversation import Conversation

T = TypeVar("T")

Opener: TypeAlias = Callable[[], Store]
"""Makes a store that is not open yet, on the true clock. It can be pickled, so that other processes can call it."""


class Caller(Protocol):
    """A connection of a caller's own to the test's database. Its transaction begins with its first statement."""

    async def hold(self, conversation: Conversation[T]) -> T:
        """Hold a conversation of the store's, and return what comes of it or raise what it raises."""

    async def write(self, text: str) -> None:
        """Store a row of the caller's own."""

    async def read(self) -> list[str]:
        """Return the caller's own rows that this connection sees."""

    async def commit(self) -> None:
        """Commit the transaction."""

    async def roll_back(self) -> None:
        """Roll the transaction back."""

    async def close(self) -> None:
        """Close the connection; what is not committed is rolled back."""


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

    async def caller(self) -> Caller | None:
        """Open a caller's connection to this test's database; None where the store joins no transactions."""


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
        caller: Opens a caller's connection; for stores that join transactions.
    """

    def __init__(
        self,
        make: Callable[[Clock], Store],
        *,
        opener: Opener | None = None,
        corrupt: Callable[[str], None] | None = None,
        caller: Callable[[], Awaitable[Caller]] | None = None,
    ) -> None:
        self._make = make
        self._opener = opener
        self._corrupt = corrupt
        self._caller = caller
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

    async def caller(self) -> Caller | None:
        """Open a caller's connection, where the store joins transactions."""
        return None if self._caller is None else await self._caller()
