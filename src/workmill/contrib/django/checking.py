"""What `manage.py check` says of Workmill."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.checks import CheckMessage, Error  # type: ignore[import-untyped] # it has no types
from django.db import connections  # type: ignore[import-untyped] # it has no types

from workmill import ConfigError
from workmill.contrib.django.settings import application


def check_application(**_: object) -> list[CheckMessage]:
    """Return what is wrong with the project's application."""
    return [*_signatures(), *_libraries()]


def _signatures() -> list[CheckMessage]:
    try:
        application().program.check_signatures()
    except ConfigError as error:
        return [Error(line, id="workmill.E001") for line in str(error).splitlines()]
    return []


def _libraries() -> list[CheckMessage]:
    """Refuse one file for two copies of the SQLite library: each undoes the other's locks, and the file is damaged."""
    url = urlsplit(application().url)
    if url.scheme != "sqlite" or "driver=sqlite3" in url.query:
        return []
    file = Path(unquote(url.path.removeprefix("/"))).absolute()
    shared = [alias for alias in connections if _file_of(alias) == file]
    hint = "add ?driver=sqlite3 to the URL, or leave url out of WORKMILL"
    return [
        Error(
            f"the jobs are in the file of the database {alias!r}, by another copy of SQLite",
            hint=hint,
            id="workmill.E002",
        )
        for alias in shared
    ]


def _file_of(alias: str) -> Path | None:
    connection = connections[alias]
    return Path(str(connection.settings_dict["NAME"])).absolute() if connection.vendor == "sqlite" else None
