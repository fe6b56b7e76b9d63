"""The application of the Flask application that `FLASK_APP` names, for processes that are started by name."""

import os
from typing import TYPE_CHECKING

from flask import Flask, current_app, has_app_context
from flask.cli import NoAppException, ScriptInfo

from workmill import ConfigError
from workmill.contrib.flask.command import HOST_VARIABLE
from workmill.contrib.flask.extension import extension_of

if TYPE_CHECKING:
    from workmill import App

    mill: App


def __getattr__(name: str) -> object:
    # Not on import: who only looks at this module must not start a web application.
    if name != "mill":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = extension_of(_host()).mill
    return found


def _host() -> Flask:
    if has_app_context():
        host: Flask = current_app._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - as Flask says to
        return host
    try:
        return ScriptInfo(app_import_path=os.environ.get(HOST_VARIABLE)).load_app()
    except NoAppException as error:
        raise ConfigError(f"the Flask application cannot be loaded: {error.message}") from error
