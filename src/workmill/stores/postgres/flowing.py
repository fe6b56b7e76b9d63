"""How flows stand."""

from workmill.store import Flow, FlowPage
from workmill.stores.postgres.finding import LARGEST, LARGEST_LIMIT, place_of
from workmill.stores.postgres.rows import STATES, Row
from workmill.stores.postgres.session import Session
from workmill.words.ticks import moment


async def flow(flow_id: str, session: Session) -> Flow | None:
    """See `Store.flow`."""
    # No text of PostgreSQL's holds a NUL, so no flow's id does.
    wanted = [] if "\0" in flow_id else [flow_id]
    rows = await session.run("flow", "some", {"flows": wanted, "below": LARGEST, "limit": 1})
    return flow_of(rows[0]) if rows else None


async def flows(limit: int, cursor: str | None, session: Session) -> FlowPage:
    """See `Store.flows`."""
    below = LARGEST if cursor is None else place_of(cursor)
    if limit <= 0:
        return FlowPage(flows=(), next_cursor=None)
    values = {"flows": None, "below": below, "limit": min(limit, LARGEST_LIMIT) + 1}
    rows = await session.run("flow", "some", values)
    more = len(rows) > limit
    return FlowPage(
        flows=tuple(flow_of(row) for row in rows[:limit]), next_cursor=str(rows[limit - 1][1]) if more else None
    )


def flow_of(row: Row) -> Flow:
    """Read one flow."""
    flow_id, _, created_at, states, jobs = row
    counts = {STATES[state]: count for state, count in zip(states, jobs, strict=True)}
    return Flow(
        id=flow_id,
        created_at=moment(created_at),
        counts={state: counts[state] for state in STATES.values() if state in counts},
    )
