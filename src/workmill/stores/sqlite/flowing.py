"""Flows: which jobs belong to them, and how they stand."""

from collections.abc import Sequence

from workmill.store import Flow, FlowPage
from workmill.stores.sqlite.finding import place_of
from workmill.stores.sqlite.rows import pack, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk, say, say_each
from workmill.stores.sqlite.transaction import LARGEST, Transaction
from workmill.words.codec import Json
from workmill.words.job import JobState
from workmill.words.ticks import moment

Members = Sequence[tuple[str, int]]
"""The ids of flows, each with the place of one of its jobs, in the order of storing."""


def join(members: Members, now: int) -> Talk[None]:
    """Note that new jobs belong to flows, which begin with them where they are the first."""
    if not members:
        return
    sql = statements("flow")
    first = dict(reversed(members))
    yield from say_each(sql["begin"], [(place, flow, now) for flow, place in first.items()])
    yield from say(sql["join"], pack(members))


def leave(members: Members, transaction: Transaction) -> None:
    """Forget that jobs belonged to flows, and the flows of which nothing is left."""
    if members:
        transaction.run(statements("flow")["leave"], pack(members))
        transaction.run(statements("flow")["forget"], pack(members))


def flow(flow_id: str, transaction: Transaction) -> Flow | None:
    """See `Store.flow`."""
    rows = transaction.batch(statements("flow")["flow"], writable(flow_id))
    return flow_of(rows[0]) if rows else None


def flows(limit: int, cursor: str | None, transaction: Transaction) -> FlowPage:
    """See `Store.flows`."""
    below = LARGEST if cursor is None else place_of(cursor)
    if limit <= 0:
        return FlowPage(flows=(), next_cursor=None)
    rows = transaction.batch(statements("flow")["flows"], below, min(limit, LARGEST - 1) + 1)
    page = rows[:limit]
    return FlowPage(flows=tuple(map(flow_of, page)), next_cursor=str(page[-1][0]) if len(rows) > limit else None)


def flow_of(row: Sequence[Json]) -> Flow:
    """Read how one flow stands."""
    _, flow_id, created_at, counts = row
    return Flow(id=flow_id, created_at=moment(created_at), counts={JobState(state): jobs for state, jobs in counts})
