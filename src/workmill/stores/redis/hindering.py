"""What holds a job back."""

from workmill.store import MOST_AHEAD, MOST_NAMED, LimitReached, Obstacles, RateReached
from workmill.stores.redis.rows import moment
from workmill.stores.redis.ruling import pause_of, rule_of
from workmill.stores.redis.session import Session
from workmill.stores.redis.wire import Reply
from workmill.words.limit import Rule, Scope


async def obstacles(job_id: str, session: Session) -> Obstacles | None:
    """See `Store.obstacles`."""
    found = await session.run("obstacles", job_id, MOST_NAMED, MOST_AHEAD)
    if found is None:
        return None
    return read(found) if found else Obstacles()


def read(found: Reply) -> Obstacles:
    """Read what the server found."""
    pause, queue, parents, missing, reached, ahead = found
    rules = sorted(reached, key=order)
    return Obstacles(
        paused=None if pause is None else pause_of(queue, pause),
        parents=tuple(parent.decode() for parent in parents),
        parents_missing=missing,
        limits=tuple(limit_of(rule) for rule in rules if rule[3] is not None),
        rates=tuple(rate_of(rule) for rule in rules if rule[4] is not None),
        ahead=ahead,
    )


def order(reached: Reply) -> tuple[bool, Scope, str]:
    """Return where a rule comes: those about the job's gates first, as in every store."""
    rule = rule_of(reached[0], reached[1])
    return rule.scope is not Scope.KEY, rule.scope, rule.name


def limit_of(reached: Reply) -> LimitReached:
    """Read a rule that lets no more run."""
    title, text, subject, (running, since, ids), _ = reached
    rule = rule_of(title, text)
    return LimitReached(
        rule=rule,
        key=key_of(rule, subject),
        running=running,
        job_ids=tuple(job_id.decode() for job_id in ids),
        since=None if since is None else moment(since),
    )


def rate_of(reached: Reply) -> RateReached:
    """Read a rule that lets no more begin before a moment."""
    title, text, subject, _, opens_at = reached
    rule = rule_of(title, text)
    return RateReached(rule=rule, key=key_of(rule, subject), opens_at=moment(opens_at))


def key_of(rule: Rule, subject: bytes) -> str | None:
    """Return the key that a rule about keys counts."""
    return subject.decode().partition("/")[2] if rule.scope is Scope.KEY else None
