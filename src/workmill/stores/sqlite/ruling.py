"""Rules and pauses: what holds, what code declares and what was set by hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workmill.store import NoticeKind, Pause, RuleState
from workmill.stores.sqlite.driver import Value
from workmill.stores.sqlite.rows import pack, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.strands import balance
from workmill.stores.sqlite.transaction import LARGEST, Transaction
from workmill.words.codec import Json, dump, load
from workmill.words.limit import Rate, Rule, Scope
from workmill.words.ticks import TICK, moment

Title = tuple[Scope, str]
"""What a rule is about."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule as the file has it: what is in force, what code declares, and whether it was set by hand."""

    rule: Rule
    declared: Rule | None
    is_set: bool


def declare(rules: Sequence[Rule], transaction: Transaction) -> None:
    """Note what code says of rules."""
    entries = entries_of([title_of(rule) for rule in rules], transaction)
    for rule in rules:
        entry = entries.get(title_of(rule))
        in_force = entry.rule if entry is not None and entry.is_set else rule
        entries[title_of(rule)] = Entry(in_force, rule, entry is not None and entry.is_set)
    enforce(entries, transaction)


def set_rules(rules: Sequence[Rule], transaction: Transaction) -> None:
    """See `Store.set_rules`."""
    entries = entries_of([title_of(rule) for rule in rules], transaction)
    for rule in rules:
        entry = entries.get(title_of(rule))
        entries[title_of(rule)] = Entry(rule, None if entry is None else entry.declared, True)
    enforce(entries, transaction)


def reset_rules(titles: Sequence[Title], transaction: Transaction) -> None:
    """See `Store.reset_rules`."""
    entries = entries_of(titles, transaction)
    for title, entry in entries.items():
        entries[title] = Entry(entry.declared or Rule(scope=title[0], name=title[1]), entry.declared, False)
    enforce(entries, transaction)
    transaction.run(statements("rule")["drop"])


def enforce(entries: dict[Title, Entry], transaction: Transaction) -> None:
    """Write rules, and let all that they may have held back be looked at again, where other ones hold now."""
    sql = statements("rule")
    before = entries_of(list(entries), transaction)
    fresh = [entry for title, entry in entries.items() if before.get(title) != entry]
    transaction.run_each(sql["put"], [row_of(entry) for entry in fresh])
    changed = [each.rule for each in fresh if each.rule != rule_before(before, each.rule)]
    if not changed:
        return
    # Whether any queue is bounded is to be asked anew.
    transaction.account.is_in_stretch = False
    transaction.run(sql["forget_starts"], pack([(rule.scope, writable(rule.name)) for rule in changed]))
    names = pack([rule.name for rule in changed if rule.scope is Scope.KEY])
    transaction.run(sql["open_gates"], names)
    transaction.flush()
    transaction.hold(balance(transaction.batch(sql["gates"], names), transaction.account))
    for queue in dict.fromkeys(rule.name if rule.scope is Scope.QUEUE else "" for rule in changed):
        transaction.tell(NoticeKind.QUEUED, queue=queue)


def rule_before(before: dict[Title, Entry], rule: Rule) -> Rule:
    """Return what was in force in the place of a rule."""
    entry = before.get(title_of(rule))
    return Rule(scope=rule.scope, name=rule.name) if entry is None else entry.rule


def rules(transaction: Transaction) -> list[RuleState]:
    """See `Store.rules`."""
    rows = transaction.batch(statements("rule")["all"])
    return [state_of(entry_of(row), running or 0) for *row, running in rows]


def state_of(entry: Entry, running: int) -> RuleState:
    """Return how a rule stands."""
    return RuleState(rule=entry.rule, declared=entry.declared, running=running)


def entries_of(titles: Iterable[Title], transaction: Transaction) -> dict[Title, Entry]:
    """Return those of some rules that are stored."""
    named = pack([(scope, writable(name)) for scope, name in dict.fromkeys(titles)])
    entries = [entry_of(row) for row in transaction.batch(statements("rule")["named"], named)]
    return {title_of(entry.rule): entry for entry in entries}


def entry_of(row: Sequence[Json]) -> Entry:
    """Read a rule."""
    scope, name, running, count, per, waiting, declared, is_set = row
    rule = rule_of(Scope(scope), name, [running, count, per, waiting])
    return Entry(rule, None if declared is None else rule_of(Scope(scope), name, load(declared)), is_set == 1)


def rule_of(scope: Scope, name: str, fields: Sequence[Json]) -> Rule:
    """Read what a rule says."""
    running, count, per, waiting = fields
    rate = None if count is None else Rate(count, per * TICK)
    return Rule(scope=scope, name=name, running=running, rate=rate, waiting=waiting)


def row_of(entry: Entry) -> tuple[Value, ...]:
    """Return a rule in the order of the statement that stores it."""
    rule, declared = entry.rule, entry.declared
    text = None if declared is None else dump(fields_of(declared)).decode()
    return rule.scope, writable(rule.name), *fields_of(rule), text, entry.is_set


def fields_of(rule: Rule) -> tuple[int | None, ...]:
    """Return what a rule says as numbers."""
    count = None if rule.rate is None else rule.rate.count
    per = None if rule.rate is None else rule.rate.per // TICK
    return tuple(
        None if number is None else min(number, LARGEST) for number in (rule.running, count, per, rule.waiting)
    )


def title_of(rule: Rule) -> Title:
    """Return what a rule is about."""
    return rule.scope, rule.name


def pause(queues: Sequence[str], by: str | None, transaction: Transaction) -> None:
    """See `Store.pause`."""
    named = pack([writable(queue) for queue in queues])
    transaction.run(statements("rule")["pause"], named, transaction.now, None if by is None else writable(by))


def resume(queues: Sequence[str], transaction: Transaction) -> None:
    """See `Store.resume`."""
    transaction.run(statements("rule")["resume"], pack([writable(queue) for queue in queues]))
    for queue in queues:
        transaction.tell(NoticeKind.QUEUED, queue=queue)


def pauses(transaction: Transaction) -> list[Pause]:
    """See `Store.pauses`."""
    rows = transaction.batch(statements("rule")["pauses"])
    return [pause_of(row) for row in rows]


def pause_of(row: Sequence[Json]) -> Pause:
    """Read a pause."""
    queue, since, by = row
    return Pause(queue=queue, since=moment(since), by=by)
