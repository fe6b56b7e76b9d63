"""Ending attempts, and what is said about them while they run."""

from collections.abc import Sequence
from dataclasses import dataclass

from workmill.store import ClaimRequest, NoticeKind, Report, Settled, Verdict
from workmill.stores.sqlite.claiming import is_live, take
from workmill.stores.sqlite.moments import later
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.codec import Json, dump_failure, dump_progress
from workmill.words.errors import InvalidOption
from workmill.words.job import Ending, JobState
from workmill.words.transition import Transition


@dataclass(frozen=True, slots=True)
class Run:
    """The running attempt that a transition ends, as it is stored."""

    seq: int
    task: str
    queue: str
    attempt: int
    worker: str | None
    started_at: int | None
    cancel_requested_at: int | None


def settle(transitions: Sequence[Transition], request: ClaimRequest | None, transaction: Transaction) -> Settled:
    """See `Store.settle`."""
    verdicts = end(transitions, transaction) if transitions else ()
    claimed = take(request, transaction) if request is not None and is_live(request.worker_id, transaction) else []
    return Settled(verdicts=verdicts, claimed=tuple(claimed))


def end(transitions: Sequence[Transition], transaction: Transaction) -> tuple[Verdict, ...]:
    """End the attempts that are still running under their tokens."""
    sql = statements("settle")
    found = transaction.batch(sql["look"], pack([(each.job_id, each.token) for each in transitions]))
    runs = {place: Run(*run) for place, *run in found}
    verdicts = judge(transitions, runs)
    applied = [(transitions[place], runs[place]) for place, each in enumerate(verdicts) if each is Verdict.APPLIED]
    if applied:
        write(applied, transaction)
    return verdicts


def judge(transitions: Sequence[Transition], runs: dict[int, Run]) -> tuple[Verdict, ...]:
    """Say of each transition whether it can be applied."""
    verdicts = []
    ended: set[int] = set()
    for place, transition in enumerate(transitions):
        run = runs.get(place)
        if run is None or run.seq in ended:
            verdicts.append(Verdict.STALE)
        elif run.cancel_requested_at is not None and not transition.state.is_final:
            verdicts.append(Verdict.CANCEL_REQUESTED)
        else:
            ended.add(run.seq)
            verdicts.append(Verdict.APPLIED)
    return tuple(verdicts)


def write(applied: Sequence[tuple[Transition, Run]], transaction: Transaction) -> None:
    """Write the ends of attempts, count them and tell of them."""
    sql, now = statements("settle"), transaction.now
    transaction.run(sql["apply"], pack([row_of(each, run, now) for each, run in applied]), now)
    attempts = [attempt_of(each, run) for each, run in applied if each.ending is not Ending.SUCCEEDED]
    if attempts:
        transaction.run(sql["record"], pack(attempts), now)
    for each, run in applied:
        transaction.count((JobState.RUNNING, run.task, run.queue), -1)
        transaction.count((each.state, run.task, run.queue), 1)
    for queue in dict.fromkeys(run.queue for each, run in applied if each.state is JobState.QUEUED):
        transaction.tell(NoticeKind.QUEUED, queue=queue)
    if any(each.state in {JobState.SCHEDULED, JobState.RETRYING} for each, _ in applied):
        transaction.tell(NoticeKind.SCHEDULED)
    transaction.tell(NoticeKind.CHANGED, job_ids=[each.job_id for each, _ in applied])


def row_of(transition: Transition, run: Run, now: int) -> list[Json]:
    """Return what becomes of the job, in the order of the applying statement."""
    is_final = transition.state.is_final
    waits = transition.state in {JobState.SCHEDULED, JobState.RETRYING}
    run_at = None
    if waits:
        run_at = now if transition.delay is None else later(now, transition.delay)
    return [
        run.seq,
        transition.state,
        transition.attempt,
        transition.deaths,
        run_at,
        later(now, transition.keep) if is_final else None,
        None if transition.result is None else text_of(transition.result),
        None if transition.failure is None else dump_failure(transition.failure),
        transition.reason,
    ]


def attempt_of(transition: Transition, run: Run) -> list[Json]:
    """Return the record of an attempt, in the order of the recording statement."""
    failure = None if transition.failure is None else dump_failure(transition.failure)
    return [run.seq, transition.token, run.attempt, run.worker, run.started_at, transition.ending, failure]


def text_of(result: bytes) -> str:
    """Return a result as text.

    Raises:
        InvalidOption: It is no UTF-8.
    """
    try:
        return result.decode()
    except UnicodeDecodeError as error:
        raise InvalidOption("result", result[:80], "give JSON in UTF-8") from error


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
