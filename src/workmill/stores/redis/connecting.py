"""Coming to a server: over TCP, TLS or a Unix socket, past its door, and by way of sentinels where they know it."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from workmill.stores.redis.address import Address, Host
from workmill.stores.redis.wire import Part, Refusal, Wire

W = TypeVar("W", bound=Wire)

CONNECT_SECONDS = 5.0
KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3}
"""A connection that falls silent while nothing is under way is noticed within a quarter of a minute."""


class Refused(Exception):
    """The server, or a sentinel, does not let us in: who says so and what it says."""


async def connect(address: Address, make: Callable[[], W], host: Host | None = None) -> W:
    """Connect to the store's server; `host` is where a cluster says that it is now.

    Raises:
        OSError: Nobody can be reached.
        TimeoutError: Nobody answers.
        Refused: The server, or each sentinel, says no.
    """
    if address.path is not None:
        return await _enter(address, make, None)
    if host is not None:
        with suppress(OSError, TimeoutError):  # It may have ended since, and another have its place.
            return await _enter(address, make, host)
    return await _first(address, make)


async def _first(address: Address, make: Callable[[], W]) -> W:
    """Connect to the first host that can be reached."""
    failure: Exception = OSError("no host is named")
    for host in address.hosts:
        try:
            return await _enter(address, make, await _primary(address, host) if address.service else host)
        except (OSError, TimeoutError, Refused) as error:
            failure = error
    raise failure


async def _primary(address: Address, sentinel: Host) -> Host:
    """Ask a sentinel where the primary is."""
    wire = await _open(address, Wire, sentinel)
    try:
        if address.sentinel_password is not None:
            await _ask(wire, "AUTH", address.sentinel_password)
        found = await _ask(wire, "SENTINEL", "get-master-addr-by-name", str(address.service))
    finally:
        wire.close()
    if found is None:
        raise Refused(f"the sentinel {sentinel[0]}:{sentinel[1]} knows no service {address.service!r}")
    host, port = found
    return host.decode(), int(port)


async def _enter(address: Address, make: Callable[[], W], host: Host | None) -> W:
    wire = await _open(address, make, host)
    try:
        await _introduce(wire, address)
    except BaseException:
        wire.close()
        raise
    return wire


async def _introduce(wire: Wire, address: Address) -> None:
    if address.password is not None:
        who = [address.password] if address.username is None else [address.username, address.password]
        await _ask(wire, "AUTH", *who)
    if address.database:
        await _ask(wire, "SELECT", address.database)
    with suppress(Refused):  # A name is for people only, and some may not give one.
        await _ask(wire, "CLIENT", "SETNAME", "workmill")


async def _ask(wire: Wire, *parts: Part) -> object:
    async with asyncio.timeout(CONNECT_SECONDS):
        reply = await wire.run(*parts)
    if isinstance(reply, Refusal):
        raise Refused(str(reply))
    return reply


async def _open(address: Address, make: Callable[[], W], host: Host | None) -> W:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_SECONDS):
        if host is None:
            _, wire = await loop.create_unix_connection(make, address.path)
            return wire
        name = host[0] if address.tls else None
        transport, wire = await loop.create_connection(make, *host, ssl=address.tls, server_hostname=name)
    _keep_alive(transport.get_extra_info("socket"))
    return wire


def _keep_alive(plug: socket.socket) -> None:
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        option = getattr(socket, name, None)
        if option is not None:
            plug.setsockopt(socket.IPPROTO_TCP, option, value)
