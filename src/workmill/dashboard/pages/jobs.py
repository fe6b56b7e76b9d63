"""The list of jobs: filtered by its address, by state in tabs, page by page."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from workmill import App, Count, InvalidOption, JobState, Page
from workmill.dashboard.access import Access
from workmill.dashboard.door import Door
from workmill.dashboard.filters import Filters, filters_of, moment
from workmill.dashboard.route import Route
from workmill.dashboard.said import said
from workmill.dashboard.values import preview

PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One state to look at, with how many jobs are in it where that is known."""

    name: str
    address: str
    count: int | None
    is_chosen: bool


async def list_jobs(request: Request, door: Door) -> Response:
    """Answer `GET /jobs`."""
    filters, cursor, wrong = filters_of(request.query_params), request.query_params.get("cursor") or None, ""
    counts = await door.app.acounts()
    try:
        page = await found(door.app, filters, limit=PAGE, cursor=cursor)
    except InvalidOption as error:
        page, wrong = Page(jobs=(), next_cursor=None), str(error)
    values = {
        "section": "jobs",
        "said": said(request),
        "wrong": wrong,
        "filters": filters,
        "is_filtered": bool(any(filters.query.values())),
        "tabs": _tabs(request, door, filters, counts),
        "jobs": page.jobs,
        "previews": {job.id: preview(job) for job in page.jobs},
        "tasks_known": sorted({*door.app.tasks, *(count.task for count in counts)}),
        "queues_known": sorted({*(task.queue for task in door.app.tasks.values()), *(each.queue for each in counts)}),
        "older": page.next_cursor and door.url(request, "jobs", query={**filters.query, "cursor": page.next_cursor}),
        "newest": cursor and door.url(request, "jobs", query=filters.query),
    }
    return door.render(request, "jobs.html", values, status=422 if wrong else 200)


async def found(app: App, filters: Filters, *, limit: int, cursor: str | None = None) -> Page:
    """Return a page of the jobs that match.

    Raises:
        InvalidOption: A filter, or the cursor, cannot be.
    """
    return await app.ajobs(
        states=filters.states,
        tasks=filters.tasks,
        queues=filters.queues,
        flows=filters.flows,
        schedules=filters.schedules,
        created_after=moment("created_after", filters.created_after),
        created_before=moment("created_before", filters.created_before),
        limit=limit,
        cursor=cursor,
    )


def _tabs(request: Request, door: Door, filters: Filters, counts: list[Count]) -> list[Tab]:
    matching = [count for count in counts if filters.counts(count.queue, count.task)]
    known = filters.is_countable

    def tab(name: str, states: tuple[str, ...], jobs: int) -> Tab:
        address = door.url(request, "jobs", query={**filters.query, "state": states})
        return Tab(name=name, address=address, count=jobs if known else None, is_chosen=filters.states == states)

    every = tab("all", (), sum(count.jobs for count in matching))
    return [
        every,
        *(
            tab(str(state), (str(state),), sum(count.jobs for count in matching if count.state is state))
            for state in JobState
        ),
    ]


ROUTES = (Route(method="GET", path="/jobs", name="jobs", needs=Access.READ, handler=list_jobs),)
