"""Rules over work: what code declares, what is set by hand, and pauses."""

from collections.abc import Sequence
from itertools import chain

from workmill.store import Declaration, NoticeKind, Pause, RuleState
from workmill.stores.postgres import channels, scheduling
from workmill.stores.postgres.arrays import numbers, texts
from workmill.stores.postgres.rows import Row
from workmill.stores.postgres.session import Session
from workmill.words.limit import Rate, Rule, Scope
from workmill.words.ticks import TICK, length_of, moment

LARGEST = 2**63 - 1


async def declare(declaration: Declaration, session: Session) -> None:
    """See `Store.declare`."""
    values = [
        *columns(declaration.rules),
        False,
        scheduling.written(declaration.schedules),
        channels.declared(declaration.subscriptions),
    ]
    ((has_changed, is_due, _),) = await session.run("rule", "declare", values)
    if has_changed:
        session.tell(NoticeKind.QUEUED)
    if is_due:
        session.tell(NoticeKind.SCHEDULED)


async def set_rules(rules: Sequence[Rule], session: Session) -> None:
    """See `Store.set_rules`."""
    await session.run("rule", "put", [*columns(rules), True])
    session.tell(NoticeKind.QUEUED)


async def reset_rules(names: Sequence[tuple[Scope, str]], session: Session) -> None:
    """See `Store.reset_rules`."""
    await session.run("rule", "reset", [[str(scope) for scope, _ in names], [name for _, name in names]])
    session.tell(NoticeKind.QUEUED)


async def rules(session: Session) -> list[RuleState]:
    """See `Store.rules`."""
    return [state_of(row) for row in await session.run("rule", "rules")]


async def pause(queues: Sequence[str], by: str | None, session: Session) -> None:
    """See `Store.pause`."""
    await session.run("rule", "pause", [list(queues), by])


async def resume(queues: Sequence[str], session: Session) -> None:
    """See `Store.resume`."""
    await session.run("rule", "resume", [list(queues)])
    session.tell_of_queues(queues)


async def pauses(session: Session) -> list[Pause]:
    """See `Store.pauses`."""
    return [pause_of(row) for row in await session.run("rule", "pauses")]


def columns(rules: Sequence[Rule]) -> list[str]:
    """Return what rules say, column by column."""
    return [
        texts([rule.scope for rule in rules]),
        texts([rule.name for rule in rules]),
        numbers([most(rule.running) for rule in rules]),
        numbers([None if rule.rate is None else most(rule.rate.count) for rule in rules]),
        numbers([None if rule.rate is None else length_of(rule.rate.per) for rule in rules]),
        numbers([most(rule.waiting) for rule in rules]),
    ]


def most(count: int | None) -> int | None:
    """Return a number that a column holds."""
    return None if count is None else min(count, LARGEST)


def rule_of(row: Row) -> Rule:
    """Read a rule."""
    scope, name, running, rate_count, rate_per, waiting = row
    rate = None if rate_count is None else Rate(rate_count, rate_per * TICK)
    return Rule(scope=Scope(scope), name=name, running=running, rate=rate, waiting=waiting)


def state_of(row: Row) -> RuleState:
    """Read how a rule stands."""
    *in_force, is_declared, running, rate_count, rate_per, waiting, jobs = row
    declared = list(chain(in_force[:2], (running, rate_count, rate_per, waiting)))
    return RuleState(rule=rule_of(in_force), declared=rule_of(declared) if is_declared else None, running=jobs)


def pause_of(row: Row) -> Pause:
    """Read a pause."""
    queue, since, by = row
    return Pause(queue=queue, since=moment(since), by=by)
