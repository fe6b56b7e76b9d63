"""The extension: what `Workmill(app, mill=mill)` does to a Flask application."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.exceptions import HTTPException

from workmill import App, ConfigError, Job
from workmill.contrib.doors import doors
from workmill.contrib.flask.command import mill_command
from workmill.contrib.wsgi import ACCESS_KEY, Bridge, access_of, within
from workmill.dashboard import Access

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

NAME = "workmill"


class Workmill:
    """A Workmill application inside a Flask application.

    It mounts the dashboard and the HTTP API, adds the command `flask mill`, and runs every task of `mill` in the Flask
    application's context, so that `current_app`, its configuration and extensions such as Flask-SQLAlchemy work there
    as in a view. It reads no requests that are not below `mount`.

    Example:
        ```python
        mill = App()
        web = Flask(__name__)
        Workmill(web, mill=mill, mount="/jobs")
        ```

    Args:
        app: The Flask application; without it, `init_app` gets it.
        mill: The Workmill application.
        mount: The path of dashboard and API; None mounts neither.
        access: Says what the request at hand may do, called in its request context; in place of tokens. It may abort.
        token: Who has it may do everything: the dashboard's password, and `Authorization: Bearer`.
        read_token: Who has it may look.
        hosts: The host names that are answered for below `mount`, beside loopback ones. Without it all of them where
            `access` or a token says who gets in; else none.
        title: What people call this installation.
        api: Whether the HTTP API is there beside the dashboard.

    Raises:
        ConfigError: The path or a token cannot be one.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        mill: App,
        mount: str | None = "/jobs",
        access: Callable[[], Access | None] | None = None,
        token: str | None = None,
        read_token: str | None = None,
        hosts: Iterable[str] | None = None,
        title: str = "Workmill",
        api: bool = True,
    ) -> None:
        self.mill = mill
        self._mount = None if mount is None else _checked(mount)
        self._access = access
        rule = None if access is None else access_of
        self._bridge = Bridge(
            doors(
                mill,
                access=rule,
                token=token,
                read_token=read_token,
                hosts=hosts,
                title=title,
                live="poll",
                has_api=api,
            )
        )
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Do to a Flask application what this extension is for.

        Tasks run in the context of the application that got here last.

        Raises:
            ConfigError: It has one already.
        """
        if NAME in app.extensions:
            raise ConfigError(f"the Flask application {app.name!r} has the extension Workmill already: give it one")
        app.extensions[NAME] = self
        app.cli.add_command(mill_command)
        self.mill.surround(_Context(app=app))
        if self._mount is not None:
            mounted = self._mounted(app, self._mount, app.wsgi_app)
            app.wsgi_app = mounted  # type: ignore[assignment,method-assign] # as Flask says to

    def _mounted(self, app: Flask, mount: str, outside: "WSGIApplication") -> "WSGIApplication":
        def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            inside = within(environ, mount)
            if inside is None:
                return outside(environ, start_response)
            inside.pop(ACCESS_KEY, None)
            if self._access is not None:
                with app.request_context(environ):
                    try:
                        inside[ACCESS_KEY] = self._access()
                    except HTTPException as answer:
                        return answer.get_response(environ)(environ, start_response)
            return self._bridge(inside, start_response)

        return serve


def extension_of(app: Flask) -> Workmill:
    """Return the extension of a Flask application.

    Raises:
        ConfigError: It has none.
    """
    found = app.extensions.get(NAME)
    if not isinstance(found, Workmill):
        raise ConfigError(
            f"the Flask application {app.name!r} has no Workmill: write Workmill(app, mill=...), or init_app(app)"
        )
    return found


@dataclass(frozen=True, kw_only=True)
class _Context:
    """The context of a Flask application round a task; all are equal, so that a later one takes the earlier's place."""

    app: Flask = field(compare=False)

    def __call__(self, _: Job) -> AbstractContextManager[object]:
        return self.app.app_context()


def _checked(mount: str) -> str:
    if not mount.startswith("/") or mount.endswith("/"):
        raise ConfigError(f"mount={mount!r} must begin with / and not end with one, such as /jobs")
    return mount
