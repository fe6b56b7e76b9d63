"""Schedules: stored, started, stopped, and fired."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from workmill.store import Due, Fired, TickVerdict
from workmill.stores.redis import drafting
from workmill.stores.redis.drafting import draft
from workmill.stores.redis.finding import LARGEST_LIMIT, foreign
from workmill.stores.redis.rows import moment, pack, unpacked
from workmill.stores.redis.session import Session
from workmill.stores.redis.storing import answered, docs_of
from workmill.words.codec import Json
from workmill.words.errors import InvalidOption
from workmill.words.names import NAME
from workmill.words.plan_codec import dump_plan, load_plan
from workmill.words.schedule import MOST_QUEUED, NewSchedule, Plan, Schedule, Tick
from workmill.words.ticks import length_of, ticks
from workmill.words.unstarted import overlapped_by, schedule_stopped

NOTHING = timedelta(0)
MOST_LISTED = 500
"""How many schedules one script hands over."""


async def put(news: Sequence[NewSchedule], session: Session) -> list[Schedule]:
    """See `Store.put_schedules`."""
    if not news:
        return []
    return readable(await session.run("put_schedules", pack(written(news))))


def written(news: Sequence[NewSchedule]) -> list[Json]:
    """Return what scripts must know of schedules to store."""
    return [
        {
            "name": new.plan.name,
            "plan": text_of(new.plan),
            "args": new.plan.args,
            "pause": None if new.plan.pause is None else length_of(new.plan.pause),
            "overlap": new.plan.overlap,
            "next_at": None if new.next_at is None else ticks(new.next_at),
            "is_active": new.is_active,
            "version": new.version,
        }
        for new in news
    ]


async def listed(limit: int, cursor: str | None, session: Session) -> tuple[list[Schedule], str | None]:
    """See `Store.schedules`."""
    if cursor is not None and NAME.fullmatch(cursor) is None:
        raise foreign(cursor)
    if limit <= 0:
        return [], None
    most, names, records = min(limit, LARGEST_LIMIT) + 1, list[bytes](), list[bytes | None]()
    behind: str | bytes | None = cursor or ""
    while behind is not None and len(names) < most:
        part = min(MOST_LISTED, most - len(names))
        found, said = await session.run("schedules", behind, part)
        names, records = names + found, records + said
        behind = found[-1] if len(found) == part else None
    return readable(records[:limit]), names[limit - 1].decode() if len(names) > limit else None


async def get(names: Sequence[str], session: Session) -> list[Schedule | None]:
    """See `Store.get_schedules`."""
    if not names:
        return []
    found = readable(await session.run("get_schedules", pack(names)))
    by_name = {one.plan.name: one for one in found}
    return [by_name.get(name) for name in names]


async def start(name: str, next_at: datetime, args: bytes | None, session: Session) -> Schedule:
    """See `Store.start_schedule`."""
    asked = {"name": name, "next_at": ticks(next_at), "args": None if args is None else checked(args)}
    return schedule_of(await session.run("start_schedule", pack(asked)))


async def stop(name: str, session: Session, *, is_whole: bool) -> Schedule:
    """See `Store.stop_schedule`."""
    return schedule_of(await stop_all([name], session, is_whole=is_whole))


async def delete(names: Sequence[str], session: Session) -> None:
    """See `Store.delete_schedules`."""
    if names:
        await stop_all(names, session, is_forgotten=True)


async def stop_all(
    names: Sequence[str], session: Session, *, is_whole: bool = False, is_forgotten: bool = False
) -> bytes:
    """Stop schedules, and return the record of the last. Where their jobs are very many it takes several scripts.

    The first of them stops all; whoever is interrupted then repeats it.
    """
    left, behind = list(dict.fromkeys(names)), b"0"
    while True:
        asked = {
            "names": left,
            "reasons": [schedule_stopped(name) for name in left],
            "is_whole": is_whole,
            "is_forgotten": is_forgotten,
            "behind": behind,
        }
        number, behind, record = await session.run("stop_schedules", pack(asked))
        if not number:
            return bytes(record or b"")
        left = left[number - 1 :]


async def due(limit: int, session: Session) -> Due:
    """See `Store.due`."""
    unreadable = 0
    while True:
        most = max(0, min(limit + unreadable, LARGEST_LIMIT))
        now, next_at, records = await session.run("due", most)
        found = readable(records)
        if len(records) - len(found) == unreadable:
            break
        unreadable = len(records) - len(found)  # None is to be hidden by those that cannot be read.
    next_in = None if next_at is None else max(moment(int(float(next_at))) - moment(int(now)), NOTHING)
    return Due(now=moment(int(now)), schedules=tuple(found), next_in=next_in)


async def fire(made: Sequence[Tick], session: Session) -> list[Fired]:
    """See `Store.fire`."""
    return [await fire_one(tick, session) for tick in made]


async def fire_one(tick: Tick, session: Session) -> Fired:
    """Let one schedule make its jobs."""
    asked = {
        "schedule": tick.schedule,
        "version": tick.version,
        "at": ticks(tick.at),
        "next_at": None if tick.next_at is None else ticks(tick.next_at),
        "most_queued": MOST_QUEUED,
        "reasons": [overlapped_by(new.id) for new in tick.jobs],
    }
    drafts, docs = drafting.written(tick.jobs, [draft(new) for new in tick.jobs]), docs_of(tick.jobs)
    verdict, rows = await session.run("fire", pack(asked), drafts, *docs)
    return Fired(verdict=TickVerdict(verdict.decode()), jobs=tuple(answered(docs, rows) if rows else ()))


def readable(records: Sequence[bytes | None]) -> list[Schedule]:
    """Read the schedules that can be read: a bad record never stops good ones."""
    found = []
    for record in records:
        with suppress(ValueError):
            if record is not None:
                found.append(schedule_of(record))
    return found


def schedule_of(record: bytes) -> Schedule:
    """Read one schedule.

    Raises:
        ValueError: It cannot be read.
    """
    said = unpacked(record)
    try:
        return Schedule(
            plan=replace(load_plan(said["plan"]), args=said["args"].encode()),
            is_declared=said["is_declared"],
            is_active=said["is_active"],
            next_at=moment_at(said, "next_at"),
            last_at=moment_at(said, "last_at"),
            last_job=said.get("last_job"),
            version=said["version"],
            created_at=moment(said["created_at"]),
            changed_at=moment(said["changed_at"]),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a schedule: {record[:80]!r}") from error


def moment_at(said: dict[str, Json], field: str) -> datetime | None:
    """Read a moment that may be missing."""
    return moment(said[field]) if field in said else None


def text_of(plan: Plan) -> str:
    """Write a plan.

    Raises:
        InvalidOption: Its arguments are no UTF-8.
    """
    checked(plan.args)
    return dump_plan(plan)


def checked(args: bytes) -> bytes:
    """Return arguments that are text.

    Raises:
        InvalidOption: They are not.
    """
    try:
        args.decode()
    except UnicodeDecodeError as error:
        raise InvalidOption("args", args[:80], "give JSON in UTF-8") from error
    return args
