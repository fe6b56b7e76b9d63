"""The store's URL for the database that SQLAlchemy uses."""

from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from workmill import ConfigError


def store_url(database: str | URL | Engine | AsyncEngine) -> str:
    """Return the URL of a store in a database of SQLAlchemy's, so that jobs are part of its transactions.

    The result holds the password, as a store needs it.

    Example:
        ```python
        engine = create_engine("postgresql+psycopg://db.example/shop")
        mill = App(store_url(engine))
        ```

    Args:
        database: An engine, or its URL.

    Raises:
        ConfigError: It is no database that keeps jobs: PostgreSQL, or a file of SQLite.
    """
    url = database.url if isinstance(database, Engine | AsyncEngine) else make_url(database)
    match url.get_backend_name():
        case "postgresql":
            # The query is the driver's own, and drivers do not agree about it; what they share is kept.
            shared = {key: value for key, value in url.query.items() if key in {"host", "port", "sslmode"}}
            return url.set(drivername="postgresql", query=shared).render_as_string(hide_password=False)
        case "sqlite":
            return _file(url.database or "")
        case name:
            raise ConfigError(f"a database of {name} keeps no jobs: take PostgreSQL or SQLite, or give the App a URL")


def _file(name: str) -> str:
    if not name or ":memory:" in name or name.startswith("file:"):
        raise ConfigError(f"the SQLite database {name!r} is no plain file, and no worker would see its jobs: name one")
    # The library that comes with Python, as SQLAlchemy uses it: of two copies in one process each undoes the other's
    # locks.
    return f"sqlite:///{quote(str(Path(name).absolute()))}?driver=sqlite3"
