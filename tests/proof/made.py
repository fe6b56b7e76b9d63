"""A history made by hand: one job that was enqueued, run once and read, to be spoiled in one place by each test."""

from dataclasses import replace
from typing import Any

from proof.checking.faulting import Faults
from proof.checking.verdict import check
from proof.histories.dump import Dump, Kept, Tried
from proof.histories.entry import Entry, Op, Phase
from proof.histories.history import History
from workmill.words.job import Ending, JobState

JOB = "j1"
WORKER = "w1"
ARGS, RESULT = "args", "result"


def entries() -> list[Entry]:
    return [
        Entry(op=Op.WORKER, at=0.5, pid=10, worker=WORKER),
        Entry(op=Op.ENQUEUE, at=1.0, pid=20, phase=Phase.INTENT, job=JOB, sha=ARGS),
        Entry(op=Op.ENQUEUE, at=2.0, pid=20, phase=Phase.OK, job=JOB),
        start(1, at=3.0),
        returned(1, at=4.0),
        settled(1, at=5.0),
        read(at=6.0),
    ]


def start(token: int, *, at: float) -> Entry:
    return Entry(op=Op.START, at=at, pid=11, job=JOB, token=token, sha=ARGS, worker=WORKER)


def returned(token: int, *, at: float) -> Entry:
    return Entry(op=Op.END, at=at, pid=11, job=JOB, token=token, sha=RESULT, kind="returned")


def settled(token: int, *, at: float, ending: Ending = Ending.SUCCEEDED, state: str = "succeeded") -> Entry:
    return Entry(op=Op.SETTLED, at=at, pid=11, job=JOB, token=token, state=state, kind=str(ending))


def read(*, at: float, **changes: Any) -> Entry:
    whole = Entry(op=Op.READ, at=at, began=at - 0.5, job=JOB, state="succeeded", token=1, version=3, sha=RESULT)
    return replace(whole, **changes)


def attempt(token: int, *, ending: Ending = Ending.SUCCEEDED, worker: str = WORKER, number: int = 0) -> Tried:
    began = 100.0 + 10 * token
    return Tried(
        number=number or token, token=token, worker=worker, started_at=began, ended_at=began + 5, ending=ending
    )


def job(*attempts: Tried, **changes: Any) -> Kept:
    tried = attempts or (attempt(1),)
    whole = Kept(
        id=JOB,
        task="quick",
        queue="default",
        state=JobState.SUCCEEDED,
        sha=ARGS,
        key="",
        attempt=len(tried),
        deaths=sum(each.ending is Ending.INTERRUPTED for each in tried),
        token=len(tried),
        version=3,
        max_attempts=1,
        max_deaths=3,
        result=RESULT,
        progress="",
        is_cancel_requested=False,
        attempts=tried,
    )
    return replace(whole, **changes)


def found(said: list[Entry], *jobs: Kept, counts: tuple[tuple[str, str, str, int], ...] | None = None) -> set[str]:
    """Return the invariants that are broken, by the first word of their names."""
    kept = jobs or (job(),)
    fitting = tuple(("default", "quick", str(state), n) for state, n in _states(kept).items())
    dump = Dump(jobs=kept, counts=fitting if counts is None else counts)
    history = History(said)
    return {violation.invariant.split()[0] for violation in check(history, dump, Faults(history, tail=0.0))}


def _states(jobs: tuple[Kept, ...]) -> dict[JobState, int]:
    return {state: sum(job.state is state for job in jobs) for state in {job.state for job in jobs}}
