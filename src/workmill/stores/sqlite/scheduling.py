"""Schedules as rows: storing, editing, listing, and when they are due."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from workmill.store import Due, NoticeKind
from workmill.stores.sqlite.ends import BY_LOOP
from workmill.stores.sqlite.rows import pack, text_of, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.codec import Json
from workmill.words.errors import InvalidOption, ScheduleActive, ScheduleChanged, ScheduleNotFound
from workmill.words.job import JobState
from workmill.words.names import NAME
from workmill.words.plan_codec import dump_plan, load_plan
from workmill.words.schedule import NewSchedule, Schedule
from workmill.words.ticks import TICK, moment, moment_or_none, ticks


def put(schedules: Sequence[NewSchedule], transaction: Transaction) -> list[Schedule]:
    """See `Store.put_schedules`."""
    return [put_one(new, transaction) for new in schedules]


def put_one(new: NewSchedule, transaction: Transaction) -> Schedule:
    """Store a schedule, or edit the one of its name.

    Raises:
        ScheduleChanged: It is not the one that the edit was made of.
    """
    before = stored(new.plan.name, transaction)
    if new.version is not None and new.version != (0 if before is None else before.version):
        raise ScheduleChanged(new.plan.name, None if before is None else before.version)
    return write(edited(before, new, transaction), transaction)


def declare(schedules: Sequence[NewSchedule], transaction: Transaction) -> None:
    """Note what code says of schedules: see `Store.declare`."""
    for new in schedules:
        name, said = new.plan.name, dump_plan(new.plan)
        before = stored(name, transaction)
        if before is None or transaction.value(statements("schedule")["declared"], name) != said:
            wanted = edited(before, new, transaction)
            write(wanted if before is None else replace(wanted, is_active=before.is_active), transaction)
            transaction.run(statements("schedule")["declare"], name, said)


def edited(before: Schedule | None, new: NewSchedule, transaction: Transaction) -> Schedule:
    """Return a schedule as an edit wants it."""
    if before is not None:
        return replace(before, plan=new.plan, is_active=new.is_active, next_at=new.next_at)
    now = moment(transaction.now)
    return Schedule(
        plan=new.plan,
        is_declared=False,
        is_active=new.is_active,
        next_at=new.next_at,
        last_at=None,
        last_job=None,
        version=0,
        created_at=now,
        changed_at=now,
    )


def page(limit: int, cursor: str | None, transaction: Transaction) -> tuple[list[Schedule], str | None]:
    """See `Store.schedules`."""
    if cursor is not None and NAME.fullmatch(cursor) is None:
        raise InvalidOption("cursor", cursor, "give the cursor that came with the page before, or none")
    if limit <= 0:
        return [], None
    rows = transaction.batch(statements("schedule")["page"], cursor or "", limit + 1)
    return readable(rows[:limit]), rows[limit - 1][0] if len(rows) > limit else None


def named(names: Sequence[str], transaction: Transaction) -> list[Schedule | None]:
    """See `Store.get_schedules`."""
    rows = transaction.batch(statements("schedule")["named"], pack([writable(name) for name in names]))
    by_name = {schedule.plan.name: schedule for schedule in readable(rows)}
    return [by_name.get(name) for name in names]


def stored(name: str, transaction: Transaction) -> Schedule | None:
    """Return one schedule, if there is one of this name."""
    (schedule,) = named([name], transaction)
    return schedule


def known(name: str, transaction: Transaction) -> Schedule:
    """Return a schedule that must be stored.

    Raises:
        ScheduleNotFound: It is not.
    """
    schedule = stored(name, transaction)
    if schedule is None:
        raise ScheduleNotFound(name)
    return schedule


def start(name: str, next_at: datetime, args: bytes | None, transaction: Transaction) -> Schedule:
    """See `Store.start_schedule`."""
    before = known(name, transaction)
    if before.is_active:
        raise ScheduleActive(name)
    plan = before.plan if args is None else replace(before.plan, args=text_of("args", args).encode())
    return write(replace(before, plan=plan, is_active=True, next_at=next_at), transaction)


def delete(names: Sequence[str], transaction: Transaction) -> None:
    """Forget schedules, which are stopped."""
    transaction.run(statements("schedule")["delete"], pack(names))


def due(limit: int, transaction: Transaction) -> Due:
    """See `Store.due`."""
    with transaction.snapshot():
        found, passed = readable_due(max(limit, 0), transaction)
        next_at = transaction.value(statements("schedule")["next"], passed)
    return Due(
        now=moment(transaction.now),
        schedules=tuple(found),
        next_in=max(next_at - transaction.now, 0) * TICK if isinstance(next_at, int) else None,
    )


def readable_due(limit: int, transaction: Transaction) -> tuple[list[Schedule], int]:
    """Return up to `limit` schedules that are due, and how many were looked at: none is hidden by unreadable ones."""
    unreadable = 0
    while True:
        rows = transaction.batch(statements("schedule")["due"], transaction.now, limit + unreadable)
        found = readable(rows)
        if len(rows) - len(found) == unreadable:
            return found, len(rows)
        unreadable = len(rows) - len(found)


def write(wanted: Schedule, transaction: Transaction) -> Schedule:
    """Store a schedule with `is_active` and `next_at` as they can be, and its version raised."""
    last_place = unended_place(wanted.last_job, transaction)
    is_under_way = wanted.plan.pause is not None and last_place is not None
    is_active = wanted.is_active and (is_under_way or wanted.next_at is not None)
    schedule = replace(
        wanted,
        is_active=is_active,
        next_at=wanted.next_at if is_active and not is_under_way else None,
        version=int(transaction.value(statements("made")["rise"]) or 0),
        changed_at=moment(transaction.now),
    )
    transaction.run(statements("schedule")["put"], *values_of(schedule))
    if is_under_way:
        transaction.run(statements("follow")["mark"], pack([last_place]), BY_LOOP)
    if schedule.next_at is not None:
        transaction.tell(NoticeKind.SCHEDULED)
    return schedule


def unended_place(job_id: str | None, transaction: Transaction) -> int | None:
    """Return the place of a job in the order of storing, if it is stored and has not ended."""
    rows = () if job_id is None else transaction.batch(statements("follow")["places"], pack([job_id]))
    return next((seq for seq, _, state in rows if not JobState(state).is_final), None)


def values_of(schedule: Schedule) -> tuple[str | int | None, ...]:
    """Return a schedule's values in the order of the statement that stores it. What code declares is not among them."""
    return (
        schedule.plan.name,
        dump_plan(schedule.plan),
        None,
        schedule.is_active,
        None if schedule.plan.pause is None else schedule.plan.pause // TICK,
        None if schedule.next_at is None else ticks(schedule.next_at),
        None if schedule.last_at is None else ticks(schedule.last_at),
        schedule.last_job,
        schedule.version,
        ticks(schedule.created_at),
        ticks(schedule.changed_at),
    )


def readable(rows: Sequence[Sequence[Json]]) -> list[Schedule]:
    """Read schedules and leave out those that cannot be read."""
    found = []
    for row in rows:
        with suppress(ValueError):
            found.append(schedule_of(row))
    return found


def schedule_of(row: Sequence[Json]) -> Schedule:
    """Read one schedule.

    Raises:
        ValueError: It cannot be read.
    """
    _, plan, is_declared, is_active, next_at, last_at, last_job, version, created_at, changed_at = row
    return Schedule(
        plan=load_plan(plan),
        is_declared=is_declared == 1,
        is_active=is_active == 1,
        next_at=moment_or_none(next_at),
        last_at=moment_or_none(last_at),
        last_job=last_job,
        version=version,
        created_at=moment(created_at),
        changed_at=moment(changed_at),
    )
