"""Trying out whether a notice that one session sends comes to another that listens."""

import asyncio
import secrets
from dataclasses import dataclass

import psycopg

from workmill.stores.postgres.address import Address
from workmill.stores.postgres.failures import translated
from workmill.stores.postgres.lines import connect
from workmill.stores.postgres.session import Session
from workmill.stores.postgres.statements import statements
from workmill.stores.postgres.wire import Line

NOTICE_SECONDS = 2.0
ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What came of it.

    Attributes:
        came: The notice came.
        is_pooled: The session that answers is not the one that was connected to: a pooler stands in between.
        problem: What the server said instead.
    """

    came: bool
    is_pooled: bool
    problem: str = ""


async def try_to_hear(session: Session, address: Address) -> Hearing:
    """Listen on a connection of its own, send on another, and wait.

    Raises:
        StoreUnavailable: The server cannot be reached.
    """
    try:
        line = await connect(address)
    except (psycopg.Error, OSError, TimeoutError) as error:
        raise translated(error, address.name) from error
    try:
        return await _listen(line, session)
    except (psycopg.Error, OSError, TimeoutError) as error:
        return Hearing(came=False, is_pooled=False, problem=str(error).strip() or type(error).__name__)
    finally:
        await line.close()


async def _listen(line: Line, session: Session) -> Hearing:
    name = f"{session.schema}_{secrets.token_hex(8)}"
    async with asyncio.timeout(ANSWER_SECONDS):
        await line.execute(f"LISTEN {name}".encode())  # a plain identifier, see Address
        cursor = await line.execute(statements("health", session.schema)["session"])
        (pid,) = await cursor.fetchone() or (None,)
    await session.run("wake", "ring", [[name], ["probe"]])
    came = [notice async for notice in line.notifies(timeout=NOTICE_SECONDS, stop_after=1)]
    return Hearing(came=bool(came), is_pooled=pid != line.info.backend_pid)
