"""Settings that come from the environment, read once and named in every refusal."""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from workmill.words.errors import ConfigError

URL_VARIABLE = "WORKMILL_URL"
DEFAULT_URL = "sqlite:///workmill.db"
REDIS_SCHEMES = (
    *("redis", "rediss", "redis+unix", "redis+sentinel", "rediss+sentinel"),
    *("valkey", "valkeys", "valkey+unix", "valkey+sentinel", "valkeys+sentinel"),
)
SCHEMES = ("sqlite", "postgresql", *REDIS_SCHEMES, "memory")
SECRET_OPTION = re.compile(r"([?&][a-z_]*password=)[^&#]*")
LOGIN = re.compile(r"://([^:/@]*):.*@", re.DOTALL)
"""What may be a name and a password: up to the last @, as a password that is not escaped may hold anything."""


def store_url(url: str | None, environ: Mapping[str, str]) -> str:
    """Return the store's URL: the one given, else `WORKMILL_URL`, else `sqlite:///workmill.db`.

    Raises:
        ConfigError: Its scheme names no store, or it is no URL.
    """
    chosen = url or environ.get(URL_VARIABLE) or DEFAULT_URL
    if split_url(chosen).scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise ConfigError(f"store URL {masked(chosen)!r} names no store; it must begin with one of {known}")
    return chosen


def split_url(url: str) -> SplitResult:
    """Read a store's URL.

    Raises:
        ConfigError: It cannot be read as a URL at all.
    """
    try:
        return urlsplit(url)
    except ValueError as error:
        raise ConfigError(f"the store URL cannot be read: {error}") from error


def masked(url: str) -> str:
    """Return a URL fit for a log line: without its passwords."""
    parts = split_url(url)
    shown = SECRET_OPTION.sub(r"\1***", url)
    if parts.scheme in REDIS_SCHEMES:
        return LOGIN.sub(r"://\1:***@", shown)
    if parts.password is None:
        return shown
    return shown.replace(f":{parts.password}@", ":***@", 1)
