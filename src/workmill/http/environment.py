"""Starting this door by its name alone, with what it needs in the environment."""

import os
from collections.abc import Mapping

from starlette.types import ASGIApp

from workmill import App, ConfigError, load_app
from workmill.http.door import asgi

APP_VARIABLE = "WORKMILL_APP"
TOKEN_VARIABLE = "WORKMILL_TOKEN"  # noqa: S105 - the name, not the token
HOSTS_VARIABLE = "WORKMILL_HOSTS"
PREFIX_VARIABLE = "WORKMILL_PREFIX"


def from_environment() -> ASGIApp:
    """Return the API of the application that the environment names, for `uvicorn --factory`.

    `WORKMILL_APP` is its `module:attribute`; `WORKMILL_TOKEN` the bearer token; `WORKMILL_HOSTS` the host names, parted
    by commas, that the server answers for beside loopback ones; `WORKMILL_PREFIX` the path it lives under.

    Raises:
        ConfigError: One of them is missing or wrong.
    """
    return _from(os.environ)


def _from(environ: Mapping[str, str]) -> ASGIApp:
    return asgi(
        application(environ),
        token=environ.get(TOKEN_VARIABLE) or None,
        hosts=listed(environ.get(HOSTS_VARIABLE, "")),
        prefix=environ.get(PREFIX_VARIABLE, ""),
    )


def listed(text: str) -> list[str]:
    """Return what stands between the commas of a text."""
    return [each.strip() for each in text.split(",") if each.strip()]


def application(environ: Mapping[str, str]) -> App:
    """Return the application that the environment names.

    Raises:
        ConfigError: It names none, or one that cannot be imported or whose tasks cannot be served.
    """
    spec = environ.get(APP_VARIABLE, "")
    if not spec:
        raise ConfigError(f"{APP_VARIABLE} names no application; set it to module:attribute, such as main:app")
    app = load_app(spec, origin=APP_VARIABLE)
    app.program.check_signatures()
    return app
