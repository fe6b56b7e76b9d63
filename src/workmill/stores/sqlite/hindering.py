"""What holds one job back."""

from contextlib import suppress
from typing import NamedTuple

from workmill.store import MOST_AHEAD, MOST_NAMED, LimitReached, Obstacles, RateReached
from workmill.stores.sqlite.allowance import Allowance, Allowances, names_of
from workmill.stores.sqlite.following import missing
from workmill.stores.sqlite.rows import writable
from workmill.stores.sqlite.ruling import entries_of, pause_of
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.draft import ties_of
from workmill.words.job import JobState
from workmill.words.limit import Gate, Rule, Scope
from workmill.words.ticks import moment, moment_or_none


class Candidate(NamedTuple):
    """The job that is asked about."""

    seq: int
    state: str
    task: str
    queue: str
    priority: int
    ties: str | None


def obstacles(job_id: str, transaction: Transaction) -> Obstacles | None:
    """See `Store.obstacles`."""
    sql = statements("obstacle")
    with transaction.snapshot():
        found = transaction.batch(sql["job"], writable(job_id))
        if not found:
            return None
        job = Candidate._make(found[0])
        if job.state not in {JobState.WAITING, JobState.QUEUED}:
            return Obstacles()
        pauses = transaction.batch(sql["pause"], job.queue)
        parents, parents_missing = transaction.hold(missing(job.seq, MOST_NAMED))
        limits, rates = reached(job, transaction)
        ahead = transaction.value(sql["ahead"], job.queue, job.priority, job.seq, MOST_AHEAD)
    return Obstacles(
        paused=pause_of(pauses[0]) if pauses else None,
        parents=tuple(parents),
        parents_missing=parents_missing,
        limits=tuple(limits),
        rates=tuple(rates),
        ahead=ahead if isinstance(ahead, int) else 0,
    )


def reached(job: Candidate, transaction: Transaction) -> tuple[list[LimitReached], list[RateReached]]:
    """Return the rules that let no more jobs like this one begin."""
    names = sorted(names_of(job.task, job.queue, [(gate.name, gate.key) for gate in gates_of(job)]))
    allowances = Allowances()
    transaction.hold(allowances.look_up(names, transaction.now))
    closed = [allowance for allowance in allowances.of(names) if not allowance.is_open]
    titles = [(Scope(allowance.name[0]), allowance.name[1]) for allowance in closed]
    rules = {title: entry.rule for title, entry in entries_of(titles, transaction).items()}
    limits, rates = [], []
    for title, allowance in zip(titles, closed, strict=True):
        if allowance.is_full:
            limits.append(limit_reached(rules[title], allowance, transaction))
        if allowance.opens_at is not None:
            key = allowance.name[2] if title[0] is Scope.KEY else None
            rates.append(RateReached(rule=rules[title], key=key, opens_at=moment(allowance.opens_at)))
    return limits, rates


def limit_reached(rule: Rule, allowance: Allowance, transaction: Transaction) -> LimitReached:
    """Say who runs under a rule that allows no more."""
    scope, name, key = allowance.name
    rows = transaction.batch(statements("obstacle")[f"running_{scope}"], name, key, MOST_NAMED)
    return LimitReached(
        rule=rule,
        key=key if scope == Scope.KEY else None,
        running=allowance.running,
        job_ids=tuple(job_id for job_id, _ in rows),
        since=moment_or_none(rows[0][1]) if rows else None,
    )


def gates_of(job: Candidate) -> tuple[Gate, ...]:
    """Return the gates that a job passes; none where its ties cannot be read."""
    with suppress(ValueError):
        ties = ties_of(job.ties)
        return () if ties is None else ties.gates
    return ()
