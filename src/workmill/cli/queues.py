"""`workmill queues`: how queues and limits stand; pause, resume, purge and limit them."""

import getpass
from typing import Annotated

from cyclopts import App as Parser
from cyclopts import Parameter

from workmill import CountChanged, InvalidOption, QueueHandle, Rate, Scope, queue_document, rule_document
from workmill.cli.exits import Exit, UsageError
from workmill.cli.loading import load_app
from workmill.cli.options import LISTING, SHOWING, Listing, OptionalWhole, Showing
from workmill.cli.output import Column, Document, show_items, show_json
from workmill.cli.terminal import clean, say

queues = Parser(name="queues", help="List, pause, resume, purge and limit queues.", version_flags=())

Name = Annotated[str, Parameter(name="QUEUE")]


@queues.command(name="list")
def list_queues(*, listing: Listing = LISTING) -> int:
    """List the queues that hold jobs, or that tasks, workers, pauses or limits name."""
    body = {"items": [queue_document(info) for info in load_app(listing.app).queues()]}
    show_items(body, _COLUMNS, listing.form)
    return Exit.OK


@queues.command(name="limits")
def list_limits(*, listing: Listing = LISTING) -> int:
    """List the limits in force, of queues, tasks and keys."""
    body = {"items": [rule_document(state) for state in load_app(listing.app).limits()]}
    show_items(body, _LIMIT_COLUMNS, listing.form)
    return Exit.OK


@queues.command
def pause(
    *names: Name,
    by: Annotated[str | None, Parameter(help="Who does it; without it, the user's name.")] = None,
    showing: Showing = SHOWING,
) -> int:
    """Let no job on queues begin; what runs goes on."""
    handles = _handles(names, showing)
    for queue in handles:
        queue.pause(by=by or _user())
    return _shown(handles, "is paused", showing)


@queues.command
def resume(*names: Name, showing: Showing = SHOWING) -> int:
    """Let jobs on paused queues begin again."""
    handles = _handles(names, showing)
    for queue in handles:
        queue.resume()
    return _shown(handles, "goes on", showing)


@queues.command
def purge(
    name: Name,
    *,
    expected: Annotated[OptionalWhole, Parameter(help="How many jobs there are; another number cancels none.")] = None,
    yes: Annotated[bool, Parameter(negative=(), show_default=False, help="However many they are.")] = False,
    showing: Showing = SHOWING,
) -> int:
    """Cancel every job on a queue that has not begun."""
    queue = load_app(showing.app).queue(name)
    if expected is None and not yes:
        waiting = queue.info().unbegun
        raise UsageError(
            f"{waiting} jobs on queue {name} have not begun; cancel them with --expected {waiting} or --yes"
        )
    try:
        cancelled = queue.purge(expected=expected)
    except CountChanged as error:
        say(f"workmill: {error}")
        return Exit.CONFLICT
    if showing.json:
        show_json({"cancelled": cancelled})
    else:
        print(f"{name}: {cancelled} cancelled")
    return Exit.OK


@queues.command
def limit(
    name: Annotated[str, Parameter(name="NAME")],
    *,
    scope: Annotated[
        Scope, Parameter(help="What the name is of: a queue, a task, or a limit about keys.")
    ] = Scope.QUEUE,
    running: Annotated[OptionalWhole, Parameter(help="How many may run at a time; 0 lets none begin.")] = None,
    rate: Annotated[
        str | None, Parameter(metavar="COUNT/SECONDS", help="How many may begin in any stretch, as 10/60.")
    ] = None,
    waiting: Annotated[OptionalWhole, Parameter(help="Of a queue: how many may be stored that have not begun.")] = None,
    reset: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Undo what was set by hand; what code declares holds.")
    ] = False,
    showing: Showing = SHOWING,
) -> int:
    """Set what holds for a queue, a task, or each key of one name, at once and for all workers.

    What is not given does not hold any more.
    """
    app, is_given = load_app(showing.app), (running, rate, waiting) != (None, None, None)
    chosen = None if rate is None else _rate(rate)
    if reset == is_given:
        raise UsageError("say what is to hold by --running, --rate or --waiting, or give --reset alone")
    if waiting is not None and scope is not Scope.QUEUE:
        raise UsageError("--waiting bounds queues only; leave it out")
    if reset:
        app.reset_limit(scope, name)
    elif scope is Scope.QUEUE:
        app.queue(name).limit(running=running, rate=chosen, waiting=waiting)
    else:
        app.limit(scope, name, running=running, rate=chosen)
    found = [state for state in app.limits() if (state.rule.scope, state.rule.name) == (scope, name)]
    documents = [rule_document(state) for state in found]
    if showing.json:
        show_json({"items": documents})
    else:
        print(f"{scope} {name}: {_limit(documents[0]) if documents else 'no limit'}")
    return Exit.OK


def _handles(names: tuple[str, ...], showing: Showing) -> list[QueueHandle]:
    if not names:
        raise UsageError("name one queue or more; `workmill queues list` lists them")
    app = load_app(showing.app)
    return [app.queue(name) for name in dict.fromkeys(names)]


def _shown(handles: list[QueueHandle], said: str, showing: Showing) -> int:
    if showing.json:
        show_json({"items": [queue_document(queue.info()) for queue in handles]})
    else:
        for queue in handles:
            print(f"{queue.name} {said}")
    return Exit.OK


def _rate(text: str) -> Rate:
    count, _, per = text.partition("/")
    try:
        return Rate(int(count), per=float(per))
    except (ValueError, InvalidOption):
        raise UsageError(f"--rate {text!r} is no rate; write it like 10/60: so many in so many seconds") from None


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return None


def _count(queue: Document, *states: str) -> int:
    counts = queue["counts"]
    return sum(counts.get(state, 0) for state in states) if isinstance(counts, dict) else 0


def _pause(queue: Document) -> str:
    if not queue["paused"]:
        return ""
    by = f" by {queue['paused_by']}" if queue["paused_by"] else ""
    return clean(f"since {str(queue['paused_since'])[:19].replace('T', ' ')}Z{by}")


def _limit(rule: object) -> str:
    if not isinstance(rule, dict):
        return ""
    rate = rule["rate"]
    parts = [
        f"{rule['running']} running" if rule["running"] is not None else "",
        f"{rate['count']} in {rate['per_seconds']:g} s" if rate else "",
        f"{rule['waiting']} waiting" if rule["waiting"] is not None else "",
    ]
    return ", ".join(part for part in parts if part) or "none"


def _names(workers: object) -> list[str]:
    return [str(worker["name"]) for worker in workers] if isinstance(workers, list) else []


_COLUMNS = (
    Column(heading="QUEUE", read=lambda queue: queue["name"], is_copied=True),
    Column(heading="QUEUED", read=lambda queue: _count(queue, "queued")),
    Column(heading="RUNNING", read=lambda queue: _count(queue, "running")),
    Column(heading="LATER", read=lambda queue: _count(queue, "scheduled", "waiting", "retrying")),
    Column(heading="FAILED", read=lambda queue: _count(queue, "failed"), is_spare=True),
    Column(heading="PAUSED", read=_pause),
    Column(heading="LIMIT", read=lambda queue: _limit(queue["limit"])),
    Column(heading="WORKERS", read=lambda queue: ", ".join(_names(queue["workers"]))),
)
_LIMIT_COLUMNS = (
    Column(heading="SCOPE", read=lambda limit: limit["scope"]),
    Column(heading="NAME", read=lambda limit: limit["name"], is_copied=True),
    Column(heading="LIMIT", read=_limit),
    Column(heading="DECLARED", read=lambda limit: _limit(limit["declared"])),
    Column(heading="RUNNING", read=lambda limit: limit["jobs_running"]),
)
