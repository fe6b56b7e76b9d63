"""How schedules make their jobs, and lose them again. All of it with the vault's lock held."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from workmill.store import Enqueued, Fired, TickVerdict
from workmill.stores.memory.ending import cancel, conclude
from workmill.stores.memory.storing import store_one
from workmill.stores.memory.vault import Vault
from workmill.words.clock import later
from workmill.words.job import Job, JobState, NewJob
from workmill.words.schedule import MOST_QUEUED, Overlap, Schedule, Tick
from workmill.words.unstarted import overlapped_by, schedule_stopped

STALE = Fired(verdict=TickVerdict.STALE)


def fire(vault: Vault, tick: Tick, now: datetime, changed: list[Job]) -> Fired:
    """Let a schedule make the jobs of one tick, whole or not at all; `changed` gets the jobs that made way for them."""
    schedule = vault.schedules.get(tick.schedule)
    if schedule is None or _is_stale(vault, schedule, tick):
        return STALE
    with vault.undo.all_or_none():
        stored = list[Enqueued]()
        for new in tick.jobs:
            if one := _made(vault, schedule, new, now, changed):
                stored.append(one)
                schedule = replace(schedule, last_job=one.job.id)
        is_skipped = bool(tick.jobs) and not stored
        if tick.version is not None or stored:
            vault.schedules.write(_after(schedule, tick, now), now)
    return Fired(verdict=TickVerdict.SKIPPED if is_skipped else TickVerdict.FIRED, jobs=tuple(stored))


def clear(vault: Vault, name: str, now: datetime, *, running: bool) -> list[Job]:
    """Cancel the jobs of a schedule that do not run, and those that do where that is asked; return all changes."""
    mine = (vault.ledger.jobs[job_id] for job_id in vault.ledger.made.by(name))
    meant = [job.id for job in mine if running or job.state is not JobState.RUNNING]
    return _cancelled(vault, meant, schedule_stopped(name), now)


def _is_stale(vault: Vault, schedule: Schedule, tick: Tick) -> bool:
    if tick.version is None:
        return any(new.id in vault.ledger.jobs for new in tick.jobs)
    return not schedule.is_active or schedule.version != tick.version


def _made(vault: Vault, schedule: Schedule, new: NewJob, now: datetime, changed: list[Job]) -> Enqueued | None:
    """Store one job of a schedule by its overlap rule; None where that is to skip it."""
    name = schedule.plan.name
    unfinished = vault.ledger.made.by(name)
    if not unfinished:
        return store_one(vault, new, now, changed)
    match schedule.plan.overlap if schedule.plan.pause is None else Overlap.SKIP:
        case Overlap.SKIP:
            return None
        case Overlap.ALLOW:
            return store_one(vault, new, now, changed)
        case Overlap.QUEUE:
            is_long = len(unfinished) >= MOST_QUEUED
            return None if is_long else store_one(vault, new, now, changed, behind=unfinished)
        case Overlap.CANCEL:
            changed += _cancelled(vault, unfinished, overlapped_by(new.id), now)
            return store_one(vault, new, now, changed, behind=vault.ledger.made.by(name))


def _cancelled(vault: Vault, job_ids: Sequence[str], reason: str, now: datetime) -> list[Job]:
    """Cancel jobs and do what follows from it; return all changes."""
    changed = [after for job_id in job_ids if (after := cancel(vault, job_id, reason, now))]
    return changed + conclude(vault, changed, now)


def _after(made: Schedule, tick: Tick, now: datetime) -> Schedule:
    """Return a schedule after a tick, but for what a job that has not ended makes of its next time."""
    pause = made.plan.pause
    if pause is not None and made.is_active:
        made = replace(made, next_at=later(now, pause))
    if tick.version is None:
        return made
    return replace(made, last_at=tick.at, next_at=made.next_at if pause is not None else tick.next_at)
