"""Coming to a server, by way of sentinels where they know it. The connections themselves are redis-py's."""

import asyncio
from contextlib import suppress

from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, RedisError

from workmill.stores.redis.address import CONNECT_SECONDS, Address, Host

SENTINEL_SECONDS = 1.5
"""For so long a sentinel that is silent is waited for, until another is asked."""
FAILURES = (RedisError, OSError, TimeoutError)
"""What a server that cannot be reached, or does not let us in, raises."""


async def connect(address: Address, host: Host | None = None) -> AbstractConnection:
    """Connect to the store's server; `host` is where a cluster says that it is now.

    Raises:
        RedisError, OSError, TimeoutError: Nobody can be reached, or lets us in.
    """
    if not address.hosts:
        return await _open(address, None)
    if host is not None:
        with suppress(*FAILURES):  # It may have ended since, and another have its place.
            return await _open(address, host)
    if address.service is not None:
        return await _open(address, await _primary(address, address.service))
    return await _first(address)


async def _first(address: Address) -> AbstractConnection:
    *others, last = address.hosts
    for host in others:
        with suppress(*FAILURES):
            return await _open(address, host)
    return await _open(address, last)


async def _primary(address: Address, service: str) -> Host:
    sentinel = Sentinel(  # type: ignore[no-untyped-call] # redis-py has not annotated it
        list(address.hosts),
        sentinel_kwargs={
            "socket_timeout": SENTINEL_SECONDS,
            "socket_connect_timeout": SENTINEL_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            **address.sentinel_options,
        },
    )
    try:
        host, port = await sentinel.discover_master(service)
    finally:
        for client in sentinel.sentinels:
            await client.aclose()
    return str(host), int(port)


async def _open(address: Address, host: Host | None) -> AbstractConnection:
    try:
        return await _entered(address.connection(host))
    except NoPermissionError:  # A name is for people only, and some may not give one.
        return await _entered(address.connection(host, name=None))


async def _entered(connection: AbstractConnection) -> AbstractConnection:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await connection.connect()  # type: ignore[no-untyped-call] # redis-py has not annotated it
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return connection
