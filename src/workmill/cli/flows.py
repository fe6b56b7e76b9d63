"""`workmill flows`: list, show, cancel and retry flows."""

from typing import Annotated

from cyclopts import App as Parser
from cyclopts import Parameter

from workmill import FlowHandle, JobConflict, flow_document, graph_document
from workmill.cli.exits import Exit
from workmill.cli.loading import load_app
from workmill.cli.options import LISTING, SHOWING, Listing, Showing, Whole
from workmill.cli.output import Column, Document, show_items, show_json
from workmill.cli.terminal import clean, say

flows = Parser(name="flows", help="List, show, cancel and retry flows.", version_flags=())

MOST_NODES = 5000

Id = Annotated[str, Parameter(name="FLOW")]


@flows.command(name="list")
def list_flows(
    *,
    limit: Annotated[Whole, Parameter(help="How many at most, from 1 to 1000.")] = 50,
    cursor: Annotated[str | None, Parameter(help="Where an earlier list said that the next page begins.")] = None,
    listing: Listing = LISTING,
) -> int:
    """List flows, those begun last first."""
    page = load_app(listing.app).flows(limit=limit, cursor=cursor)
    show_items(
        {"items": [flow_document(flow) for flow in page.flows], "next_cursor": page.next_cursor}, _COLUMNS, listing.form
    )
    if page.next_cursor and listing.form != "json":
        say(f"workmill: there are more; go on with --cursor {page.next_cursor}")
    return Exit.OK


@flows.command
def show(flow: Id, *, showing: Showing = SHOWING) -> int:
    """Show how a flow stands, its jobs, and whom each follows."""
    return _shown(load_app(showing.app).flow(flow), showing)


@flows.command
def cancel(
    flow: Id,
    *,
    reason: Annotated[str | None, Parameter(help="Why; it is kept with the jobs.")] = None,
    showing: Showing = SHOWING,
) -> int:
    """Cancel every job of a flow that has not ended; those that run are asked to end."""
    handle = load_app(showing.app).flow(flow)
    handle.cancel(reason)
    return _shown(handle, showing)


@flows.command
def retry(flow: Id, *, showing: Showing = SHOWING) -> int:
    """Run again what did not succeed, and what follows it: as a new flow, whose id is written to stdout."""
    handle = load_app(showing.app).flow(flow)
    try:
        new = handle.retry()
    except JobConflict as error:
        say(f"workmill: flow {flow} is not retried: {error}")
        return Exit.CONFLICT
    if showing.json:
        return _shown(new, showing)
    print(new.id)
    return Exit.OK


def _shown(handle: FlowHandle, showing: Showing) -> int:
    body = {**flow_document(handle.status()), **graph_document(handle.nodes(), MOST_NODES)}
    if showing.json:
        show_json(body)
        return Exit.OK
    print(f"{handle.id} {_counts(body)}")
    parents = dict[str, list[str]]()
    for edge in body["edges"]:
        parents.setdefault(edge["to"], []).append(edge["from"])
    for node in body["nodes"]:
        behind = f"  after {', '.join(parents[node['id']])}" if node["id"] in parents else ""
        print(clean(f"{node['id']}  {node['state']:<10} {node['task']}{behind}"))
    return Exit.OK


def _counts(flow: Document) -> str:
    counts = flow["counts"]
    said = ", ".join(f"{jobs} {state}" for state, jobs in counts.items()) if isinstance(counts, dict) else ""
    return f"{flow['ended']} of {flow['jobs']} ended: {said}"


_COLUMNS = (
    Column(heading="FLOW", read=lambda flow: flow["id"], is_copied=True),
    Column(heading="ENDED", read=lambda flow: f"{flow['ended']}/{flow['jobs']}"),
    Column(heading="JOBS", read=_counts, is_spare=True),
    Column(heading="CREATED", read=lambda flow: f"{str(flow['created_at'])[:19].replace('T', ' ')}Z"),
)
