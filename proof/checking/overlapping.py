"""No attempt is taken away, and no code overlaps with its successor's, but for a fault: I6."""

from collections.abc import Iterator
from itertools import pairwise
from math import inf

from proof.checking.faulting import Faults
from proof.checking.violation import Violation
from proof.histories.dump import Dump, Kept
from proof.histories.entry import Entry, Op
from proof.histories.history import History
from workmill.words.job import Ending

SIGNS = (Op.START, Op.BEAT, Op.PROGRESS, Op.END)


def overlapping(history: History, dump: Dump, faults: Faults) -> Iterator[Violation]:
    """Look for what no fault explains."""
    for job in dump.jobs:
        yield from _taken_away(job, faults)
        for earlier, later in overlaps(history, job):
            attempt = next((each for each in job.attempts if each.token == earlier.token), None)
            if attempt is None or faults.cause(job.id, attempt, before=later.at) is None:
                text = f"code of token {earlier.token} ran on when that of {later.token} began, and nothing was wrong"
                yield Violation(invariant="I6 overlap", job=job.id, text=text)


def overlaps(history: History, job: Kept) -> list[tuple[Entry, Entry]]:
    """Return the last sign of one token's code and the start of the next, where that was earlier."""
    starts = sorted(history.of(Op.START, job.id), key=lambda entry: entry.token)
    signs = [sign for op in SIGNS for sign in history.of(op, job.id)]
    found = []
    for earlier, later in pairwise(starts):
        last = max((sign for sign in signs if sign.token == earlier.token), key=lambda sign: sign.at)
        if last.at > later.at and earlier.token != later.token:
            found.append((last, later))
    return found


def _taken_away(job: Kept, faults: Faults) -> Iterator[Violation]:
    for attempt in job.attempts:
        if attempt.ending not in {Ending.INTERRUPTED, Ending.RETURNED}:
            continue
        if faults.cause(job.id, attempt, before=inf) is None:
            text = f"attempt {attempt.token} was {attempt.ending}, and nothing had happened to its worker"
            yield Violation(invariant="I4 lease exclusion", job=job.id, text=text)
