"""The whole of a store."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from workmill.store.channels import ChannelVerbs
from workmill.store.jobs import JobVerbs
from workmill.store.notices import Listener, NoticeKind
from workmill.store.records import Capabilities
from workmill.store.rules import RuleVerbs
from workmill.store.schedules import ScheduleVerbs
from workmill.store.workers import WorkerVerbs
from workmill.store.working import Finding


class Store(JobVerbs, WorkerVerbs, RuleVerbs, ScheduleVerbs, ChannelVerbs, Protocol):
    """One store. It belongs to the event loop that opened it."""

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do."""

    async def open(self) -> None:
        """Make the store ready, creating or migrating its schema. Safe to race with other processes.

        Raises:
            SchemaMismatch: A newer version wrote it.
            StoreUnavailable: It cannot be reached.
        """

    async def close(self) -> None:
        """Let go of everything; verbs under way finish first. Safe to repeat."""

    async def now(self) -> datetime:
        """Return the store's present moment. Also the cheapest proof that the store answers."""

    async def diagnose(self) -> list[Finding]:
        """Look at the store's own health: version, settings, durability, room left, clock."""

    def listen(self, kinds: frozenset[NoticeKind]) -> AbstractAsyncContextManager[Listener]:
        """Open an ear for notices of these kinds, from this process and, where the store crosses them, from others.

        Whatever is committed after entering is noticed, unless the notice is lost: poll as well. What the listener is
        bound to is checked while it is open and made again when it is gone.
        """
