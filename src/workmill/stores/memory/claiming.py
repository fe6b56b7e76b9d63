"""How jobs are given to workers. All of it with the vault's lock held."""

import heapq
from dataclasses import dataclass, field
from datetime import datetime

from workmill.store import ClaimRequest
from workmill.stores.memory import changes
from workmill.stores.memory.ending import conclude
from workmill.stores.memory.lanes import Street
from workmill.stores.memory.line import Turn
from workmill.stores.memory.subjects import Subject, of_gate
from workmill.stores.memory.vault import Vault
from workmill.words.job import Job
from workmill.words.limit import Gate


@dataclass(slots=True, kw_only=True)
class Claimed:
    """The jobs that were given, and those that ended because it was too late to give them, with what followed.

    Attributes:
        opened: Whose rates let jobs begin again that they held back.
        is_shut_next: Whether this claim reached the rate that opens next.
    """

    opened: list[Subject]
    jobs: list[Job] = field(default_factory=list)
    ended: list[Job] = field(default_factory=list)
    is_shut_next: bool = False


def claim(vault: Vault, request: ClaimRequest, now: datetime) -> Claimed:
    """Give up to as many jobs as are asked for, in the order over all tasks and queues that are named.

    As all that can happen to a rule during a claim is that it is reached, a street that is closed once is not looked at
    again, and a gate that is shut once stays so.
    """
    claimed = Claimed(opened=open_rates(vault, now))
    next_at = vault.rules.starts.next_at
    line = _Order(vault, request, now)
    while len(claimed.jobs) < request.limit and (job := line.next()):
        if job.policy.expires is not None and changes.is_too_late(job, now):
            claimed.ended.append(vault.ledger.write(changes.expired(job, now)))
        else:
            claimed.jobs.append(vault.ledger.write(changes.claimed(job, request, now)))
            vault.rules.begin(job, now)
    claimed.ended += conclude(vault, claimed.ended, now)
    claimed.is_shut_next = vault.rules.starts.next_at != next_at
    return claimed


def open_rates(vault: Vault, now: datetime) -> list[Subject]:
    """Let those go on whom a rate held back until now, and return what they count as."""
    opened = vault.rules.starts.opened(now)
    for subject in opened:
        vault.ledger.lanes.reopen(subject)
    return opened


class _Order:
    """The heads of the streets that a claim may take from, the next first."""

    def __init__(self, vault: Vault, request: ClaimRequest, now: datetime) -> None:
        self._vault = vault
        self._now = now
        self._streets = vault.ledger.lanes.named(request.tasks, request.queues)
        heads = ((self._first(street), place) for place, street in enumerate(self._streets))
        self._heads = [(*head, place) for head, place in heads if head]
        heapq.heapify(self._heads)

    def next(self) -> Job | None:
        """Return who may begin next. Who is not taken out of its line then is returned again."""
        while self._heads:
            _, job_id, place = self._heads[0]
            head = self._first(self._streets[place])
            if head is None:
                heapq.heappop(self._heads)
            elif head[1] == job_id:
                return self._vault.ledger.jobs[job_id]
            else:
                heapq.heapreplace(self._heads, (*head, place))
        return None

    def _first(self, street: Street) -> tuple[Turn, str] | None:
        if not self._vault.rules.admits(street.task, street.queue, self._now):
            return None
        return street.plain.first() if street.gated is None else street.first(self._is_shut)

    def _is_shut(self, gate: Gate) -> bool:
        return self._vault.rules.is_shut(of_gate(gate), self._now)
