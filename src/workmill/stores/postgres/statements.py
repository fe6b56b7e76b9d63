"""The SQL of this room, read once from the files beside it. No statement is ever built from values.

The files name the schema `workmill`; where another was configured, its name, a plain identifier, is put in its place.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

from workmill.stores.postgres.address import SCHEMA

PART = "-- :name "


@lru_cache
def statements(verb: str, schema: str) -> Mapping[str, bytes]:
    """Return the statements of `sql/<verb>.sql` by the names that their `-- :name` lines give."""
    text = (resources.files(__package__) / "sql" / f"{verb}.sql").read_text()
    parts = within(schema, text).split(PART)[1:]
    return {name: body.strip().encode() for name, _, body in (part.partition("\n") for part in parts)}


@lru_cache
def migrations(schema: str) -> tuple[bytes, ...]:
    """Return the scripts of `migrations/`: the one at place n brings a schema from version n to n + 1."""
    files = (resources.files(__package__) / "migrations").iterdir()
    scripts = sorted((file for file in files if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(within(schema, file.read_text()).encode() for file in scripts)


def within(schema: str, sql: str) -> str:
    """Return SQL on our schema as SQL on another."""
    return sql.replace(f"{SCHEMA}.", f"{schema}.")
