"""What holds a job back."""

from workmill.store import MOST_AHEAD, MOST_NAMED, LimitReached, Obstacles, RateReached
from workmill.stores.postgres.rows import Row
from workmill.stores.postgres.ruling import pause_of, rule_of
from workmill.stores.postgres.session import Session
from workmill.words.codec import Json
from workmill.words.limit import Scope
from workmill.words.ticks import moment, moment_or_none


async def obstacles(job_id: str, session: Session) -> Obstacles | None:
    """See `Store.obstacles`."""
    if "\0" in job_id:
        return None
    ((found,),) = await session.run("rule", "obstacles", [job_id, MOST_NAMED, MOST_AHEAD])
    if found is None:
        return None
    return Obstacles(**read(found)) if found else Obstacles()


def read(found: dict[str, Json]) -> dict[str, Json]:
    """Read what the server found."""
    rules = found["rules"] or ()
    return {
        "paused": None if found["paused"] is None else pause_of(found["paused"]),
        "parents": tuple(found["parents"] or ()),
        "parents_missing": found["missing"],
        "limits": tuple(limit_of(row) for row in rules if row[2] is not None and row[7] >= row[2]),
        "rates": tuple(rate_of(row) for row in rules if row[10] is not None),
        "ahead": found["ahead"],
    }


def limit_of(row: Row) -> LimitReached:
    """Read a rule that lets no more run."""
    rule = rule_of(row[:6])
    key, running, job_ids, since = row[6:10]
    return LimitReached(
        rule=rule,
        key=key if rule.scope is Scope.KEY else None,
        running=running,
        job_ids=tuple(job_ids or ()),
        since=moment_or_none(since),
    )


def rate_of(row: Row) -> RateReached:
    """Read a rule that lets no more begin before a moment."""
    rule = rule_of(row[:6])
    return RateReached(rule=rule, key=row[6] if rule.scope is Scope.KEY else None, opens_at=moment(row[10]))
