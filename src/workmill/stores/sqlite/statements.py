"""The SQL of this room, read once from the files beside it. No statement is ever built from values."""

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

PART = "-- :name "
EACH = " -- :each"

MOST_ROWS = 128
"""How many rows one statement takes, so that those kept prepared for every number of rows stay small."""


@lru_cache
def statements(verb: str) -> Mapping[str, str]:
    """Return the statements of `sql/<verb>.sql` by the names that their `-- :name` lines give."""
    text = (resources.files(__package__) / "sql" / f"{verb}.sql").read_text()
    parts = text.split(PART)[1:]
    return {name: body.strip() for name, _, body in (part.partition("\n") for part in parts)}


@lru_cache(maxsize=1024)
def for_rows(statement: str, count: int) -> str:
    """Return a statement with its line of placeholders, which `-- :each` marks, once for each of so many rows.

    A batch is one statement: giving the rows one by one, or as JSON that SQLite takes apart, costs about twice as much.
    """
    marked = next(line for line in statement.splitlines() if line.endswith(EACH))
    return statement.replace(marked, ",\n".join([marked.removesuffix(EACH)] * count))


def apart(script: str) -> list[str]:
    """Return the statements of a migration's script: each ends with a semicolon at the end of a line."""
    return [statement for statement in script.split(";\n") if statement.strip()]


@lru_cache
def migrations() -> tuple[str, ...]:
    """Return the scripts of `migrations/`: the one at place n brings a file from version n to n + 1."""
    files = (resources.files(__package__) / "migrations").iterdir()
    return tuple(file.read_text() for file in sorted(files, key=lambda file: file.name) if file.name.endswith(".sql"))
