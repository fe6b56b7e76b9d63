"""What becomes due: times that come, jobs too late to begin, rates that open. All of it with the vault's lock held."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workmill.stores.memory import changes
from workmill.stores.memory.claiming import open_rates
from workmill.stores.memory.ending import conclude
from workmill.stores.memory.line import take_due
from workmill.stores.memory.subjects import Subject
from workmill.stores.memory.vault import Vault
from workmill.words.job import Job, JobState


@dataclass(slots=True, kw_only=True)
class Promoted:
    """The jobs that became queued, those that ended instead with what followed, and whose rates have opened."""

    jobs: list[Job]
    ended: list[Job]
    opened: list[Subject]


def promote(vault: Vault, now: datetime, limit: int) -> Promoted:
    """Queue up to as many jobs that are due, and end up to as many that are too late."""
    ledger = vault.ledger
    late = [ledger.jobs[job_id] for job_id in take_due(ledger.lapsing, now, limit)]
    ended = [ledger.write(changes.expired(job, now)) for job in late]
    due = [ledger.jobs[job_id] for job_id in take_due(ledger.due, now, limit)]
    promoted = [ledger.write(replace(job, state=JobState.QUEUED)) for job in due]
    ended += conclude(vault, ended, now)
    return Promoted(jobs=promoted, ended=ended, opened=open_rates(vault, now))


def next_in(vault: Vault, now: datetime) -> timedelta | None:
    """Return how long it is until something is due; None where nothing will be."""
    heads = (vault.ledger.due.first(), vault.ledger.lapsing.first())
    moments = [head[0][0] for head in heads if head]
    if opens_at := vault.rules.starts.next_at:
        moments.append(opens_at)
    return max(min(moments) - now, timedelta(0)) if moments else None
