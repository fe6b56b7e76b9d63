"""Taking queued jobs under a lease, and finding those that are held."""

from workmill.store import ClaimRequest
from workmill.stores.redis.mending import readable_or_failed
from workmill.stores.redis.rows import pack
from workmill.stores.redis.session import Session
from workmill.words.codec import Json
from workmill.words.job import Job


async def claim(request: ClaimRequest, session: Session) -> list[Job]:
    """See `Store.claim`."""
    return await readable_or_failed(await session.run("claim", pack(asked(request))), session)


def asked(request: ClaimRequest) -> list[Json]:
    """Write what a claim asks for."""
    queues = False if request.queues is None else request.queues
    return [request.worker_id, request.engine, queues, request.tasks, request.limit]


async def held(worker_id: str, engine: int | None, session: Session) -> list[Job]:
    """See `Store.held`."""
    rows = await session.run("held", worker_id, "" if engine is None else engine)
    return await readable_or_failed(rows, session)


async def expired(limit: int, session: Session) -> list[Job]:
    """See `Store.expired`."""
    return await readable_or_failed(await session.run("expired", limit), session)
