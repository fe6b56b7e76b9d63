"""How schedules make their jobs, and lose them again."""

from collections.abc import Sequence
from dataclasses import replace

from workmill.store import Enqueued, Fired, TickVerdict
from workmill.stores.sqlite import scheduling, storing
from workmill.stores.sqlite.cancelling import cancel_open
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.job import NewJob
from workmill.words.schedule import MOST_QUEUED, Overlap, Schedule, Tick
from workmill.words.ticks import later, moment
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
    return [one for new in jobs for one in make(schedule.plan.name, new, overlap, transaction)]


def make(name: str, new: NewJob, overlap: Overlap, transaction: Transaction) -> list[Enqueued]:
    """Store one job of a schedule whose jobs that have not ended may be in its way; none where that is to skip it."""
    unended = pending(name, transaction)
    if (unended and overlap is Overlap.SKIP) or (len(unended) >= MOST_QUEUED and overlap is Overlap.QUEUE):
        return []
    if unended and overlap is Overlap.CANCEL:
        transaction.hold(cancel_open(unended, overlapped_by(new.id), transaction.account))
        unended = pending(name, transaction)
    talk = storing.store([new], transaction.account, behind={new.id: unended}, is_bounded=False)
    return transaction.hold(talk)


def pending(name: str, transaction: Transaction, *, running: bool = True) -> list[str]:
    """Return the jobs of a schedule that have not ended, in the order of storing; with those that run or without."""
    job_ids: list[str] = transaction.batch(statements("made")["pending"], name, running)
    return job_ids


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
    meant = pending(name, transaction, running=cancel_running)
    transaction.hold(cancel_open(meant, schedule_stopped(name), transaction.account))
    return schedule


def delete(names: Sequence[str], transaction: Transaction) -> None:
    """See `Store.delete_schedules`."""
    known = [schedule.plan.name for schedule in scheduling.named(names, transaction) if schedule is not None]
    for name in known:
        stop(name, transaction, cancel_running=False)
    scheduling.delete(known, transaction)
