"""Bringing the schema up to date. Where it is, no right to change it is needed."""

from psycopg import errors

from workmill.stores.postgres.address import Address
from workmill.stores.postgres.statements import migrations, statements
from workmill.stores.postgres.wire import Line
from workmill.words.errors import SchemaMismatch, StoreError

OLDEST = 130000


async def migrate(line: Line, address: Address) -> None:
    """Bring the schema from whatever version it is to ours; many processes may do so at once.

    Raises:
        SchemaMismatch: It is newer than ours.
        StoreError: The server is too old.
        psycopg.Error: The server refuses it.
    """
    if line.info.server_version < OLDEST:
        raise StoreError(f"{address.name}: the server has version {line.info.server_version}; it must be 13 or newer")
    ours = len(migrations(address.schema))
    if await version(line, address) == ours:
        return
    sql = statements("migrate", address.schema)
    async with line.transaction():
        await line.execute(sql["lock"])
        found = await version(line, address)
        if found is None:
            await prepare(line, address)
        for script in migrations(address.schema)[found or 0 :]:
            await line.execute(script)
        await line.execute(sql["note"], [ours])


async def adopt(line: Line, address: Address) -> None:
    """Make what another server's dump has brought fit for this one."""
    await line.execute(statements("migrate", address.schema)["adopt"])


async def prepare(line: Line, address: Address) -> None:
    """Make an empty schema, unless somebody made it for us, and the table of its version."""
    sql = statements("migrate", address.schema)
    (is_there,) = await (await line.execute(sql["has_schema"], [address.schema])).fetchone() or (False,)
    if not is_there:
        await line.execute(f"CREATE SCHEMA {address.schema}".encode())  # a plain identifier, see Address
    await line.execute(sql["prepare"])


async def version(line: Line, address: Address) -> int | None:
    """Return the version of the schema; None where there is none yet.

    Raises:
        SchemaMismatch: It is newer than ours.
    """
    try:
        async with line.transaction():
            cursor = await line.execute(statements("migrate", address.schema)["version"])
            (found,) = await cursor.fetchone() or (None,)
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        return None
    ours = len(migrations(address.schema))
    if found is not None and found > ours:
        raise SchemaMismatch(
            f"{address.name}: its schema has version {found} and this program knows {ours}; upgrade this program"
        )
    return None if found is None else int(found)
