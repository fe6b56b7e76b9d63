"""How long it took from a fault to the next start of each job it hit: I18, against G6."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from proof.checking.faulting import GENTLE, Faults
from proof.checking.violation import Violation
from proof.histories.dump import Dump
from proof.histories.entry import Op
from proof.histories.history import History
from workmill.words.job import Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """The recovery times after one kind of fault, in seconds, the shortest first."""

    fault: str
    seconds: tuple[float, ...]

    def at(self, share: float) -> float:
        """Return the time within which this share of the jobs ran again."""
        return self.seconds[min(int(len(self.seconds) * share), len(self.seconds) - 1)]


def recoveries(history: History, dump: Dump, faults: Faults) -> list[Recovery]:
    """Measure from the fault, or from the end of what hit the store meanwhile, because nothing can start before.

    A gentle fault lets a job run on for a while: what it gives back then is measured from the end of its code.
    """
    times: defaultdict[str, list[float]] = defaultdict(list)
    for job in dump.jobs:
        starts = {entry.token: entry.at for entry in history.of(Op.START, job.id)}
        ends = {entry.token: entry.at for entry in history.of(Op.END, job.id)}
        for attempt in job.attempts:
            again = min((at for token, at in starts.items() if token > attempt.token), default=inf)
            if attempt.ending not in {Ending.INTERRUPTED, Ending.RETURNED} or again == inf:
                continue
            fault = faults.cause(job.id, attempt, before=again)
            if fault is not None:
                left = ends.get(attempt.token, fault.at) if fault.kind in GENTLE else fault.at
                since = faults.store_healed_at(max(left, fault.at), again)
                times[fault.kind].append(max(again - since, 0.0))
    return [Recovery(fault=kind, seconds=tuple(sorted(times[kind]))) for kind in sorted(times)]


def late(found: list[Recovery], bound: float) -> Iterator[Violation]:
    """Complain of each kind of fault whose longest recovery is beyond the bound."""
    for recovery in found:
        if recovery.seconds[-1] > bound:
            text = f"a job began again {recovery.seconds[-1]:.1f} s after {recovery.fault}, bound {bound:.1f} s"
            yield Violation(invariant="I18 time", job="", text=text)
