"""Which fault explains what became of an attempt."""

import statistics

from proof.histories.dump import Dump, Tried
from proof.histories.entry import Entry, Op
from proof.histories.history import History
from workmill.words.job import Ending

STORE = "store"
STALL = "stall"
"""What a frozen process may do to all others, where one process writes at a time."""
GENTLE = {"end worker", "restart engines", "stop"}
"""What makes a worker give its jobs back, and explains no death."""


class Faults:
    """The faults of a history, asked by the attempts they may have hit.

    Args:
        tail: Seconds after its end during which a fault still shows, such as the lease.
        offset: Seconds from the store's clock to the history's, where both are true; it places attempts whose code
            never began.
    """

    def __init__(self, history: History, *, tail: float, offset: float | None = None) -> None:
        self._faults = history.of(Op.FAULT)
        self._tail = tail
        self._offset = offset
        self._homes = {entry.worker: str(entry.pid) for entry in history.of(Op.WORKER)}
        self._starts = {(entry.job, entry.token): entry for entry in history.of(Op.START)}

    def cause(self, job_id: str, attempt: Tried, *, before: float) -> Entry | None:
        """Return the last fault before a moment that hit an attempt: its worker, else the whole store.

        One that left its worker no choice counts before a gentle one, and one while it ran before one that still
        showed when it began. Whose code never began may have been hit in any process.
        """
        start = self._starts.get((job_id, attempt.token))
        begun_at = self._begun_at(attempt, start)
        scopes = {attempt.worker, self._homes.get(attempt.worker, STORE)} | ({str(start.pid)} if start else set())
        hit = [
            fault
            for fault in self._faults
            if (start is None or fault.scope in {STORE, *scopes})
            and not (fault.kind in GENTLE and attempt.ending is Ending.INTERRUPTED)
            and fault.at <= before
            and max(fault.until, fault.at) + self._tail >= begun_at
        ]
        return max(
            hit,
            key=lambda fault: (
                max(fault.until, fault.at) >= begun_at,
                fault.scope != STORE,
                fault.kind not in GENTLE,
                fault.at,
            ),
            default=None,
        )

    def store_healed_at(self, began: float, ended: float) -> float:
        """Return when the store was last mended of what was wrong with it between two moments; else the first."""
        hit = [fault for fault in self._faults if fault.scope == STORE and fault.kind != STALL]
        over = [fault.until for fault in hit if fault.at <= ended]
        return max([began, *(moment for moment in over if moment >= began)])

    def any_between(self, began: float, ended: float) -> bool:
        """Say whether anything was wrong between two moments."""
        return any(fault.at <= ended and max(fault.until, fault.at) + self._tail >= began for fault in self._faults)

    def _begun_at(self, attempt: Tried, start: Entry | None) -> float:
        if start is not None:
            return start.at
        return 0.0 if self._offset is None else attempt.started_at + self._offset


def clock_offset(history: History, dump: Dump) -> float | None:
    """Return the seconds from the store's clock to the history's, by the attempts that both know."""
    starts = {(entry.job, entry.token): entry.at for entry in history.of(Op.START)}
    tried = [(job.id, attempt) for job in dump.jobs for attempt in job.attempts]
    apart = [starts[job, each.token] - each.started_at for job, each in tried if (job, each.token) in starts]
    return statistics.median(apart) if apart else None
