"""The URL of a PostgreSQL store: where the server is, and which schema is Workmill's."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from workmill.words.config import masked, split_url
from workmill.words.errors import ConfigError

SCHEMA = "workmill"
SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,39}", re.ASCII)

CONNECT_SECONDS = 10
SETTINGS: dict[str, str | int] = {
    "application_name": "workmill",
    "client_encoding": "utf8",
    "connect_timeout": CONNECT_SECONDS,
    # A connection that falls silent is noticed within a quarter of a minute.
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a store is.

    Attributes:
        conninfo: What libpq connects with; it may hold a password.
        name: The same for people, without one.
        schema: The schema of all our tables, a plain identifier.
    """

    conninfo: str
    name: str
    schema: str


def read_address(url: str) -> Address:
    """Read `postgresql://user@host:port/database`; `?schema=name` names the schema, other options go to libpq.

    Raises:
        ConfigError: The URL is none that libpq understands, or the schema's name is no plain lower-case identifier.
    """
    parts = split_url(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    schema = dict(options).get("schema", SCHEMA)
    if SCHEMA_NAME.fullmatch(schema) is None:
        raise ConfigError(f"store URL {masked(url)!r}: schema={schema!r} must be of a-z, 0-9 and _, at most 40 of them")
    ours = urlencode([(name, value) for name, value in options if name != "schema"])
    plain = f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{ours}" if ours else "")
    try:
        given = conninfo_to_dict(plain)
    except psycopg.Error as error:
        raise ConfigError(f"store URL {masked(url)!r} cannot be read: {str(error).strip()}") from error
    conninfo = make_conninfo(plain, **{name: value for name, value in SETTINGS.items() if name not in given})
    return Address(conninfo=conninfo, name=masked(url), schema=schema)
