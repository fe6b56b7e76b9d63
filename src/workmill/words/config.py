"""Settings that come from the environment, read once and named in every refusal."""

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from workmill.words.errors import ConfigError

URL_VARIABLE = "WORKMILL_URL"
DEFAULT_URL = "sqlite:///workmill.db"
SCHEMES = ("sqlite", "postgresql", "memory")


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
    """Return a URL fit for a log line: without its password."""
    parts = split_url(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)
