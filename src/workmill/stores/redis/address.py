"""The URL of a Redis store: where the server is, how to get in, and which of its keys are Workmill's."""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qsl, urlencode

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.exceptions import RedisError

from workmill.words.codec import Json
from workmill.words.config import masked, split_url
from workmill.words.errors import ConfigError

PREFIX = "workmill"
PREFIX_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,40}", re.ASCII)
PORT = 6379
SENTINEL_PORT = 26379
MOST_REPLICAS = 100
OURS = ("prefix", "replicas", "fsync", "sentinel_password")
THEIRS = ("db", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
"""Options that redis-py reads by itself."""

CLIENT = "workmill"
CONNECT_SECONDS = 5.0
KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 15_000}
"""A connection that falls silent while nothing is under way is noticed within a quarter of a minute."""
SETTINGS: dict[str, Json] = {"protocol": 2, "socket_timeout": None}
TCP_SETTINGS: dict[str, Json] = {
    "socket_connect_timeout": CONNECT_SECONDS,
    "socket_keepalive": True,
    "socket_keepalive_options": {
        getattr(socket, name): value for name, value in KEEPALIVE.items() if hasattr(socket, name)
    },
}

Host: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a store is.

    Attributes:
        name: What people call it, without any password.
        kind: What connects to it.
        options: What that is told besides the host; there may be a password among them.
        hosts: The servers to try, one after the other; with a `service`, the sentinels who know its primary.
        sentinel_options: The same for the sentinels.
        prefix: What names the store; see `key`.
        replicas: How many replicas must have a change before it is answered.
        syncs: Whether a change must be on the server's disk before it is answered.
    """

    name: str
    kind: type[AbstractConnection]
    options: Mapping[str, Json] = field(repr=False)
    hosts: tuple[Host, ...]
    service: str | None
    sentinel_options: Mapping[str, Json] = field(repr=False)
    prefix: str
    replicas: int
    syncs: bool

    def key(self, name: str) -> str:
        """Return the key of a part of this store; the braces keep all of them on one server of a cluster."""
        return f"{{{self.prefix}}}:{name}"

    def connection(self, host: Host | None, name: str | None = CLIENT) -> AbstractConnection:
        """Make a connection that is not open yet, to a host or to the one socket that there is."""
        place = {} if host is None else {"host": host[0], "port": host[1], **TCP_SETTINGS}
        return self.kind(client_name=name, **SETTINGS, **place, **self.options)


def read_address(url: str) -> Address:
    """Read a URL of one of these forms; `valkey` may stand for `redis` in each, and `rediss` or `valkeys` speaks TLS.

        redis://user:password@host:6379/0?prefix=workmill
        redis+unix:///run/redis.sock?db=0
        redis+sentinel://user:password@host:26379,host:26379/service/0

    `prefix` names the store. `replicas=n` and `fsync=1` say what must have a change before it is answered. How to speak
    TLS, and to whom, is said by options that bear the names which redis-py gives them.

    Raises:
        ConfigError: It is of another form, or says what it has no use for.
    """
    parts = split_url(url)
    try:
        address = _read(url, parts, _options(parts.query))
        address.connection(address.hosts[0] if address.hosts else None)  # Refused now rather than at its first use.
    except (ValueError, TypeError, RedisError) as error:
        raise ConfigError(f"store URL {masked(url)!r}: {error}") from error
    return address


def _read(url: str, parts: SplitResult, options: dict[str, str]) -> Address:
    if "@" in parts.path + parts.query:
        raise ValueError("there is an @ behind its first / or ?; write / in a password as %2F, ? as %3F and @ as %40")
    if parts.fragment:
        raise ValueError("it ends in a fragment; write # in a password as %23")
    kind, _, way = parts.scheme.replace("valkey", "redis", 1).partition("+")
    login, at, places = parts.netloc.rpartition("@")
    path, service = _path(parts, places, way)
    theirs = urlencode({name: value for name, value in options.items() if name in THEIRS})
    read: dict[str, Json] = dict(parse_url(f"{'unix' if way == 'unix' else kind}://{login}{at}{path}?{theirs}"))
    tls = {name: value for name, value in read.items() if name.startswith("ssl_")}
    if tls and kind != "rediss":
        raise ValueError(f"{', '.join(tls)} are for TLS; begin with rediss:// or valkeys://")
    return Address(
        name=masked(url),
        kind=read.pop("connection_class", Connection),
        options=read,
        hosts=() if way == "unix" else _hosts(places, PORT if service is None else SENTINEL_PORT),
        service=service,
        sentinel_options={"ssl": kind == "rediss", "password": options.get("sentinel_password"), **tls},
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
        if name not in OURS + THEIRS:
            raise ValueError(f"{name!r} is no option of it; there are {', '.join(OURS + THEIRS)}")
    return options


def _path(parts: SplitResult, places: str, way: str) -> tuple[str, str | None]:
    """Return the path for redis-py, which is a socket's or a database's number, and the service for sentinels."""
    if way == "unix":
        if places or parts.path in {"", "/"}:
            raise ValueError("it names no socket; write redis+unix:///run/redis.sock")
        return parts.path, None
    names, service = parts.path.split("/")[1:], None
    if way == "sentinel":
        service, *names = names or [""]
        if not service:
            raise ValueError("it names no service; write redis+sentinel://host:26379,host:26379/service")
    if len(names) > 1:
        raise ValueError("its path says too much; it is the number of the database, as in redis://host:6379/0")
    return f"/{_number('the database', (names or ['0'])[0] or '0', most=1_000_000)}", service


def _hosts(places: str, port: int) -> tuple[Host, ...]:
    return tuple(_host(place, port) for place in places.split(","))


def _host(text: str, port: int) -> Host:
    place = SplitResult("", text, "", "", "")
    try:
        return place.hostname or "localhost", place.port or port
    except ValueError as error:
        raise ValueError(f"{text!r} is no host and port: {error}") from error


def _number(what: str, text: str, *, most: int) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= most):
        raise ValueError(f"{what} is {text!r}; it must be a whole number from 0 to {most}")
    return int(text)


def _prefix(text: str) -> str:
    if PREFIX_NAME.fullmatch(text) is None:
        raise ValueError(f"prefix={text!r} must be 1 to 40 of the characters A-Z a-z 0-9 _ . : -")
    return text
