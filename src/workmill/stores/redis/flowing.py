"""How flows stand."""

from workmill.store import Flow, FlowPage
from workmill.stores.redis.finding import FROM_THE_NEWEST, LARGEST_LIMIT, place_of
from workmill.stores.redis.rows import moment, pack
from workmill.stores.redis.session import Session
from workmill.words.job import JobState

CREATED = b"created"


async def flow(flow_id: str, session: Session) -> Flow | None:
    """See `Store.flow`."""
    fields = await session.run("flow", pack(flow_id))
    return flow_of(flow_id.encode(), fields) if fields else None


async def flows(limit: int, cursor: str | None, session: Session) -> FlowPage:
    """See `Store.flows`."""
    below: str | None = FROM_THE_NEWEST if cursor is None else str(place_of(cursor))
    if limit <= 0:
        return FlowPage(flows=(), next_cursor=None)
    most, found = min(limit, LARGEST_LIMIT) + 1, list[tuple[bytes, Flow]]()
    while below is not None and len(found) < most:
        rows, below = await session.run("flows", below, most - len(found))
        found += [(place, flow_of(flow_id, fields)) for flow_id, place, fields in rows]
    next_cursor = found[limit - 1][0].decode() if len(found) > limit else None
    return FlowPage(flows=tuple(flow for _, flow in found[:limit]), next_cursor=next_cursor)


def flow_of(flow_id: bytes, fields: list[bytes]) -> Flow:
    """Read one flow, from names and values in turns."""
    said = dict(zip(fields[::2], map(int, fields[1::2]), strict=True))
    counts = {state: said[state.encode()] for state in JobState if state.encode() in said}
    return Flow(id=flow_id.decode(), created_at=moment(said[CREATED]), counts=counts)
