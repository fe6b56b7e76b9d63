"""How schedules make their jobs, and lose them again."""

from collections.abc import Sequence
from dataclasses import replace

from workmill.store import Enqueued, Fired, TickVerdict
from workmill.stores.sqlite import scheduling, storing
from workmill.stores.sqlite.cancelling import cancel_open
from workmill.stores.sqlite.following import missing
from workmill.stores.sqlite.moments import later, moment
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import LARGEST, Transaction
from workmill.words.job import JobState, NewJob
from workmill.words.schedule import Overlap, Schedule, Tick
from workmill.words.unstarted import overlapped_by, schedule_stopped

STALE = Fired(verdict=TickVerdict.STALE)


def fire(ticks: Sequence[Tick], transaction: Transaction) -> list[Fired]:
    """See `Store.fire`."""
    return [fire_one(tick, transaction) for tick in ticks]


def fire_one(tick: Tick, transaction: Transaction) -> Fired:
    """Let a schedule make the jobs of one tick."""
    schedule = scheduling.stored(tick.schedule, transaction)
    if schedule is None or is_stale(schedule, tick, transaction):
        return STALE
    stored = make_all(schedule, tick.jobs, transaction)
    if stored:
        schedule = replace(schedule, last_job=stored[-1].job.id)
    if tick.version is not None or stored:
        scheduling.write(after(schedule, tick, transaction.now), transaction)
    is_skipped = bool(tick.jobs) and not stored
    return Fired(verdict=TickVerdict.SKIPPED if is_skipped else TickVerdict.FIRED, jobs=tuple(stored))


def is_stale(schedule: Schedule, tick: Tick, transaction: Transaction) -> bool:
    """Whether a tick has nothing to do with a schedule as it is now."""
    if tick.version is None:
        return bool(transaction.batch(statements("follow")["places"], pack([new.id for new in tick.jobs])))
    return not schedule.is_active or schedule.version != tick.version


def make_all(schedule: Schedule, jobs: Sequence[NewJob], transaction: Transaction) -> list[Enqueued]:
    """Store jobs of a schedule, one after the other by its overlap rule, and return those that this stores."""
    overlap = schedule.plan.overlap if schedule.plan.pause is None else Overlap.SKIP
    if overlap is Overlap.ALLOW:
        return transaction.hold(storing.store(jobs, transaction.account, is_bounded=False))
    stored: list[Enqueued] = []
    last_job = schedule.last_job
    for new in jobs:
        stored += make(new, last_job, overlap, transaction)
        last_job = stored[-1].job.id if stored else last_job
    return stored


def make(new: NewJob, last_job: str | None, overlap: Overlap, transaction: Transaction) -> list[Enqueued]:
    """Store one job of a schedule whose last job may be in its way; none where that is to skip it."""
    behind: list[str] = []
    last = standing_of(last_job, transaction)
    if last is not None:
        if overlap is Overlap.SKIP:
            return []
        is_to_cancel = overlap is Overlap.CANCEL
        behind = make_room(*last, overlapped_by(new.id), transaction) if is_to_cancel else [last[1]]
    talk = storing.store([new], transaction.account, behind={new.id: behind}, is_bounded=False)
    return transaction.hold(talk)


def standing_of(job_id: str | None, transaction: Transaction) -> tuple[int, str, str] | None:
    """Return the place, the id and the state of a job, if it is stored and has not ended."""
    rows = () if job_id is None else transaction.batch(statements("follow")["places"], pack([job_id]))
    return next(((seq, name, state) for seq, name, state in rows if not JobState(state).is_final), None)


def make_room(seq: int, job_id: str, state: str, reason: str, transaction: Transaction) -> list[str]:
    """Cancel a job for another, and return those whose end that must await."""
    behind = [job_id] if state == JobState.RUNNING else transaction.hold(missing(seq, LARGEST))[0]
    transaction.hold(cancel_open([job_id], reason, transaction.account))
    return behind


def after(made: Schedule, tick: Tick, now: int) -> Schedule:
    """Return a schedule after a tick, but for what a job that has not ended makes of its next time."""
    pause = made.plan.pause
    if pause is not None and made.is_active:
        made = replace(made, next_at=moment(later(now, pause)))
    if tick.version is None:
        return made
    return replace(made, last_at=tick.at, next_at=made.next_at if pause is not None else tick.next_at)


def stop(name: str, transaction: Transaction, *, cancel_running: bool) -> Schedule:
    """See `Store.stop_schedule`."""
    schedule = scheduling.known(name, transaction)
    if schedule.is_active:
        schedule = scheduling.write(replace(schedule, is_active=False), transaction)
    pending = transaction.batch(statements("made")["pending"], name, cancel_running)
    transaction.hold(cancel_open(pending, schedule_stopped(name), transaction.account))
    return schedule


def delete(names: Sequence[str], transaction: Transaction) -> None:
    """See `Store.delete_schedules`."""
    known = [schedule.plan.name for schedule in scheduling.named(names, transaction) if schedule is not None]
    for name in known:
        stop(name, transaction, cancel_running=False)
    scheduling.delete(known, transaction)
