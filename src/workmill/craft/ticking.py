"""What a schedule does when it is due: decided of the schedule as stored and the store's present moment."""

from datetime import datetime, timedelta
from typing import assert_never

from workmill.craft.ids import new_id
from workmill.craft.when import When
from workmill.words.job import NewJob
from workmill.words.schedule import Missed, Plan, Schedule, Tick
from workmill.words.ties import Ties

LATE = timedelta(minutes=1)
"""From so long after its time on a tick is one that was missed."""
MOST_AT_ONCE = 100
"""How many missed ticks one turn makes up for at most; the next turn, at once, goes on with the others."""


def tick_of(schedule: Schedule, when: When, now: datetime) -> Tick:
    """Return the turn of a schedule that is due, by what its plan says of ticks that were missed.

    Of several that have come, `ONCE` makes the last one's job, however late it is, `SKIP` makes it only where that is
    not late, and `ALL` makes the jobs of all.
    """
    first = schedule.next_at
    if first is None or first > now:
        raise ValueError(f"schedule {schedule.plan.name!r} is not due")
    match schedule.plan.missed:
        case Missed.ALL:
            moments = _all(when, first, now)
        case Missed.ONCE:
            moments = [when.last(first, now)]
        case Missed.SKIP:
            moments = [when.last(first, now)]
            if now - moments[-1] > LATE and when.pause is None:  # No round of a loop is ever missed: it only waits.
                return _tick(schedule, moments[-1], (), when)
        case _:
            assert_never(schedule.plan.missed)
    return _tick(schedule, moments[-1], tuple(job_of(schedule.plan, moment) for moment in moments), when)


def tick_by_hand(plan: Plan, now: datetime) -> Tick:
    """Return the turn that a person asks for."""
    return Tick(schedule=plan.name, version=None, at=now, jobs=(job_of(plan, now),), next_at=None)


def job_of(plan: Plan, moment: datetime) -> NewJob:
    """Make the job of one tick."""
    return NewJob(
        id=new_id(),
        task=plan.task,
        queue=plan.queue,
        priority=plan.priority,
        args=plan.args,
        policy=plan.policy,
        ties=Ties(gates=plan.gates, schedule=plan.name, tick=moment),
    )


def _tick(schedule: Schedule, at: datetime, jobs: tuple[NewJob, ...], when: When) -> Tick:
    return Tick(schedule=schedule.plan.name, version=schedule.version, at=at, jobs=jobs, next_at=when.following(at))


def _all(when: When, first: datetime, now: datetime) -> list[datetime]:
    moments = [first]
    while len(moments) < MOST_AT_ONCE and (after := when.following(moments[-1])) is not None and after <= now:
        moments.append(after)
    return moments
