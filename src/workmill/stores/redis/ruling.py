"""Rules over work: what code declares, what is set by hand, and pauses."""

from collections.abc import Sequence

from workmill.store import Declaration, Pause, RuleState
from workmill.stores.redis import channels, scheduling
from workmill.stores.redis.rows import moment, pack, unpacked
from workmill.stores.redis.session import Session
from workmill.words.codec import Json
from workmill.words.limit import Rate, Rule, Scope
from workmill.words.ticks import TICK, length_of

LARGEST = 2**53
"""The largest number that scripts reckon with exactly."""


async def declare(declaration: Declaration, session: Session) -> None:
    """See `Store.declare`."""
    said = [
        [written(rule) for rule in declaration.rules],
        scheduling.written(declaration.schedules),
        channels.declared(declaration.subscriptions),
    ]
    await session.run("declare", pack(said))


async def set_rules(rules: Sequence[Rule], session: Session) -> None:
    """See `Store.set_rules`."""
    await session.run("set_rules", pack([written(rule) for rule in rules]))


async def reset_rules(names: Sequence[tuple[Scope, str]], session: Session) -> None:
    """See `Store.reset_rules`."""
    await session.run("reset_rules", pack([title(scope, name) for scope, name in names]))


async def rules(session: Session) -> list[RuleState]:
    """See `Store.rules`."""
    found = [
        RuleState(rule=rule_of(name, text), declared=declared and rule_of(name, declared), running=int(running))
        for name, text, declared, running in await session.run("rules")
    ]
    return sorted(found, key=lambda state: (state.rule.scope, state.rule.name))


async def pause(queues: Sequence[str], by: str | None, session: Session) -> None:
    """See `Store.pause`."""
    await session.run("pause", pack([queues, False if by is None else by]))


async def resume(queues: Sequence[str], session: Session) -> None:
    """See `Store.resume`."""
    await session.run("resume", pack(queues))


async def pauses(session: Session) -> list[Pause]:
    """See `Store.pauses`."""
    found = await session.run("pauses")
    paused = [pause_of(queue, text) for queue, text in zip(found[::2], found[1::2], strict=True)]
    return sorted(paused, key=lambda one: one.queue)


def title(scope: Scope, name: str) -> str:
    """Return what scripts know a rule by."""
    return f"{scope}:{name}"


def written(rule: Rule) -> list[Json]:
    """Write a rule: its title, and what it says."""
    rate = (None, None) if rule.rate is None else (rule.rate.count, length_of(rule.rate.per))
    said = [False if number is None else min(number, LARGEST) for number in (rule.running, *rate, rule.waiting)]
    return [title(rule.scope, rule.name), pack(said)]


def rule_of(name: bytes, text: bytes) -> Rule:
    """Read a rule."""
    scope, _, of = name.decode().partition(":")
    running, count, per, waiting = unpacked(text)
    rate = None if count is False else Rate(count, per * TICK)
    return Rule(scope=Scope(scope), name=of, running=said(running), rate=rate, waiting=said(waiting))


def said(number: int | bool) -> int | None:  # noqa: FBT001 - false is how scripts write that there is none
    """Read what a rule may leave open. Zero is something else than false."""
    return None if number is False else number


def pause_of(queue: bytes, text: bytes) -> Pause:
    """Read a pause."""
    since, by = unpacked(text)
    return Pause(queue=queue.decode(), since=moment(since), by=None if by is False else by)
