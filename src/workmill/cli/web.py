"""`workmill web`: serve the dashboard and the HTTP API."""

import logging
import os
from typing import Annotated

import uvicorn
from cyclopts import Parameter

from workmill import ConfigError, check_bind, configure_logs
from workmill.cli.exits import Exit, UsageError
from workmill.cli.listening import inherited, listen, url_of
from workmill.cli.loading import VARIABLE, find_app, import_app
from workmill.cli.options import AppArgument, LogFormat, LogLevel, Whole, read_whole
from workmill.cli.server import Server
from workmill.cli.terminal import say

FACTORY = "workmill.serving:from_environment"
"""What puts the doors together, by its name: it stands above this one."""
TOKEN_VARIABLE = "WORKMILL_TOKEN"  # noqa: S105 - the name, not the token
DASHBOARD_VARIABLE = "WORKMILL_DASHBOARD"
READ_ONLY_VARIABLE = "WORKMILL_READ_ONLY"
GRACE_SECONDS = 5
"""How long requests under way may take once the server is told to end; a client that waits for a job asks again."""


def web(
    app: AppArgument = None,
    *,
    host: Annotated[
        str, Parameter(help="Where to listen; anything but this machine itself needs a token.")
    ] = "127.0.0.1",
    port: Annotated[Whole, Parameter(help="Which port; 0 takes a free one and says which.")] = 8000,
    fd: Annotated[
        int | None,
        Parameter(converter=read_whole, help="Serve a socket that listens already, in place of --host and --port."),
    ] = None,
    token: Annotated[
        str | None,
        Parameter(
            help=f"The bearer token that requests must carry; the dashboard's password. Better in {TOKEN_VARIABLE}: "
            "others see command lines."
        ),
    ] = None,
    dashboard: Annotated[bool, Parameter(help="Serve the dashboard beside the API.")] = True,
    read_only: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Let nothing be changed through this server.")
    ] = False,
    log_level: LogLevel = "info",
    log_format: LogFormat = "auto",
) -> int:
    """Serve the dashboard and the HTTP API."""
    token = token or os.environ.get(TOKEN_VARIABLE) or None
    if fd is None:
        _check(host, token)
    configure_logs(log_level, log_format)
    address = find_app(app)
    import_app(address).program.check_signatures()  # Here, so that errors are said as every command says them.
    os.environ[VARIABLE] = address.spec
    _hand_over(token, dashboard=dashboard, read_only=read_only)
    listener = listen(host, port) if fd is None else inherited(fd)
    if listener is None:
        return Exit.FAILURE
    with listener:
        _check(listener.getsockname()[0], token)
        what = "dashboard and the HTTP API" if dashboard else "HTTP API"
        say(f"workmill: the {what} of {address.spec} {'are' if dashboard else 'is'} at {url_of(listener)}")
        Server(_config(log_level)).run(sockets=[listener])
    return Exit.OK


def _hand_over(token: str | None, *, dashboard: bool, read_only: bool) -> None:
    """Say to the server, which is started by its name, what it is to be."""
    given = {
        TOKEN_VARIABLE: token,
        DASHBOARD_VARIABLE: None if dashboard else "off",
        READ_ONLY_VARIABLE: "on" if read_only else None,
    }
    os.environ.update({name: value for name, value in given.items() if value})


def _check(host: str, token: str | None) -> None:
    try:
        check_bind(host, token)
    except ConfigError as error:
        raise UsageError(str(error)) from None


def _config(log_level: str) -> uvicorn.Config:
    config = uvicorn.Config(
        FACTORY,
        factory=True,
        log_config=None,
        log_level=log_level,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    if log_level != "debug":
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # It tells each of its steps as information.
    return config
