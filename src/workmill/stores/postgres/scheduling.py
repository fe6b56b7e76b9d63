"""Schedules: stored, started, stopped, and fired."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from workmill.store import Due, Fired, NoticeKind, TickVerdict
from workmill.stores.postgres.finding import LARGEST_LIMIT
from workmill.stores.postgres.refusals import refusal
from workmill.stores.postgres.rows import Row, text_of
from workmill.stores.postgres.session import Session
from workmill.stores.postgres.storing import MOST_TRIES, PATIENCE, drafts, enqueued_of, tell
from workmill.words.codec import Json, dump, load
from workmill.words.errors import InvalidOption, ScheduleActive, ScheduleChanged, ScheduleNotFound, StoreUnavailable
from workmill.words.names import NAME
from workmill.words.plan_codec import dump_plan, load_plan
from workmill.words.schedule import MOST_QUEUED, NewSchedule, Schedule, Tick
from workmill.words.ticks import length_of, moment, moment_or_none, ticks

NOTHING = timedelta(0)


async def put(news: Sequence[NewSchedule], session: Session) -> list[Schedule]:
    """See `Store.put_schedules`."""
    if not news:
        return []
    ((changed,),) = await session.run("schedule", "put", [written(news)])
    if changed is not None:
        fields = load(changed)
        raise ScheduleChanged(fields["name"], fields["version"])
    session.tell(NoticeKind.SCHEDULED)
    return [one for one in await get([new.plan.name for new in news], session) if one is not None]


def written(news: Sequence[NewSchedule]) -> str:
    """Return what the server must know to store schedules."""
    return dump(
        [
            {
                "name": new.plan.name,
                "plan": dump_plan(new.plan),
                "args": text_of("args", new.plan.args),
                "pause": None if new.plan.pause is None else length_of(new.plan.pause),
                "overlap": str(new.plan.overlap),
                "next_at": None if new.next_at is None else ticks(new.next_at),
                "is_active": new.is_active,
                "version": new.version,
            }
            for new in news
        ]
    ).decode()


async def listed(limit: int, cursor: str | None, session: Session) -> tuple[list[Schedule], str | None]:
    """See `Store.schedules`."""
    if cursor is not None and NAME.fullmatch(cursor) is None:
        raise InvalidOption("cursor", cursor, "give the cursor that came with the page before, or none for the first")
    if limit <= 0:
        return [], None
    rows = await session.run("schedule", "list", [cursor or "", min(limit, LARGEST_LIMIT) + 1])
    return readable(rows[:limit]), rows[limit - 1][0] if len(rows) > limit else None


async def get(names: Sequence[str], session: Session) -> list[Schedule | None]:
    """See `Store.get_schedules`."""
    if not names:
        return []
    # No text of PostgreSQL's holds a NUL, so no name does.
    rows = await session.run("schedule", "named", [[name for name in names if "\0" not in name]])
    by_name = {one.plan.name: one for one in readable(rows)}
    return [by_name.get(name) for name in names]


async def known(name: str, session: Session) -> Schedule:
    """Return a schedule that must be stored.

    Raises:
        ScheduleNotFound: It is not.
    """
    (schedule,) = await get([name], session)
    if schedule is None:
        raise ScheduleNotFound(name)
    return schedule


async def start(name: str, next_at: datetime, args: bytes | None, session: Session) -> Schedule:
    """See `Store.start_schedule`."""
    await known(name, session)
    values = [name, ticks(next_at), None if args is None else text_of("args", args)]
    ((said,),) = await session.run("schedule", "start", values)
    if said == "active":
        raise ScheduleActive(name)
    session.tell(NoticeKind.SCHEDULED)
    return await known(name, session)


async def stop(name: str, session: Session, *, is_whole: bool) -> Schedule:
    """See `Store.stop_schedule`."""
    await known(name, session)
    ((_, followed),) = await session.run("schedule", "stop", [[name], is_whole, False])
    session.tell_followed(followed)
    return await known(name, session)


async def delete(names: Sequence[str], session: Session) -> None:
    """See `Store.delete_schedules`."""
    stored = [name for name in names if "\0" not in name]
    if stored:
        ((_, followed),) = await session.run("schedule", "stop", [stored, False, True])
        session.tell_followed(followed)


async def due(limit: int, session: Session) -> Due:
    """See `Store.due`."""
    ((now, _),) = await session.run("schedule", "next", [[]])
    found, passed = await readable_due(max(0, min(limit, LARGEST_LIMIT)), now, session)
    ((_, next_at),) = await session.run("schedule", "next", [passed])
    next_in = None if next_at is None else max(moment(next_at) - moment(now), NOTHING)
    return Due(now=moment(now), schedules=tuple(found), next_in=next_in)


async def readable_due(limit: int, now: int, session: Session) -> tuple[list[Schedule], list[str]]:
    """Return up to `limit` schedules that are due, and which were looked at: none is hidden by unreadable ones."""
    unreadable = 0
    while True:
        rows = await session.run("schedule", "due", [now, min(limit + unreadable, LARGEST_LIMIT)])
        found = readable(rows)
        if len(rows) - len(found) == unreadable:
            return found, [row[0] for row in rows]
        unreadable = len(rows) - len(found)


async def fire(made: Sequence[Tick], session: Session) -> list[Fired]:
    """See `Store.fire`."""
    return [await fire_one(tick, session) for tick in made]


async def fire_one(tick: Tick, session: Session) -> Fired:
    """Let one schedule make its jobs."""
    asked = dump(
        {
            "schedule": tick.schedule,
            "version": tick.version,
            "at": ticks(tick.at),
            "next_at": None if tick.next_at is None else ticks(tick.next_at),
            "most_queued": MOST_QUEUED,
            "jobs": await drafts(tick.jobs, session),
        }
    ).decode()
    for _ in range(MOST_TRIES):
        rows = await session.run("schedule", "fire", {"asked": asked, "patience": PATIENCE})
        if rows:
            return fired_of(rows, session)
    raise StoreUnavailable("the same jobs were stored and deleted again and again meanwhile; repeat the call")


def fired_of(rows: Sequence[Sequence[Json]], session: Session) -> Fired:
    """Read what became of a tick, and tell of it."""
    said, detail, *_ = rows[0]
    if said == "refused":
        raise refusal(detail)
    if said == "stale":
        return Fired(verdict=TickVerdict.STALE)
    enqueued = enqueued_of([row[2:] for row in rows[1:]])
    tell(enqueued, session)
    session.tell_followed(None if detail is None else load(detail))
    session.tell(NoticeKind.SCHEDULED)
    return Fired(verdict=TickVerdict(said), jobs=tuple(enqueued))


def readable(rows: Sequence[Row]) -> list[Schedule]:
    """Read the schedules that can be read: a bad row never stops good ones."""
    found = []
    for row in rows:
        with suppress(ValueError):
            found.append(schedule_of(row))
    return found


def schedule_of(row: Row) -> Schedule:
    """Read one schedule.

    Raises:
        ValueError: It cannot be read.
    """
    _, plan, args, is_declared, is_active, next_at, last_at, last_job, version, created_at, changed_at = row
    return Schedule(
        plan=replace(load_plan(plan), args=args.encode()),
        is_declared=is_declared,
        is_active=is_active,
        next_at=moment_or_none(next_at),
        last_at=moment_or_none(last_at),
        last_job=last_job,
        version=version,
        created_at=moment(created_at),
        changed_at=moment(changed_at),
    )
