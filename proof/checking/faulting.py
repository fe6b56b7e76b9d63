"""Which fault explains what became of an attempt."""

from proof.histories.dump import Tried
from proof.histories.entry import Entry, Op
from proof.histories.history import History

STORE = "store"


class Faults:
    """The faults of a history, asked by the attempts they may have hit.

    Args:
        tail: Seconds after its end during which a fault still shows, such as the lease.
    """

    def __init__(self, history: History, *, tail: float) -> None:
        self._faults = history.of(Op.FAULT)
        self._tail = tail
        self._homes = {entry.worker: str(entry.pid) for entry in history.of(Op.WORKER)}
        self._starts = {(entry.job, entry.token): entry for entry in history.of(Op.START)}

    def newest(self, job_id: str, attempt: Tried, *, before: float) -> Entry | None:
        """Return the newest fault before a moment that hit an attempt: its store, worker or process."""
        start = self._starts.get((job_id, attempt.token))
        begun_at = 0.0 if start is None else start.at
        scopes = {STORE, attempt.worker, self._homes.get(attempt.worker, STORE)}
        scopes |= set() if start is None else {str(start.pid)}
        hit = [
            fault
            for fault in self._faults
            if fault.scope in scopes and fault.at <= before and max(fault.until, fault.at) + self._tail >= begun_at
        ]
        return hit[-1] if hit else None
