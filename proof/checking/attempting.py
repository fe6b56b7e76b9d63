"""Attempts follow one another, each claim ends once, and only the newest writes: I3, I4, I5, I7, I8, I9, I20."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from proof.checking.violation import Violation
from proof.histories.dump import Dump, Kept, Tried
from proof.histories.entry import Entry, Op
from proof.histories.history import History
from workmill.words.job import Ending, JobState

GOES_ON = {Ending.FAILED, Ending.SNOOZED, Ending.INTERRUPTED, Ending.RETURNED}
UNCOUNTED = {Ending.SNOOZED, Ending.RETURNED}


def attempting(history: History, dump: Dump) -> Iterator[Violation]:
    """Look at every job's attempts, beside what its code and its engines said."""
    for job in dump.jobs:
        if job.state.is_final:
            for invariant, text in _of_job(history, job):
                yield Violation(invariant=invariant, job=job.id, text=text)


def _of_job(history: History, job: Kept) -> Iterator[tuple[str, str]]:
    yield from _tokens(history, job)
    yield from _order(job)
    yield from _settled(history, job)
    yield from _bounds(job)
    yield from _ending(job)
    if job.state is JobState.SUCCEEDED and job.attempts:
        yield from _outcome(history, job, job.attempts[-1])


def _tokens(history: History, job: Kept) -> Iterator[tuple[str, str]]:
    tokens = [attempt.token for attempt in job.attempts]
    if tokens != list(range(1, job.token + 1)):
        yield "I3 tokens", f"claims 1 to {job.token} ended as {tokens}"
    for token, times in Counter(start.token for start in history.of(Op.START, job.id)).items():
        if times > 1:
            yield "I3 tokens", f"code began {times} times under token {token}"
        if token not in tokens:
            yield "I3 tokens", f"code began under token {token}, of which the store knows no attempt"


def _order(job: Kept) -> Iterator[tuple[str, str]]:
    for attempt in job.attempts:
        if attempt.started_at > attempt.ended_at:
            yield "I4 lease exclusion", f"attempt {attempt.token} ends before it starts"
    for earlier, later in pairwise(job.attempts):
        if earlier.ended_at > later.started_at:
            yield "I4 lease exclusion", f"attempt {later.token} starts before {earlier.token} has ended"
        if earlier.ending not in GOES_ON:
            yield "I7 final once", f"attempt {earlier.token} was {earlier.ending}, and {later.token} follows"


def _settled(history: History, job: Kept) -> Iterator[tuple[str, str]]:
    settled = history.of(Op.SETTLED, job.id)
    endings = {attempt.token: attempt.ending for attempt in job.attempts}
    for token, times in Counter(entry.token for entry in settled).items():
        if times > 1:
            yield "I5 fencing", f"{times} ends of token {token} were accepted"
    for entry in settled:
        if endings.get(entry.token) != entry.kind:
            stored = endings.get(entry.token)
            yield "I5 fencing", f"end of token {entry.token} was accepted as {entry.kind} and is {stored}"
    if sum(JobState(entry.state).is_final for entry in settled) > 1:
        yield "I7 final once", "two final ends were accepted"


def _bounds(job: Kept) -> Iterator[tuple[str, str]]:
    endings = [attempt.ending for attempt in job.attempts]
    deaths = endings.count(Ending.INTERRUPTED)
    given_back = sum(ending in UNCOUNTED for ending in endings)
    if job.deaths != deaths:
        yield "I8 attempts", f"{deaths} attempts were interrupted and it counts {job.deaths}"
    # One that was cancelled instead of going back is counted; one cancelled when it had gone back is not.
    undecided = bool(endings) and endings[-1] in UNCOUNTED
    if job.attempt - (len(endings) - given_back) not in {0, int(undecided)}:
        yield "I8 attempts", f"{len(endings)} claims, {given_back} of them given back, and it counts {job.attempt}"
    if deaths > job.max_deaths:
        yield "I8 attempts", f"{deaths} workers died of it, {job.max_deaths} may"
    if endings.count(Ending.FAILED) > job.max_attempts:
        yield "I8 attempts", f"{endings.count(Ending.FAILED)} attempts failed, {job.max_attempts} may"


def _ending(job: Kept) -> Iterator[tuple[str, str]]:
    last = job.attempts[-1].ending if job.attempts else None
    match job.state:
        case JobState.SUCCEEDED:
            fits = last is Ending.SUCCEEDED
        case JobState.FAILED:
            fits = last in {Ending.FAILED, Ending.INTERRUPTED} or (last is None and bool(job.parents))
        case _:
            fits = job.is_cancel_requested or last is Ending.CANCELLED or (last is None and bool(job.parents))
    if not fits:
        yield "I9 legal moves", f"it is {job.state}, and its last attempt was {last}"


def _outcome(history: History, job: Kept, last: Tried) -> Iterator[tuple[str, str]]:
    """Compare what the last claim's code returned and said with what is stored."""
    ends = [entry for entry in history.of(Op.END, job.id) if entry.token == last.token and entry.kind == "returned"]
    if not ends:
        yield "I5 fencing", f"it succeeded under token {last.token}, whose code never returned"
    elif ends[0].sha != job.result:
        yield "I20 bytes", f"its result is not what the code of token {last.token} returned"
    said = _newest([entry for entry in history.of(Op.PROGRESS, job.id) if entry.token == last.token])
    if said is not None and said.kind != job.progress:
        yield "I5 fencing", f"its progress is {job.progress!r}, the code of token {last.token} said {said.kind!r}"


def _newest(entries: list[Entry]) -> Entry | None:
    return entries[-1] if entries else None
