"""The URL of a Redis store: where the server is, how to get in, and which of its keys are Workmill's."""

import re
import ssl
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote

from workmill.stores.redis.encryption import TLS_OPTIONS, tls_context
from workmill.words.config import masked, split_url
from workmill.words.errors import ConfigError

PREFIX = "workmill"
PREFIX_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,40}", re.ASCII)
PORT = 6379
SENTINEL_PORT = 26379
MOST_REPLICAS = 100
OPTIONS = ("prefix", "replicas", "fsync", "db", "sentinel_password", *TLS_OPTIONS)

Host: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a store is.

    Attributes:
        name: What people call it, without any password.
        hosts: The servers to try, one after the other; with a `service`, the sentinels who know its primary.
        path: A Unix socket, instead of hosts.
        prefix: What names the store; see `key`.
        replicas: How many replicas must have a change before it is answered.
        syncs: Whether a change must be on the server's disk before it is answered.
    """

    name: str
    hosts: tuple[Host, ...] = ()
    path: str | None = None
    service: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_password: str | None = field(default=None, repr=False)
    database: int = 0
    tls: ssl.SSLContext | None = None
    prefix: str = PREFIX
    replicas: int = 0
    syncs: bool = False

    def key(self, name: str) -> str:
        """Return the key of a part of this store; the braces keep all of them on one server of a cluster."""
        return f"{{{self.prefix}}}:{name}"


def read_address(url: str) -> Address:
    """Read a URL of one of these forms; `valkey` may stand for `redis` in each, and `rediss` speaks TLS.

        redis://user:password@host:6379/0?prefix=workmill
        redis+unix:///run/redis.sock?db=0
        redis+sentinel://user:password@host:26379,host:26379/service/0

    `prefix` names the store. `replicas=n` and `fsync=1` say what must have a change before it is answered.

    Raises:
        ConfigError: It is of another form, or says what it has no use for.
    """
    parts = split_url(url)
    try:
        return _read(url, parts, _options(parts.query))
    except ValueError as error:
        raise ConfigError(f"store URL {masked(url)!r}: {error}") from error


def _read(url: str, parts: SplitResult, options: dict[str, str]) -> Address:
    if parts.fragment:
        raise ValueError("it ends in a fragment; write # in a password as %23")
    if "@" in parts.path + parts.query:
        raise ValueError("there is an @ behind its first / or ?; write / in a password as %2F, ? as %3F and @ as %40")
    kind, _, way = parts.scheme.replace("valkey", "redis", 1).partition("+")
    login, _, netloc = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    path = [unquote(part) for part in parts.path.split("/")[1:]]
    service = None
    if way == "sentinel":
        service, *path = path or [""]
    if way != "unix":
        _check_path(path, service)
    given = options.get("db", "0") if way == "unix" else (path or [""])[0] or "0"
    if "db" in options and way != "unix":
        raise ValueError("db= is for a Unix socket; elsewhere the database is the path, as in redis://host/0")
    return Address(
        name=masked(url),
        hosts=() if way == "unix" else _hosts(netloc, SENTINEL_PORT if service else PORT),
        path=_socket(parts, netloc) if way == "unix" else None,
        service=service,
        username=unquote(user) or None,
        password=unquote(password) or None,
        sentinel_password=options.get("sentinel_password"),
        database=_number("the database", given, most=1_000_000),
        tls=tls_context(options, is_on=kind == "rediss"),
        prefix=_prefix(options.get("prefix", PREFIX)),
        replicas=_number("replicas", options.get("replicas", "0"), most=MOST_REPLICAS),
        syncs=bool(_number("fsync", options.get("fsync", "0"), most=1)),
    )


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) < len(pairs):
        raise ValueError("an option is given twice")
    for name in options:
        if name not in OPTIONS:
            raise ValueError(f"{name!r} is no option of it; there are {', '.join(OPTIONS)}")
    return options


def _check_path(path: list[str], service: str | None) -> None:
    if service == "":
        raise ValueError("it names no service; write redis+sentinel://host:26379,host:26379/service")
    if len(path) > 1:
        raise ValueError("its path says too much; it is the number of the database, as in redis://host:6379/0")


def _hosts(netloc: str, port: int) -> tuple[Host, ...]:
    return tuple(_host(part, port) for part in netloc.split(","))


def _host(text: str, port: int) -> Host:
    parts = SplitResult("", text, "", "", "")
    try:
        return parts.hostname or "localhost", parts.port or port
    except ValueError as error:
        raise ValueError(f"{text!r} is no host and port: {error}") from error


def _socket(parts: SplitResult, netloc: str) -> str:
    path = unquote(parts.path)
    if netloc or path in {"", "/"}:
        raise ValueError("it names no socket; write redis+unix:///run/redis.sock")
    return path


def _number(what: str, text: str, *, most: int) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= most):
        raise ValueError(f"{what} is {text!r}; it must be a whole number from 0 to {most}")
    return int(text)


def _prefix(text: str) -> str:
    if PREFIX_NAME.fullmatch(text) is None:
        raise ValueError(f"prefix={text!r} must be 1 to 40 of the characters A-Z a-z 0-9 _ . : -")
    return text
