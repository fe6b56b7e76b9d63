"""What a worker tells the service manager that started it, such as systemd: the protocol of `sd_notify(3)`."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from enum import StrEnum

from workmill.running.elapsed import Sleep
from workmill.running.orders import Orders
from workmill.running.race import race

LOOK_SECONDS = 0.5
"""How often it looks whether there is anything new to tell."""


class State(StrEnum):
    """What a worker does; the text is what `systemctl status` shows."""

    STARTING = "starts"
    READY = "takes jobs"
    RESTARTING = "takes jobs, and restarts its engines"
    WAITING = "waits for its store or for an engine"
    QUIET = "takes no more jobs until it is told to"
    STOPPING = "takes no more jobs and finishes those that run"


class ServiceManager:
    """The datagram socket that a service manager listens at. What cannot be sent is not sent again.

    Attributes:
        ping_seconds: How often it wants to hear that all is well, or else ends the worker; None: it does not.
    """

    def __init__(self, address: str, ping_seconds: float | None) -> None:
        self.ping_seconds = ping_seconds
        self._address = "\0" + address[1:] if address.startswith("@") else address  # "@" means: not in any folder.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def say(self, *lines: str) -> None:
        """Tell it."""
        with suppress(OSError):
            self._socket.sendto("\n".join(lines).encode(), self._address)

    def close(self) -> None:
        """Tell nothing more."""
        self._socket.close()


def service_manager(environ: MutableMapping[str, str]) -> ServiceManager | None:
    """Take what an environment says of one out of it: no child must speak in the name of the worker."""
    address = environ.pop("NOTIFY_SOCKET", "")
    microseconds, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    if address[:1] not in ("/", "@"):
        return None
    is_meant = pid in ("", str(os.getpid()))
    has_watchdog = is_meant and microseconds.isascii() and microseconds.isdigit() and int(microseconds) > 0
    return ServiceManager(address, int(microseconds) / 2_000_000 if has_watchdog else None)


async def tell_for_ever(
    manager: ServiceManager,
    state: Callable[[], State],
    is_well: Callable[[], bool],
    orders: Orders,
    *,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Tell every change of the state, and again and again that all is well, as long as it is."""
    told: State | None = None
    while True:
        found = state()
        if found is not told:
            manager.say(*_lines(found), f"STATUS={found}")
            told = found
        if manager.ping_seconds is not None and is_well():
            manager.say("WATCHDOG=1")
        unheard = [order.wait() for order in (orders.restarting, orders.draining) if not order.is_set()]
        await race(sleep(min(LOOK_SECONDS, manager.ping_seconds or LOOK_SECONDS)), *unheard)


def _lines(state: State) -> Iterator[str]:
    match state:
        case State.READY:
            yield "READY=1"
        case State.RESTARTING:
            yield "RELOADING=1"
            yield f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
        case State.STOPPING:
            yield "STOPPING=1"
        case State.STARTING | State.WAITING | State.QUIET:
            return
