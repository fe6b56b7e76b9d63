"""Where Django's tables are: in the jobs' own database, where that is one that Django can use."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

Settings: TypeAlias = dict[str, object]
LOCK_SECONDS = 20
BESIDE = "-sentiment.db"


@dataclass(frozen=True, slots=True)
class Database:
    """One of Django's databases, and whether its transactions can hold jobs as well."""

    settings: Settings
    joins: bool


def database_for(url: str, own: str | None) -> Database:
    """Return the database that serves requests whose jobs are kept at a URL.

    On PostgreSQL it is the jobs' own, and on SQLite with `driver=sqlite3`, which is the library that Django has. With
    Redis, or where Workmill reads the file by a library of its own, it is another file.

    Args:
        url: The URL of the jobs.
        own: The other file, where it is needed; else one that is named after the file of the jobs.
    """
    parts = urlsplit(url)
    if parts.scheme == "postgresql":
        return Database(_postgres(url), joins=True)
    if parts.scheme != "sqlite":
        return Database(_sqlite(Path(own or f"jobs{BESIDE}")), joins=False)
    file = Path(unquote(parts.path.removeprefix("/")))
    if ("driver", "sqlite3") in parse_qsl(parts.query):
        return Database(_sqlite(file), joins=True)
    return Database(_sqlite(Path(own) if own else file.with_name(file.stem + BESIDE)), joins=False)


def _postgres(url: str) -> Settings:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    schema = options.pop("schema", None)  # Workmill's own; the rest is libpq's.
    if schema is not None:
        options["options"] = f"{options.get('options', '')} -csearch_path={schema}".strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")) or unquote(parts.username or ""),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def _sqlite(path: Path) -> Settings:
    # A transaction that reads first may else be refused when it comes to write.
    options = {"transaction_mode": "IMMEDIATE", "timeout": LOCK_SECONDS}
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path.absolute()), "OPTIONS": options}
