"""What many callers of one store ask to have stored at the same time shares commits.

Whoever stores a key waits for any transaction that is storing the same one, and that may be a caller's, which is open
for as long as the caller likes. So jobs with keys share commits with one another only, wait briefly there, and where
that was too short, one batch after the other steps aside and waits without the rest:

    plain ──► the plain group ──► stored
    keyed ──► the keyed group ──► stored, or known already
                    │ kept waiting
                    └──► alone ──► stored, or known already
                           │ kept waiting
                           └──► aside ──► stored, known already, or given up
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from workmill.store import Enqueued
from workmill.stores.postgres.drafting import are_ruled
from workmill.stores.postgres.enqueueing import check, enqueue_beside_known, insert
from workmill.stores.postgres.failures import AlreadyStored, KeptWaiting
from workmill.stores.postgres.refusals import BoundKept
from workmill.stores.postgres.session import Session
from workmill.stores.postgres.storing import enqueue_ruled
from workmill.words.draft import born
from workmill.words.errors import QueueFull, StoreUnavailable
from workmill.words.job import NewJob

MOST_AT_ONCE = 2000
BRIEFLY = timedelta(milliseconds=100)
LONGEST_SECONDS = 20.0
MOST_RULED = 2
"""So many connections may be taken by batches that may wait for transactions of others, each for itself."""
MOST_ASIDE = 2
"""So many connections may be taken by those that wait aside; the others are for all the rest."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One caller's batch and what it waits for."""

    jobs: Sequence[NewJob]
    stored: asyncio.Future[int]


class Groups:
    """The two groups of one store. Belongs to one event loop."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._plain = Group(session, patience=None)
        self._keyed = Group(session, patience=BRIEFLY)
        self._room_for_ruled = asyncio.Semaphore(MOST_RULED)

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        """See `Store.enqueue`."""
        if not jobs:
            return []
        for new in jobs:
            check(new)
        if are_ruled(jobs):
            async with self._room_for_ruled:
                return await enqueue_ruled(jobs, self._session)
        group = self._plain if all(new.key is None for new in jobs) else self._keyed
        try:
            now = await group.store(jobs)
        except AlreadyStored:
            # It fails where an id or a key is stored already, which is rare.
            return await enqueue_beside_known(jobs, self._session)
        return [Enqueued(job=born(new, now), created=True) for new in jobs]

    async def close(self) -> None:
        """Wait until what was asked for is stored."""
        await self._plain.close()
        await self._keyed.close()


class Group:
    """Lets the batches that come while one is being stored go together in the next transaction.

    Args:
        patience: How long all may wait together for others' transactions; None where they have none to wait for.
    """

    def __init__(self, session: Session, *, patience: timedelta | None) -> None:
        self._session = session
        self._patience = patience
        self._waiting: list[Waiting] = []
        self._storing: asyncio.Task[None] | None = None
        self._aside: set[asyncio.Task[None]] = set()
        self._room_aside = asyncio.Semaphore(MOST_ASIDE)

    async def store(self, jobs: Sequence[NewJob]) -> int:
        """Store one batch, all or none, and return the moment.

        Raises:
            AlreadyStored: An id or a key is stored already.
        """
        waiting = Waiting(jobs, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._storing is None:
            self._storing = asyncio.create_task(self._store())
        return await waiting.stored

    async def close(self) -> None:
        """Wait until what was asked for is stored."""
        if self._storing is not None:
            await self._storing
        if self._aside:
            await asyncio.wait(self._aside)

    async def _store(self) -> None:
        try:
            while self._waiting:
                await self._store_group(self._next_group())
        finally:
            self._storing = None

    def _next_group(self) -> list[Waiting]:
        group = [self._waiting.pop(0)]
        size = len(group[0].jobs)
        while self._waiting and size + len(self._waiting[0].jobs) <= MOST_AT_ONCE:
            group.append(self._waiting.pop(0))
            size += len(group[-1].jobs)
        return group

    async def _store_group(self, group: Sequence[Waiting]) -> None:
        if len(group) == 1:
            await self._store_alone(group[0])
            return
        try:
            now = await insert([new for each in group for new in each.jobs], self._session, patience=self._patience)
        except (AlreadyStored, BoundKept, KeptWaiting, QueueFull):
            # Only one of them may be to blame; each looks for itself.
            for each in group:
                await self._store_alone(each)
        except Exception as error:  # noqa: BLE001 - raised again by all who wait for this transaction
            for each in group:
                fail(each, error)
        else:
            for each in group:
                answer(each, now)

    async def _store_alone(self, one: Waiting) -> None:
        try:
            answer(one, await insert(one.jobs, self._session, patience=self._patience))
        except (BoundKept, KeptWaiting) as error:
            if self._patience is None and isinstance(error, KeptWaiting):
                fail(one, error)
                return
            task = asyncio.create_task(self._store_aside(one))
            self._aside.add(task)
            task.add_done_callback(self._aside.discard)
        except Exception as error:  # noqa: BLE001 - raised again by the one who waits
            fail(one, error)

    async def _store_aside(self, one: Waiting) -> None:
        ends_at = time.monotonic() + LONGEST_SECONDS
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await self._room_aside.acquire()
            try:
                patience = timedelta(seconds=ends_at - time.monotonic())
                answer(one, await insert(one.jobs, self._session, patience=patience))
            finally:
                self._room_aside.release()
        except (TimeoutError, KeptWaiting):
            fail(one, kept_waiting(one.jobs))
        except Exception as error:  # noqa: BLE001 - raised again by the one who waits
            fail(one, error)


def answer(waiting: Waiting, now: int) -> None:
    """Tell a caller, unless it has gone away."""
    if not waiting.stored.done():
        waiting.stored.set_result(now)


def fail(waiting: Waiting, error: Exception) -> None:
    """Tell a caller of an error, unless it has gone away."""
    if not waiting.stored.done():
        waiting.stored.set_exception(error)


def kept_waiting(jobs: Sequence[NewJob]) -> StoreUnavailable:
    """Return the error about a key that somebody has stored and neither committed nor rolled back."""
    keys = ", ".join(repr(new.key) for new in jobs[:3] if new.key is not None)
    return StoreUnavailable(
        f"a transaction that is still open has stored a job with the same key ({keys}) of task {jobs[0].task!r}; "
        "commit it or roll it back, then repeat the call"
    )
