"""What clients read goes forward only, and what was cancelled does not begin: I7, I16, I17."""

from collections.abc import Iterator

from proof.checking.faulting import Faults
from proof.checking.violation import Violation
from proof.histories.entry import Entry, Op, Phase
from proof.histories.history import History

CANCEL_SECONDS = 12.0
"""Two polls, and what a busy machine takes: so long may code go on whose cancel was accepted."""
FINAL = {"succeeded", "failed", "cancelled"}


def reading(history: History, faults: Faults) -> Iterator[Violation]:
    """Look at every job that clients read or cancelled."""
    accepted = _accepted(history)
    for job_id in dict.fromkeys(entry.job for entry in history.of(Op.READ)):
        for invariant, text in _reads(history.of(Op.READ, job_id), accepted.get(job_id)):
            yield Violation(invariant=invariant, job=job_id, text=text)
    for entry in history.of(Op.CANCEL):
        if entry.phase is Phase.OK:
            yield from _begun_after(history, entry)
            yield from _ran_on(history, entry, faults)


def _accepted(history: History) -> dict[str, float]:
    """Return when each accepted job that cannot vanish was first known to be stored."""
    said = [entry for entry in history.of(Op.ENQUEUE) if entry.phase in {Phase.OK, Phase.INTENT}]
    vanishing = {entry.job for entry in said if entry.can_vanish}
    first: dict[str, float] = {}
    for entry in said:
        if entry.phase is Phase.OK and entry.job not in vanishing:
            first.setdefault(entry.job, entry.at)
    return first


def _reads(reads: list[Entry], accepted_at: float | None) -> Iterator[tuple[str, str]]:
    for entry in reads:
        if not entry.found and accepted_at is not None and accepted_at < entry.began:
            yield "I17 reads", "it was accepted, and a later read did not find it"
    found = [entry for entry in reads if entry.found]
    for late in found:
        before = [early for early in found if early.at < late.began]
        newest = max(before, key=lambda entry: (entry.version, entry.token), default=None)
        if newest is not None:
            yield from _backwards(newest, late)


def _backwards(early: Entry, late: Entry) -> Iterator[tuple[str, str]]:
    if (late.version, late.token) < (early.version, early.token):
        yield "I17 reads", f"version {early.version} was read, then version {late.version}"
    elif late.version == early.version and (late.state, late.sha) != (early.state, early.sha):
        yield "I17 reads", f"version {early.version} was read as {early.state} and as {late.state}"
    elif early.state in FINAL and (late.state, late.sha) != (early.state, early.sha):
        yield "I7 final once", f"it was {early.state} and became {late.state}, or its result changed"


def _begun_after(history: History, cancel: Entry) -> Iterator[Violation]:
    for start in history.of(Op.START, cancel.job):
        if start.at > cancel.at and start.token > cancel.token:
            text = f"its cancel was accepted at token {cancel.token}, and code began under token {start.token}"
            yield Violation(invariant="I16 cancel", job=cancel.job, text=text)


def _ran_on(history: History, cancel: Entry, faults: Faults) -> Iterator[Violation]:
    signs = [sign for op in (Op.BEAT, Op.PROGRESS) for sign in history.of(op, cancel.job)]
    late = [sign for sign in signs if sign.token == cancel.token and sign.at > cancel.at + CANCEL_SECONDS]
    if late and cancel.state == "running" and not faults.any_between(cancel.at, late[-1].at):
        text = f"code went on for {late[-1].at - cancel.at:.1f} s after its cancel was accepted"
        yield Violation(invariant="I16 cancel", job=cancel.job, text=text)
