"""`workmill web`: serve the HTTP API."""

import logging
import os
import socket
from typing import Annotated

import uvicorn
from cyclopts import Parameter

from workmill import ConfigError, check_bind, configure_logs
from workmill.cli.exits import Exit, UsageError
from workmill.cli.loading import VARIABLE, find_app, import_app
from workmill.cli.options import AppArgument, LogFormat, LogLevel, Whole
from workmill.cli.terminal import say

FACTORY = "workmill.http:from_environment"
"""The other door, by its name: doors never import one another."""
TOKEN_VARIABLE = "WORKMILL_TOKEN"  # noqa: S105 - the name, not the token
GRACE_SECONDS = 5
"""How long requests under way may take once the server is told to end; a client that waits for a job asks again."""


def web(
    app: AppArgument = None,
    *,
    host: Annotated[
        str, Parameter(help="Where to listen; anything but this machine itself needs a token.")
    ] = "127.0.0.1",
    port: Annotated[Whole, Parameter(help="Which port; 0 takes a free one and says which.")] = 8000,
    token: Annotated[
        str | None,
        Parameter(
            help=f"The bearer token that requests must carry. Better in {TOKEN_VARIABLE}: others see command lines."
        ),
    ] = None,
    log_level: LogLevel = "info",
    log_format: LogFormat = "auto",
) -> int:
    """Serve the HTTP API."""
    token = token or os.environ.get(TOKEN_VARIABLE) or None
    try:
        check_bind(host, token)
    except ConfigError as error:
        raise UsageError(str(error)) from None
    configure_logs(log_level, log_format)
    address = find_app(app)
    import_app(address).program.check_signatures()  # Here, so that errors are said as every command says them.
    os.environ[VARIABLE] = address.spec
    if token:
        os.environ[TOKEN_VARIABLE] = token
    try:
        listener = _listen(host, port)
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "there is no such port"
        say(f"workmill: cannot listen at {host} port {port}: {reason}; give another --port or --host")
        return Exit.FAILURE
    with listener:
        say(f"workmill: the HTTP API of {address.spec} is at {_url(listener)}")
        uvicorn.Server(_config(log_level)).run(sockets=[listener])
    return Exit.OK


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


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host.strip("[]"), port), family=family, backlog=2048)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
