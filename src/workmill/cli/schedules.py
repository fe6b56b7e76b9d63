"""`workmill schedules`: list, show, start, stop and trigger schedules, and say when they come next."""

from typing import Annotated

from cyclopts import App as Parser
from cyclopts import Parameter

from workmill import (
    App,
    InvalidArguments,
    NewJob,
    ScheduleActive,
    ScheduleHandle,
    outcome_document,
    schedule_document,
    upcoming,
)
from workmill.cli.call import read_json
from workmill.cli.exits import Exit, UsageError
from workmill.cli.loading import load_app
from workmill.cli.options import LISTING, SHOWING, Listing, Seconds, Showing, Whole
from workmill.cli.output import Column, Document, json_text, show_fields, show_items, show_json
from workmill.cli.terminal import clean, say

schedules = Parser(name="schedules", help="List, show, start, stop and trigger schedules.", version_flags=())

SHOWN_TICKS, SHOWN_OUTCOMES = 5, 20

Name = Annotated[str, Parameter(name="SCHEDULE")]


@schedules.command(name="list")
def list_schedules(
    *,
    limit: Annotated[Whole, Parameter(help="How many at most, from 1 to 1000.")] = 100,
    cursor: Annotated[str | None, Parameter(help="Where an earlier list said that the next page begins.")] = None,
    listing: Listing = LISTING,
) -> int:
    """List the stored schedules, by name."""
    app = load_app(listing.app)
    page = app.schedules.list(limit=limit, cursor=cursor)
    body = {"items": [_document(app, each) for each in page.schedules], "next_cursor": page.next_cursor}
    show_items(body, _COLUMNS, listing.form)
    if page.next_cursor and listing.form != "json":
        say(f"workmill: there are more; go on with --cursor {page.next_cursor}")
    return Exit.OK


@schedules.command
def show(name: Name, *, showing: Showing = SHOWING) -> int:
    """Show a schedule, its next times and what became of its last jobs."""
    app = load_app(showing.app)
    schedule = app.schedules.get(name)
    outcomes = [outcome_document(job.record) for job in schedule.history(SHOWN_OUTCOMES)]
    document = {**_document(app, schedule), "outcomes": outcomes}
    if showing.json:
        show_json(document)
        return Exit.OK
    show_fields([(label, clean(_said(document[key]))) for label, key in _FIELDS])
    for outcome in outcomes:
        print(clean(f"{outcome['id']}  {outcome['state']:<10} {_moment(outcome['tick'])}"))
    return Exit.OK


@schedules.command
def start(
    name: Name,
    *,
    delay: Annotated[Seconds | None, Parameter(help="How long from now its first job is due.")] = None,
    args: Annotated[
        str | None, Parameter(metavar="JSON|@FILE|-", help="Its arguments from now on, as one JSON object.")
    ] = None,
    showing: Showing = SHOWING,
) -> int:
    """Let a schedule go on; where it does already, nothing is changed."""
    app = load_app(showing.app)
    schedule = app.schedules.get(name)
    try:
        schedule.start(delay, job=None if args is None else _job(app, schedule, args))
    except ScheduleActive as error:
        say(f"workmill: {error}")
        return Exit.CONFLICT
    return _shown(app, schedule, f"goes on, next at {_moment(_document(app, schedule)['next_at'])}", showing)


@schedules.command
def stop(
    *names: Name,
    cancel_running: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Cancel those of its jobs that run, too.")
    ] = False,
    showing: Showing = SHOWING,
) -> int:
    """Stop schedules at once: they make no more jobs, and those that have not begun are cancelled."""
    app, stopped = load_app(showing.app), list[ScheduleHandle]()
    if not names:
        raise UsageError("name one schedule or more; `workmill schedules list` lists them")
    for name in dict.fromkeys(names):
        stopped.append(app.schedules.get(name).stop(cancel_running=cancel_running))
        if not showing.json:
            print(f"{name} is stopped")
    if showing.json:
        show_json({"items": [_document(app, each) for each in stopped]})
    return Exit.OK


@schedules.command
def trigger(name: Name, *, showing: Showing = SHOWING) -> int:
    """Have a schedule make a job now, whose id is written to stdout; its next time stays as it is."""
    schedule = load_app(showing.app).schedules.get(name)
    job = schedule.trigger()
    if job is None:
        say(f"workmill: a job of schedule {name} has not ended, and its overlap rule makes no other beside it")
        return Exit.CONFLICT
    if showing.json:
        show_json(job.document())
    else:
        print(job.id)
    return Exit.OK


@schedules.command(name="next")
def following(
    name: Name,
    *,
    count: Annotated[Whole, Parameter(help="How many, from 1 to 1000.")] = SHOWN_TICKS,
    showing: Showing = SHOWING,
) -> int:
    """Say when a schedule makes its next jobs, or would if it were started now."""
    schedule = load_app(showing.app).schedules.get(name)
    moments = [moment.isoformat().replace("+00:00", "Z") for moment in schedule.next(count)]
    if showing.json:
        show_json({"items": moments})
    else:
        for moment in moments:
            print(moment)
    if not schedule.is_active:
        say(f"workmill: schedule {name} is stopped; so it would be if it were started now")
    return Exit.OK


def _job(app: App, schedule: ScheduleHandle, source: str) -> NewJob:
    try:
        return app.task_named(schedule.info.plan.task).job_from_json(read_json(source, "--args"))
    except InvalidArguments as error:
        raise UsageError(f"--args is refused: {error}") from None


def _document(app: App, schedule: ScheduleHandle) -> Document:
    return schedule_document(schedule.info, upcoming(schedule.info, app.now(), SHOWN_TICKS))


def _shown(app: App, schedule: ScheduleHandle, said: str, showing: Showing) -> int:
    if showing.json:
        show_json(_document(app, schedule))
    else:
        print(clean(f"{schedule.name} {said}"))
    return Exit.OK


def _moment(text: object) -> str:
    return f"{str(text)[:19].replace('T', ' ')}Z" if text else ""


def _said(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_moment(each) for each in value) or "-"
        case dict():
            return json_text(value)
    return str(value)


_FIELDS = (
    ("schedule", "name"),
    ("when", "when"),
    ("task", "task"),
    ("arguments", "args"),
    ("queue", "queue"),
    ("overlap", "overlap"),
    ("missed", "missed"),
    ("active", "active"),
    ("declared", "declared"),
    ("next", "next"),
    ("last at", "last_at"),
    ("last job", "last_job"),
)
_COLUMNS = (
    Column(heading="SCHEDULE", read=lambda schedule: schedule["name"], is_copied=True),
    Column(heading="STATE", read=lambda schedule: "active" if schedule["active"] else "stopped"),
    Column(heading="WHEN", read=lambda schedule: schedule["when"]),
    Column(heading="TASK", read=lambda schedule: schedule["task"], is_spare=True),
    Column(heading="NEXT", read=lambda schedule: _moment(schedule["next_at"])),
    Column(heading="LAST", read=lambda schedule: _moment(schedule["last_at"]), is_spare=True),
)
