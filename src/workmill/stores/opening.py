"""From a store's URL to the room that serves it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, quote, unquote

from workmill.words.clock import Clock, system_clock
from workmill.words.config import REDIS_SCHEMES, SCHEMES, masked, split_url
from workmill.words.errors import ConfigError

if TYPE_CHECKING:
    from workmill.store import Store


def store_factory(url: str, clock: Clock = system_clock) -> Callable[[], "Store"]:
    """Return what makes stores, not open yet, on the database that a URL names.

    `sqlite:///jobs.db` is a file beside where the program was started, `sqlite:////var/jobs.db` one anywhere. The
    option `driver=sqlite3` serves programs that use the file themselves through the library that comes with Python.
    `postgresql://user@host/database` is what libpq takes, and `schema=name` among its options names the schema.
    `redis://host:6379/0`, on Redis as on Valkey, takes `prefix=name`; see `workmill.stores.redis.address`. Every
    store made for a `memory://` URL by one factory shares one vault; another factory has a vault of its own.

    Raises:
        ConfigError: The URL names no store, or says what its store has no use for.
    """
    parts = split_url(url)
    match parts.scheme:
        case "sqlite":
            return _sqlite_stores(url, parts, clock)
        case "postgresql":
            return _postgres_stores(url)
        case "memory":
            return _memory_stores(url, parts, clock)
        case scheme if scheme in REDIS_SCHEMES:
            return _redis_stores(url)
    known = ", ".join(f"{name}://" for name in SCHEMES)
    raise ConfigError(f"store URL {masked(url)!r} names no store; it must begin with one of {known}")


def whole(url: str) -> str:
    """Return the URL by which another process finds the same store, whatever its directory is.

    Raises:
        ConfigError: The URL names no file where it should.
    """
    parts = split_url(url)
    if parts.scheme != "sqlite":
        return url
    options = f"?{parts.query}" if parts.query else ""
    return f"sqlite:///{quote(str(_file(url, parts)))}{options}"


def _file(url: str, parts: SplitResult) -> Path:
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or not path or path.endswith("/") or "\0" in path:
        raise ConfigError(f"store URL {masked(url)!r} names no file; write sqlite:///jobs.db or sqlite:////var/jobs.db")
    if parts.fragment:
        raise ConfigError(f"store URL {masked(url)!r} ends in a fragment; write # in a file's name as %23")
    # Bound now, so that a program that changes its directory later does not change its database.
    return Path(path).absolute()


def _driver(url: str, query: str) -> str | None:
    if not query:
        return None
    options = parse_qsl(query, keep_blank_values=True)
    if [name for name, _ in options] != ["driver"]:
        remedy = "the one option is driver=apsw or driver=sqlite3; write ? in a file's name as %3F"
        raise ConfigError(f"store URL {masked(url)!r} ends in {query!r}: {remedy}")
    return options[0][1]


def _sqlite_stores(url: str, parts: SplitResult, clock: Clock) -> Callable[[], "Store"]:
    path, driver = _file(url, parts), _driver(url, parts.query)
    if driver is None:
        return partial(_sqlite_store, path, clock)
    from workmill.stores.sqlite import DRIVERS, SqliteStore  # noqa: PLC0415 - a room is loaded when it is used

    for known in DRIVERS:
        if driver == known:
            make = partial(SqliteStore, path, clock=clock, driver=known)
            make()  # Refused now rather than at its first use.
            return make
    raise ConfigError(f"store URL {masked(url)!r} names the driver {driver!r}; take {' or '.join(DRIVERS)}")


def _sqlite_store(path: Path, clock: Clock) -> "Store":
    from workmill.stores.sqlite import SqliteStore  # noqa: PLC0415 - a room is loaded when it is used

    return SqliteStore(path, clock=clock)


def _postgres_stores(url: str) -> Callable[[], "Store"]:
    try:
        from workmill.stores.postgres import PostgresStore  # noqa: PLC0415 - a room is loaded when it is used
    except ImportError as error:
        raise ConfigError(f"store URL {masked(url)!r} needs psycopg: install `workmill[postgres]` ({error})") from error
    PostgresStore(url)  # Refused now rather than at its first use.
    return partial(PostgresStore, url)


def _redis_stores(url: str) -> Callable[[], "Store"]:
    try:
        from workmill.stores.redis import RedisStore  # noqa: PLC0415 - a room is loaded when it is used
    except ImportError as error:
        raise ConfigError(f"store URL {masked(url)!r} needs redis: install `workmill[redis]` ({error})") from error
    RedisStore(url)  # Refused now rather than at its first use.
    return partial(RedisStore, url)


def _memory_stores(url: str, parts: SplitResult, clock: Clock) -> Callable[[], "Store"]:
    from workmill.stores.memory import MemoryStore, Vault  # noqa: PLC0415 - a room is loaded when it is used

    if parts.netloc or parts.path or parts.query or parts.fragment:
        raise ConfigError(f"store URL {masked(url)!r} says too much; write memory:// alone")
    return partial(MemoryStore, Vault(), clock)
