"""`workmill workers`: list workers, and tell them to take no more jobs, to go on, or to end."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from cyclopts import App as Parser
from cyclopts import Parameter

from workmill import App, Order, Worker, worker_document
from workmill.cli.exits import Exit, NoSuchWorker, UsageError
from workmill.cli.loading import load_app
from workmill.cli.options import LISTING, SHOWING, Listing, Showing
from workmill.cli.output import Column, show_items, show_json
from workmill.cli.terminal import clean, say

workers = Parser(name="workers", help="List workers, quiet, resume and stop them.", version_flags=())

_WHEN = "they follow at their next renewal, within a third of their lease: 5 s unless they were given another"
_DONE = {
    Order.QUIET: "is to take no more jobs",
    Order.WORK: "is to take jobs",
    Order.STOP: "is to finish what runs and end",
}
_STATES = {Order.WORK: "working", Order.QUIET: "quiet", Order.STOP: "stopping"}
_COLUMNS = (
    Column(heading="ID", read=lambda worker: worker["id"], is_copied=True),
    Column(heading="NAME", read=lambda worker: worker["name"]),
    Column(heading="STATE", read=lambda worker: _state(worker["order"], live=worker["live"])),
    Column(heading="RUNNING", read=lambda worker: f"{worker['running']}/{worker['concurrency']}"),
    Column(heading="QUEUES", read=lambda worker: _queues(worker["queues"])),
    Column(heading="HOST", read=lambda worker: worker["host"], is_spare=True),
    Column(heading="PID", read=lambda worker: worker["pid"], is_spare=True),
    Column(heading="STARTED", read=lambda worker: _moment(worker["started_at"]), is_spare=True),
)

Chosen = Annotated[str, Parameter(name="NAME_OR_ID")]
All = Annotated[bool, Parameter(name="--all", negative=(), show_default=False, help="All that are live.")]


@workers.command(name="list")
def list_workers(
    *,
    ended: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Also those that ended within the last day.")
    ] = False,
    listing: Listing = LISTING,
) -> int:
    """List the workers that are live, newest first."""
    found = [worker for worker in load_app(listing.app).workers() if worker.is_live or ended]
    show_items({"items": [worker_document(worker) for worker in found]}, _COLUMNS, listing.form)
    return Exit.OK


@workers.command
def quiet(*names: Chosen, every: All = False, showing: Showing = SHOWING) -> int:
    """Let workers take no more jobs; they finish what runs, and stay."""
    return _order(names, Order.QUIET, showing, every=every)


@workers.command
def resume(*names: Chosen, every: All = False, showing: Showing = SHOWING) -> int:
    """Let workers that are quiet take jobs again."""
    return _order(names, Order.WORK, showing, every=every)


@workers.command
def stop(*names: Chosen, every: All = False, showing: Showing = SHOWING) -> int:
    """Let workers finish what runs and end, as at TERM; nothing undoes it."""
    return _order(names, Order.STOP, showing, every=every)


def _order(names: Sequence[str], order: Order, showing: Showing, *, every: bool) -> int:
    app = load_app(showing.app)
    chosen = list(_chosen(names, [worker for worker in app.workers() if worker.is_live], every=every))
    told = _told(app, chosen, order)
    if showing.json:
        show_json({"items": [worker_document(worker) for worker in app.workers() if worker.id in told]})
    else:
        for worker in chosen:
            if worker.id in told:
                print(clean(f"{worker.id} {worker.name} {_DONE[order]}"))
    if told:
        say(f"workmill: {_WHEN}")
    for worker in chosen:
        if worker.id not in told:
            say(f"workmill: worker {worker.name} ({worker.id}) {_why_not(worker, order)}")
    return Exit.OK if len(told) == len(chosen) else Exit.CONFLICT


def _told(app: App, chosen: Sequence[Worker], order: Order) -> set[str]:
    """Give the order to those who can still follow it, and return their ids."""
    ids = [worker.id for worker in chosen if order is Order.STOP or worker.order is not Order.STOP]
    return {worker_id for worker_id, is_live in zip(ids, app.order_workers(ids, order), strict=True) if is_live}


def _why_not(worker: Worker, order: Order) -> str:
    if worker.order is Order.STOP and order is not Order.STOP:
        return "was told to stop, which nothing undoes: start another"
    return "ended just now"


def _chosen(names: Sequence[str], live: Sequence[Worker], *, every: bool) -> Iterator[Worker]:
    if every == bool(names):
        raise UsageError("name workers by name or id, or all by --all; `workmill workers list` lists them")
    if every:
        yield from live
        return
    for name in dict.fromkeys(names):
        yield _named(name, live)


def _named(name: str, live: Sequence[Worker]) -> Worker:
    found = [worker for worker in live if worker.id == name] or [worker for worker in live if worker.name == name]
    if not found:
        listed = ", ".join(sorted({worker.name for worker in live})) or "none"
        raise NoSuchWorker(f"no live worker has the name or id {name!r}; these are live: {listed}")
    if len(found) > 1:
        ids = ", ".join(f"{worker.id} (pid {worker.pid} on {worker.host})" for worker in found)
        raise UsageError(f"{len(found)} live workers have the name {name!r}; name one by its id: {ids}")
    return found[0]


def _state(order: object, *, live: object) -> str:
    return _STATES[Order(str(order))] if live else "ended"


def _moment(text: object) -> str:
    return f"{str(text)[:19].replace('T', ' ')}Z"


def _queues(queues: object) -> str:
    return ", ".join(map(str, queues)) if isinstance(queues, list) else "all"
