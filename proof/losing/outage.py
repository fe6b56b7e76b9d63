"""One server that goes down while jobs are stored, and what it has of them when it is back."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from proof.losing.accepting import Accepting
from proof.losing.syncing import Syncs, forget_unsynced, longest_delay
from tests.servers.redis import RedisServer, redis_server
from workmill.running.elapsed import elapsed
from workmill.running.patience import until_done
from workmill.store import Level, Store
from workmill.stores.redis import RedisStore
from workmill.words.events import Event

PAGE = 1000
UNCUT = {"auto-aof-rewrite-percentage": "0"}
"""What a server is told so that its log is one file from beginning to end."""


class Blow(StrEnum):
    """How a server goes down."""

    KILL = "kill"
    """Its process is killed: what it has written stays with the system, which brings it to the disk."""
    POWER = "power"
    """So is its machine: what was not yet on the disk is gone. Its log is cut to what it had when it last synced it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What came of one.

    Attributes:
        accepted: How many jobs were accepted before.
        lost: How many of them are gone.
        seconds: How long before the blow the first of those was accepted; 0 where there is none.
        longest: How long it took at most until a write was on the disk; None where that was not seen.
        is_told: Whether the store says that the server lost something.
    """

    accepted: int
    lost: int
    seconds: float
    longest: float | None
    is_told: bool


async def killed(program: Path, fsync: str, *, seconds: float, clients: int) -> Outage:
    """Let clients store jobs, kill the server's process, start it again, and count."""
    with redis_server(program, settings={"appendfsync": fsync, **UNCUT}) as server:
        store = await opened(server)
        try:
            async with Accepting(store, clients) as clients_of_it:
                await asyncio.sleep(seconds)
                server.kill()
                struck_at = elapsed()
            server.start()
            return await counted(store, clients_of_it.accepted, struck_at, longest=None)
        finally:
            await store.close()


async def powerless(program: Path, fsync: str, *, seconds: float, clients: int) -> Outage:
    """Do the same, and let go of what the server had not brought to its disk."""
    with redis_server(program, settings={"appendfsync": fsync, **UNCUT}) as server:
        store = await opened(server)
        try:
            async with AsyncExitStack() as stack:
                syncs = stack.enter_context(Syncs(server.pid, server.folder))
                clients_of_it = await stack.enter_async_context(Accepting(store, clients))
                await asyncio.sleep(seconds)
                server.kill()
                struck_at = elapsed()
            calls = syncs.calls()
            forget_unsynced(calls, server.folder)
            server.start()
            return await counted(store, clients_of_it.accepted, struck_at, longest=longest_delay(calls))
        finally:
            await store.close()


async def opened(server: RedisServer) -> Store:
    """Open a store."""
    store = RedisStore(server.url())
    await store.open()
    return store


async def counted(store: Store, accepted: dict[str, float], struck_at: float, *, longest: float | None) -> Outage:
    """Count what is gone, and hear what the store says of it."""
    lost = await gone(store, accepted)
    findings = await store.diagnose()
    return Outage(
        accepted=len(accepted),
        lost=len(lost),
        seconds=max([struck_at - at for at in lost], default=0.0),
        longest=longest,
        is_told=any(each.level is Level.FAIL and "lost" in each.detail for each in findings),
    )


async def gone(store: Store, accepted: dict[str, float]) -> list[float]:
    """Return when each job was accepted that is not stored."""
    ids, lost = list(accepted), list[float]()
    await until_done("now", store.now, emit=_ignore)
    for first in range(0, len(ids), PAGE):
        part = ids[first : first + PAGE]
        found = await store.get(part)
        lost += [accepted[job_id] for job_id, job in zip(part, found, strict=True) if job is None]
    return lost


def _ignore(_event: Event) -> None:
    return
