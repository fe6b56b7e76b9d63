"""The setting `WORKMILL`, and the application that it names or describes."""

import difflib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TypedDict, cast
from urllib.parse import quote, urlencode

from django.conf import settings  # type: ignore[import-untyped] # it has no types
from django.db import DEFAULT_DB_ALIAS, connections  # type: ignore[import-untyped] # it has no types

from workmill import App, CallNext, ConfigError, Job, load_app
from workmill.contrib.django.connections import tidy_awaited

SETTING = "WORKMILL"
URL_VARIABLE = "WORKMILL_URL"
KEYS = ("app", "url", "database", "access", "title")
SSL_OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl")


class Given(TypedDict, total=False):
    """What the setting may hold.

    Attributes:
        app: The project's own application, as `module:attribute`; nothing of the store may be said beside it.
        url: The store.
        database: In place of the URL: the alias of the database that the jobs are kept in.
        access: A function's dotted path that says of a request what it may do on the dashboard.
        title: What people call this installation.
    """

    app: str
    url: str
    database: str
    access: str
    title: str


def given() -> Given:
    """Return what the setting holds.

    Raises:
        ConfigError: It is no dictionary of texts, or has a key that says nothing.
    """
    found = getattr(settings, SETTING, {})
    if not isinstance(found, Mapping):
        raise ConfigError(
            f'the setting {SETTING} is a {type(found).__name__}; give a dictionary such as {{"url": ...}}'
        )
    for key, value in found.items():
        if key not in KEYS:
            close = difflib.get_close_matches(str(key), KEYS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; it may have {', '.join(KEYS)}"
            raise ConfigError(f"the setting {SETTING} has no key {key!r}{hint}")
        if not isinstance(value, str):
            raise ConfigError(f"the setting {SETTING}[{key!r}] is {value!r}; give a text")
    return cast("Given", dict(found))


@cache
def application() -> App:
    """Return the project's one application: made with the first call, and the same ever after.

    Raises:
        ConfigError: The setting is wrong, or names an application that cannot be imported.
    """
    said = given()
    if "app" in said:
        if "url" in said or "database" in said:
            raise ConfigError(f'the setting {SETTING} has "app" and a store: the application named has a store already')
        return load_app(said["app"], origin=f'{SETTING}["app"]')
    return App(_url(said), middleware=[_tidy_coroutines])


async def _tidy_coroutines(job: Job, call_next: CallNext) -> object:
    task = application().tasks.get(job.task)
    is_async = task is not None and task.is_async
    return await (tidy_awaited(job, call_next) if is_async else call_next())


def _url(said: Given) -> str:
    if "url" in said and "database" in said:
        raise ConfigError(f'the setting {SETTING} has "url" and "database": give one of them')
    if "url" in said:
        return said["url"]
    named = None if "database" in said else os.environ.get(URL_VARIABLE)
    return named or database_url(said.get("database", DEFAULT_DB_ALIAS))


def database_url(alias: str) -> str:
    """Return the URL of a store in one of Django's own databases, so that jobs are part of its transactions.

    Raises:
        ConfigError: There is no such database, or no store can be in it.
    """
    if alias not in connections.settings:
        known = ", ".join(sorted(connections.settings))
        raise ConfigError(f"the setting {SETTING} names the database {alias!r}, and DATABASES has {known}")
    connection = connections[alias]
    match connection.vendor:
        case "sqlite":
            return _sqlite_url(alias, str(connection.settings_dict["NAME"]))
        case "postgresql":
            return _postgresql_url(connection.settings_dict)
        case vendor:
            raise ConfigError(
                f"the database {alias!r} is {vendor}, which keeps no jobs: "
                f'say {SETTING} = {{"url": ...}} with a URL of SQLite, PostgreSQL or Redis'
            )


def _sqlite_url(alias: str, name: str) -> str:
    if ":memory:" in name or "mode=memory" in name or not name:
        raise ConfigError(f"the database {alias!r} is in memory, where no worker sees it: give {SETTING} a URL")
    # The library that comes with Python, as Django uses it: of two copies in one process each undoes the other's locks.
    return f"sqlite:///{quote(str(Path(name).absolute()))}?driver=sqlite3"


def _postgresql_url(said: Mapping[str, object]) -> str:
    def part(key: str) -> str:
        return quote(str(said.get(key) or ""), safe="")

    login = part("USER") + (f":{part('PASSWORD')}" if said.get("PASSWORD") else "")
    host, port = str(said.get("HOST") or ""), part("PORT")
    is_folder = host.startswith("/")
    options = said.get("OPTIONS") or {}
    asked = {key: str(options[key]) for key in SSL_OPTIONS if key in options} if isinstance(options, Mapping) else {}
    query = urlencode({**({"host": host} if is_folder else {}), **asked})
    address = ("" if is_folder else host) + (f":{port}" if port else "")
    return f"postgresql://{f'{login}@' if login else ''}{address}/{part('NAME')}{f'?{query}' if query else ''}"
