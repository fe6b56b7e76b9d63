"""Health: whether the process answers, and whether its store does. They tell nothing else, so they stay open."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from workmill import App, StoreError
from workmill.http.answer import json_answer
from workmill.http.problem import STORE_UNAVAILABLE, Problem

STORE_SECONDS = 2.0


async def is_alive(request: Request) -> Response:  # noqa: ARG001 - a handler's signature
    """Answer `GET /livez`: this process answers. A store that is down is no reason to restart it."""
    return json_answer({"alive": True})


async def is_ready(request: Request, app: App) -> Response:  # noqa: ARG001 - a handler's signature
    """Answer `GET /readyz`: the store answers, too."""
    try:
        async with asyncio.timeout(STORE_SECONDS):
            await app.anow()
    except (StoreError, TimeoutError):
        detail = f"the store did not answer within {STORE_SECONDS:g} s"
        raise Problem(STORE_UNAVAILABLE, detail, headers={"Retry-After": "1"}) from None
    return json_answer({"ready": True})
