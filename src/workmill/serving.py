"""The doors that listen, put together: the dashboard, and beside it the API, as one ASGI application."""

import os
from collections.abc import Iterable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from workmill import App, ConfigError, dashboard, http
from workmill.guard import path_within
from workmill.http.environment import HOSTS_VARIABLE, PREFIX_VARIABLE, TOKEN_VARIABLE, application, listed

READ_TOKEN_VARIABLE = "WORKMILL_READ_TOKEN"  # noqa: S105 - the name, not the token
DASHBOARD_VARIABLE = "WORKMILL_DASHBOARD"
READ_ONLY_VARIABLE = "WORKMILL_READ_ONLY"
API_PATHS = frozenset({"v1", "openapi.json", "livez", "readyz"})
"""First segments of paths that are the API's; all others are the dashboard's."""
_SWITCH = {
    "": None,
    **dict.fromkeys(("1", "on", "true", "yes"), True),
    **dict.fromkeys(("0", "off", "false", "no"), False),
}


def asgi(
    app: App,
    *,
    token: str | None = None,
    read_token: str | None = None,
    hosts: Iterable[str] = (),
    prefix: str = "",
    read_only: bool = False,
) -> ASGIApp:
    """Return the dashboard and the API of an application; they share no path.

    Args:
        app: Whose tasks and jobs they offer.
        token: Who has it may do everything: as `Authorization: Bearer`, and in a browser as the password.
        read_token: Who has it may look at the dashboard.
        hosts: The host names, with or without a port, that they answer for beside loopback names and the server's own
            address; `*` for any.
        prefix: The path they live under where the server or proxy before them does not take that away.
        read_only: Whether nothing may be changed through either.

    Raises:
        ConfigError: A token or the prefix cannot be one, or there is a token for reading alone: the API knows only the
            other, and would be open to all.
    """
    if read_token is not None and token is None:
        raise ConfigError("a token for reading alone would leave the API open: set the other token, too")
    names = tuple(hosts)
    api = http.asgi(app, token=token, hosts=names, prefix=prefix, read_only=read_only)
    pages = dashboard.asgi(app, token=token, read_token=read_token, hosts=names, prefix=prefix, read_only=read_only)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        first = path_within(scope).removeprefix(prefix).split("/", 2)[1:2] if scope["type"] == "http" else []
        # The life of the server, too, is told to the API, which closes the store at its end.
        is_api = scope["type"] == "lifespan" or (first and first[0] in API_PATHS)
        await (api if is_api else pages)(scope, receive, send)

    return serve


def from_environment() -> ASGIApp:
    """Return what the environment names, for `uvicorn --factory`.

    Beside what `workmill.http.from_environment` reads: `WORKMILL_READ_TOKEN`, the password of who may only look;
    `WORKMILL_DASHBOARD=off` for the API alone; `WORKMILL_READ_ONLY=on` where nothing may be changed.

    Raises:
        ConfigError: One of them is missing or wrong.
    """
    return _from(os.environ)


def _from(environ: Mapping[str, str]) -> ASGIApp:
    app, token = application(environ), environ.get(TOKEN_VARIABLE) or None
    hosts, prefix = listed(environ.get(HOSTS_VARIABLE, "")), environ.get(PREFIX_VARIABLE, "")
    read_only = _switch(environ, READ_ONLY_VARIABLE) is True
    if _switch(environ, DASHBOARD_VARIABLE) is False:
        return http.asgi(app, token=token, hosts=hosts, prefix=prefix, read_only=read_only)
    read_token = environ.get(READ_TOKEN_VARIABLE) or None
    return asgi(app, token=token, read_token=read_token, hosts=hosts, prefix=prefix, read_only=read_only)


def _switch(environ: Mapping[str, str], name: str) -> bool | None:
    given = environ.get(name, "").strip().lower()
    try:
        return _SWITCH[given]
    except KeyError:
        raise ConfigError(f"{name}={given!r} is neither on nor off") from None
