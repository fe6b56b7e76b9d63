"""The HTTP door: routes, guard and lifespan in one ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from workmill import App
from workmill.guard import check_prefix
from workmill.http.actions import act_on_jobs
from workmill.http.batch import submit_batch
from workmill.http.flow_resources import flow_resources
from workmill.http.guard import Guard
from workmill.http.health import is_alive, is_ready
from workmill.http.jobs import cancel_job, list_attempts, list_counts, list_jobs, show_job, show_result
from workmill.http.openapi import show_openapi
from workmill.http.queues import (
    list_limits,
    list_queues,
    pause_queue,
    purge_queue,
    put_limit,
    reset_limit,
    resume_queue,
    show_queue,
)
from workmill.http.refusals import REFUSALS
from workmill.http.resource import Resource
from workmill.http.retry import retry_job
from workmill.http.stream import follow_job
from workmill.http.submit import submit_job
from workmill.http.tasks import list_tasks, show_task
from workmill.http.why import show_why


def asgi(
    app: App, *, token: str | None = None, hosts: Iterable[str] = (), prefix: str = "", read_only: bool = False
) -> ASGIApp:
    """Return the HTTP API of an application, to be served alone or mounted in another ASGI application.

    Nothing is opened before the first request. Served alone, it closes the store when the server ends.

    Example:
        ```python
        api = Starlette(routes=[Mount("/tasks", workmill.http.asgi(app, hosts=["example.com"]))])
        ```

    Args:
        app: Whose tasks and jobs it offers.
        token: What `Authorization: Bearer` must carry; None lets everybody in who reaches it.
        hosts: The host names, with or without a port, that it answers for beside loopback names and its own address;
            `*` for any.
        prefix: The path it lives under where the server or proxy before it does not take that away; "" for none.
        read_only: Whether it refuses to change anything.

    Raises:
        ConfigError: The token or the prefix cannot be one.
    """
    check_prefix(prefix)
    routes = _routes(app, has_token=token is not None)
    api = Starlette(
        routes=[Mount(prefix, routes=routes)] if prefix else routes,
        exception_handlers=REFUSALS,
        lifespan=partial(_lifespan, app),
    )
    api.router.redirect_slashes = False
    return Guard(api, token=token, hosts=hosts, prefix=prefix, read_only=read_only)


def _routes(app: App, *, has_token: bool) -> list[BaseRoute]:
    resources = {
        "/v1/tasks": Resource(get=partial(list_tasks, app=app)),
        "/v1/tasks/{task}": Resource(get=partial(show_task, app=app)),
        "/v1/tasks/{task}/jobs": Resource(post=partial(submit_job, app=app)),
        "/v1/jobs": Resource(get=partial(list_jobs, app=app)),
        "/v1/jobs/batch": Resource(post=partial(submit_batch, app=app)),
        "/v1/jobs/actions": Resource(post=partial(act_on_jobs, app=app)),
        "/v1/jobs/{id}": Resource(get=partial(show_job, app=app)),
        "/v1/jobs/{id}/result": Resource(get=partial(show_result, app=app)),
        "/v1/jobs/{id}/attempts": Resource(get=partial(list_attempts, app=app)),
        "/v1/jobs/{id}/cancel": Resource(post=partial(cancel_job, app=app)),
        "/v1/jobs/{id}/retry": Resource(post=partial(retry_job, app=app)),
        "/v1/jobs/{id}/events": Resource(get=partial(follow_job, app=app)),
        "/v1/jobs/{id}/why": Resource(get=partial(show_why, app=app)),
        "/v1/queues": Resource(get=partial(list_queues, app=app)),
        "/v1/queues/{queue}": Resource(get=partial(show_queue, app=app)),
        "/v1/queues/{queue}/pause": Resource(post=partial(pause_queue, app=app)),
        "/v1/queues/{queue}/resume": Resource(post=partial(resume_queue, app=app)),
        "/v1/queues/{queue}/purge": Resource(post=partial(purge_queue, app=app)),
        "/v1/limits": Resource(get=partial(list_limits, app=app)),
        "/v1/limits/{scope}/{name}": Resource(put=partial(put_limit, app=app), delete=partial(reset_limit, app=app)),
        **flow_resources(app),
        "/v1/counts": Resource(get=partial(list_counts, app=app)),
        "/openapi.json": Resource(get=partial(show_openapi, app=app, has_token=has_token)),
        "/livez": Resource(get=is_alive),
        "/readyz": Resource(get=partial(is_ready, app=app)),
    }
    return [Route(path, resource) for path, resource in resources.items()]


@asynccontextmanager
async def _lifespan(app: App, _: Starlette) -> AsyncIterator[None]:
    yield
    # Only whoever is served alone gets here; a mounted application hears nothing of its host's life.
    await asyncio.to_thread(app.close)
