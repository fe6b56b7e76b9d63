"""Ending attempts, and what is said about them while they run."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from workmill.store import ClaimRequest, NoticeKind, Report, Settled, Verdict
from workmill.stores.sqlite.account import Account
from workmill.stores.sqlite.claiming import take
from workmill.stores.sqlite.driver import Value
from workmill.stores.sqlite.ends import End, follow
from workmill.stores.sqlite.rows import pack, text_of, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.codec import Json, dump_failure, dump_progress
from workmill.words.job import Ending, JobState
from workmill.words.ticks import later
from workmill.words.transition import Transition

WAITING_FOR_A_TIME = frozenset({JobState.SCHEDULED, JobState.RETRYING})


class Run(NamedTuple):
    """The running attempt that a transition ends, as it is stored.

    `bonds`: see `Bonds`; None for a plain job where no rule limits how many jobs run.
    """

    seq: int
    task: str
    queue: str
    attempt: int
    worker: str | None
    started_at: int | None
    cancel_requested_at: int | None
    bonds: Sequence[Json] | None


class Bonds(NamedTuple):
    """What the end of an attempt concerns beside its job.

    Attributes:
        ties: What the job is bound to, as text.
        strand: The line that it stood in.
        followed: What waits for its end.
        is_ruled: Whether any rule limits how many jobs run.
    """

    ties: str | None
    strand: int | None
    followed: int | None
    is_ruled: int


Applied = Sequence[tuple[Transition, Run]]


def settle(transitions: Sequence[Transition], request: ClaimRequest | None, transaction: Transaction) -> Settled:
    """See `Store.settle`."""
    verdicts, applied = judge(transitions, transaction)
    write(applied, transaction)
    claimed = None if request is None else take(request, transaction)
    return Settled(verdicts=tuple(verdicts), claimed=tuple(claimed or ()))


def judge(transitions: Sequence[Transition], transaction: Transaction) -> tuple[list[Verdict], Applied]:
    """Say of each transition whether it is applied, and give those that are with what they end."""
    wanted = [(place, each.job_id, each.token) for place, each in enumerate(transitions)]
    runs = {place: Run._make(run) for place, *run in transaction.batch_each(statements("settle")["look"], wanted)}
    verdicts: list[Verdict] = []
    applied: dict[int, tuple[Transition, Run]] = {}
    for place, transition in enumerate(transitions):
        run = runs.get(place)
        if run is not None and run.seq in applied:
            run = None
        verdicts.append(verdict_on(transition, run))
        if run is not None and verdicts[-1] is Verdict.APPLIED:
            applied[run.seq] = (transition, run)
    return verdicts, list(applied.values())


def verdict_on(transition: Transition, run: Run | None) -> Verdict:
    """Say whether a transition may end a running attempt; None where there is none that it could end."""
    if run is None:
        return Verdict.STALE
    if run.cancel_requested_at is not None and not transition.state.is_final:
        return Verdict.CANCEL_REQUESTED
    return Verdict.APPLIED


def write(applied: Applied, transaction: Transaction) -> None:
    """Write the ends of attempts, count them and tell of them."""
    if not applied:
        return
    sql, now = statements("settle"), transaction.now
    transaction.run_each(sql["apply"], [row_of(each, run, now) for each, run in applied])
    transaction.run_each(sql["record"], attempts_of(applied, now))
    note(applied, transaction.account)
    if concerned := bound(applied):
        transaction.hold(conclude(concerned, transaction.account))


def bound(applied: Applied) -> Applied:
    """Return those whose ends concern more than their jobs."""
    return [pair for pair in applied if pair[1].bonds is not None]


def conclude(applied: Applied, account: Account) -> Talk[None]:
    """Count for rules and gates that attempts have ended, and do what follows where their jobs have."""
    ends = []
    for each, run in applied:
        bonds = Bonds._make(run.bonds or ())
        if bonds.strand is not None:
            account.moved(bonds.strand, JobState.RUNNING, each.state)
        if bonds.is_ruled:
            account.freed(run.task, run.queue)
        if each.state.is_final and (bonds.followed is not None or bonds.ties is not None):
            ends.append(End(run.seq, each.job_id, each.state, bonds.ties, bonds.followed))
    yield from follow(ends, account)


def attempts_of(applied: Applied, now: int) -> list[tuple[Value, ...]]:
    """Return the records of the attempts that did not succeed: of the others the jobs themselves tell."""
    return [attempt_of(each, run, now) for each, run in applied if each.ending is not Ending.SUCCEEDED]


def note(applied: Applied, account: Account) -> None:
    """Count ended attempts and tell of them."""
    for (state, task, queue), count in Counter([(each.state, run.task, run.queue) for each, run in applied]).items():
        account.count((JobState.RUNNING, task, queue), -count)
        account.count((state, task, queue), count)
        if state is JobState.QUEUED:
            account.tell(NoticeKind.QUEUED, queue=queue)
        elif not state.is_final:
            account.tell(NoticeKind.SCHEDULED)
    account.tell(NoticeKind.CHANGED, job_ids=[each.job_id for each, _ in applied])


def row_of(transition: Transition, run: Run, now: int) -> tuple[Value, ...]:
    """Return what becomes of the job, in the order of the applying statement."""
    is_final = transition.state.is_final
    run_at = None
    if transition.state in WAITING_FOR_A_TIME:
        run_at = later(now, transition.delay or timedelta(0))
    return (
        run.seq,
        transition.state,
        transition.attempt,
        transition.deaths,
        run_at,
        now if is_final else None,
        later(now, transition.keep) if is_final else None,
        None if transition.result is None else text_of("result", transition.result),
        None if transition.failure is None else dump_failure(transition.failure),
        None if transition.reason is None else writable(transition.reason),
    )


def attempt_of(transition: Transition, run: Run, now: int) -> tuple[Value, ...]:
    """Return the record of an attempt, in the order of the recording statement."""
    failure = None if transition.failure is None else dump_failure(transition.failure)
    return (
        run.seq,
        transition.token,
        run.attempt,
        run.worker,
        run.started_at,
        now,
        transition.ending,
        failure,
    )


def report(reports: Sequence[Report], transaction: Transaction) -> list[bool]:
    """See `Store.report`."""
    sql = statements("report")
    found = set(transaction.batch(sql["look"], pack([(each.job_id, each.token) for each in reports])))
    # Of several about one job the last is the newest.
    newest = {each.job_id: dump_progress(each.progress) for place, each in enumerate(reports) if place in found}
    if newest:
        transaction.run(sql["store"], pack(list(newest.items())))
        transaction.tell(NoticeKind.CHANGED, job_ids=newest)
    return [place in found for place in range(len(reports))]
