"""One action on many jobs: first what it would do, then the doing, if it is still that many."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from workmill import (
    Acted,
    Action,
    App,
    CountChanged,
    InvalidArguments,
    InvalidOption,
    Job,
    JobConflict,
    JobNotFound,
    JobState,
    ParentNotFound,
    QueueFull,
)
from workmill.dashboard.access import Access
from workmill.dashboard.body import read_form
from workmill.dashboard.door import Door
from workmill.dashboard.filters import Filters, filters_of, moment
from workmill.dashboard.once import CONTROL, key_of, new_word
from workmill.dashboard.pages.jobs import found
from workmill.dashboard.route import Route
from workmill.dashboard.typed import whole, words
from workmill.dashboard.values import preview

MOST_SELECTED = 200
SHOWN = 10


async def confirm(request: Request, door: Door) -> Response:
    """Answer `GET /jobs/act`: what would be done."""
    given = request.query_params
    action, ids = _action(given.get("action", "")), _ids(given.getlist("id"))
    return await _asked(request, door, action=action, ids=ids, filters=filters_of(given))


async def act(request: Request, door: Door) -> Response:
    """Answer `POST /jobs/act`: do it, if the jobs are as many as the page before said."""
    form = await read_form(request)
    action, ids = _action(form.one("action")), _ids(form.many("id"))
    filters = filters_of({name: form.many(name) for name in Filters().query})
    reason, force = words(form.one("reason")), bool(form.one("force"))
    if ids:
        done = await _each(door.app, action, ids, reason, force=force, once=form.one(CONTROL))
    else:
        expected = whole("expected", form.one("expected")) or 0
        try:
            once = key_of(form.one(CONTROL))
            done = await _all(door.app, action, filters, reason, force=force, expected=expected, once=once)
        except CountChanged as error:
            return await _asked(request, door, action=action, ids=ids, filters=filters, changed=error)
    back = {} if ids else filters.query
    word = "jobs-cancelled" if action is Action.CANCEL else "jobs-retried"
    query = {**back, "said": word, "done": len(done.job_ids), "refused": len(done.refused) or None}
    return door.redirect(request, "jobs", query=query)


async def _asked(
    request: Request,
    door: Door,
    *,
    action: Action,
    ids: list[str],
    filters: Filters,
    changed: CountChanged | None = None,
) -> Response:
    if ids:
        jobs = [job for job in [await _job(door.app, each) for each in ids] if job is not None]
        count = len(jobs)
    else:
        count = (await _all(door.app, action, filters, None, dry_run=True)).matched
        shown = filters if filters.states else replace(filters, states=_states(action))
        jobs = list((await found(door.app, shown, limit=SHOWN)).jobs) if count else []
    values = {
        "section": "jobs",
        "action": str(action),
        "ids": [job.id for job in jobs] if ids else [],
        "filters": filters,
        "count": count,
        "jobs": jobs[:SHOWN],
        "previews": {job.id: preview(job) for job in jobs[:SHOWN]},
        "changed": changed,
        "once": new_word(),
        "back": door.url(request, "jobs", query=filters.query),
    }
    return door.render(request, "act.html", values, status=409 if changed else 200)


async def _all(
    app: App,
    action: Action,
    filters: Filters,
    reason: str | None,
    *,
    force: bool = False,
    expected: int | None = None,
    dry_run: bool = False,
    once: str | None = None,
) -> Acted:
    if not filters.is_actable:
        raise InvalidOption("filter", "flow or schedule", "select jobs, or act on the flow or the schedule itself")
    return await app.aact_on_jobs(
        action,
        states=filters.states,
        tasks=filters.tasks,
        queues=filters.queues,
        created_after=moment("created_after", filters.created_after),
        created_before=moment("created_before", filters.created_before),
        reason=reason,
        force=force,
        expected=expected,
        dry_run=dry_run,
        key=once,
    )


async def _each(app: App, action: Action, ids: list[str], reason: str | None, *, force: bool, once: str) -> Acted:
    done, refused = list[str](), list[tuple[str, str]]()
    for job_id in ids:
        try:
            handle = await app.ajob(job_id)
            if action is Action.CANCEL:
                await handle.acancel(reason, force=force)
            else:
                handle = await handle.aretry(key=key_of(once, job_id))
        except (InvalidArguments, JobConflict, JobNotFound, ParentNotFound, QueueFull) as error:
            refused.append((job_id, str(error)))
        else:
            done.append(handle.id)
    return Acted(matched=len(ids), job_ids=tuple(done), refused=tuple(refused))


async def _job(app: App, job_id: str) -> Job | None:
    try:
        return (await app.ajob(job_id)).record
    except JobNotFound:
        return None


def _states(action: Action) -> tuple[str, ...]:
    """Return the states of what an action takes where none are chosen."""
    if action is Action.RETRY:
        return (str(JobState.FAILED),)
    return tuple(str(state) for state in JobState if not state.is_final)


def _action(text: str) -> Action:
    try:
        return Action(text)
    except ValueError:
        raise InvalidOption("action", text[:100], f"give one of {', '.join(Action)}") from None


def _ids(given: list[str]) -> list[str]:
    if len(given) > MOST_SELECTED:
        raise InvalidOption("id", f"{len(given)} jobs", f"select at most {MOST_SELECTED}")
    return list(dict.fromkeys(given))


ROUTES = (
    Route(method="GET", path="/jobs/act", name="act", needs=Access.OPERATE, handler=confirm),
    Route(method="POST", path="/jobs/act", name="act", needs=Access.OPERATE, handler=act),
)
