"""One server that goes down while jobs are stored, and what it has of them when it is back."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from proof.losing.accepting import Accepting
from proof.losing.marking import Marks, cut_behind
from tests.servers.redis import redis_server
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
    """So is its machine: what was not yet on the disk is gone. Its log is cut where it was last known to be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What came of one.

    Attributes:
        accepted: How many jobs were accepted before.
        lost: How many of them are gone.
        seconds: How long before the blow the first of those was accepted; 0 where there is none.
        longest: How long it took at most until a write was on the disk; None where the server cannot say.
        is_told: Whether the store says that the server lost something.
    """

    accepted: int
    lost: int
    seconds: float
    longest: float | None
    is_told: bool


async def outage(program: Path, fsync: str, blow: Blow, *, seconds: float, clients: int) -> Outage:
    """Let clients store jobs, strike, start the server again, and count."""
    with redis_server(program, settings={"appendfsync": fsync, **UNCUT}) as server:
        store = RedisStore(server.url())
        await store.open()
        try:
            async with Marks(server.port) as marks, Accepting(store, clients) as clients_of_it:
                await asyncio.sleep(seconds)
                server.kill()
                struck_at = elapsed()
            if blow is Blow.POWER:
                cut_behind(marks.last, server.folder)
            server.start()
            lost = await gone(store, clients_of_it.accepted)
            findings = await store.diagnose()
        finally:
            await store.close()
    return Outage(
        accepted=len(clients_of_it.accepted),
        lost=len(lost),
        seconds=max([struck_at - at for at in lost], default=0.0),
        longest=max(marks.delays, default=None),
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
