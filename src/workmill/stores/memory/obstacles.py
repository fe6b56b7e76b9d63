"""What holds a job back. All of it with the vault's lock held."""

from datetime import datetime
from itertools import islice

from workmill.store import MOST_AHEAD, MOST_NAMED, LimitReached, Obstacles, RateReached
from workmill.stores.memory.subjects import Subject, of_job
from workmill.stores.memory.vault import Vault
from workmill.words.job import Job, JobState
from workmill.words.limit import Rule, Scope

HELD_BACK = frozenset({JobState.WAITING, JobState.QUEUED})


def obstacles(vault: Vault, job: Job, now: datetime) -> Obstacles:
    """Return what holds a job back now."""
    if job.state not in HELD_BACK:
        return Obstacles()
    rules = [(rule, subject) for subject in of_job(job) if (rule := vault.rules.get(subject))]
    parents = vault.following.open_parents(job.id)
    return Obstacles(
        paused=vault.rules.pauses.get(job.queue),
        parents=parents[:MOST_NAMED],
        parents_missing=len(parents),
        limits=tuple(_limit(vault, rule, subject) for rule, subject in rules if vault.rules.is_full(subject)),
        rates=tuple(
            RateReached(rule=rule, key=_key(subject), opens_at=opens_at)
            for rule, subject in rules
            if (opens_at := vault.rules.starts.opens_at(subject, now))
        ),
        ahead=_ahead(vault, job),
    )


def _limit(vault: Vault, rule: Rule, subject: Subject) -> LimitReached:
    held = (job for worker_id in vault.ledger.holders() for job in vault.ledger.held_by(worker_id))
    running = sorted((job for job in held if subject in of_job(job)), key=_began)
    return LimitReached(
        rule=rule,
        key=_key(subject),
        running=len(running),
        job_ids=tuple(job.id for job in running[:MOST_NAMED]),
        since=running[0].started_at if running else None,
    )


def _key(subject: Subject) -> str | None:
    scope, _, key = subject
    return key if scope is Scope.KEY else None


def _ahead(vault: Vault, job: Job) -> int:
    mine = vault.ledger.turn(job)
    before = (turn for street in vault.ledger.lanes.on(job.queue) for turn in street.turns() if turn < mine)
    return sum(1 for _ in islice(before, MOST_AHEAD))


def _began(job: Job) -> tuple[datetime, str]:
    return (job.started_at or job.created_at, job.id)
