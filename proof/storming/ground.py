"""What a storm's store stands on, and what can be done to it."""

import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

from proof.crashing.databases import flaws_of
from proof.storming.network import Network, network_to
from tests.servers.postgres import chosen_binaries, postgres_server
from tests.servers.redis import RedisServer, chosen_program, redis_server
from tests.servers.redis_harness import RedisHarness
from workmill.stores.redis.address import PREFIX

ON_FILE = ("disk full",)
ON_SERVER = ("kill server", "freeze server", "cut network", "freeze network")
AT_ONCE = {"appendfsync": "always"}
"""What Redis is told so that it answers when it has what it was given on its disk."""
BALLAST = "ballast"
DISK = "48m"
CHUNK = bytes(1 << 16)
INSIDE_VARIABLE = "WORKMILL_PROOF_INSIDE"


class Ground(Protocol):
    """A store's place."""

    @property
    def url(self) -> str:
        """The store as workers and producers reach it."""

    @property
    def own_url(self) -> str:
        """The store as the storm itself reaches it."""

    @property
    def faults(self) -> Sequence[str]:
        """What can be done to it."""

    def begin(self, fault: str) -> float:
        """Do it, and say for how many seconds it should last."""

    def end(self, fault: str) -> None:
        """Undo it. Safe to repeat."""

    def flaws(self) -> list[str]:
        """Say what does not agree with the jobs in how the store keeps them, where that can be seen."""


class FileGround:
    """A folder for an SQLite file; on a small disk of its own where the kernel lets us have one."""

    def __init__(self, folder: Path, *, can_fill: bool) -> None:
        self._folder = folder
        self.url = self.own_url = f"sqlite:///{folder / 'jobs.db'}"
        self.faults: Sequence[str] = ON_FILE if can_fill else ()

    def begin(self, fault: str) -> float:  # noqa: ARG002 - there is one
        """Fill the disk."""
        with suppress(OSError), (self._folder / BALLAST).open("wb", buffering=0) as ballast:
            while True:
                ballast.write(CHUNK)
        return 2.0

    def end(self, fault: str) -> None:  # noqa: ARG002 - there is one
        """Empty it again."""
        (self._folder / BALLAST).unlink(missing_ok=True)

    def flaws(self) -> list[str]:
        """Say nothing: the database keeps its indices itself."""
        return []


class Server(Protocol):
    """A server that can be killed and frozen."""

    @property
    def port(self) -> int:
        """Where it listens."""

    def url(self) -> str:
        """Return a store's URL."""

    def start(self) -> None:
        """Start it."""

    def kill(self) -> None:
        """End it as a crash would."""

    def freeze(self) -> None:
        """Have it answer nobody."""

    def thaw(self) -> None:
        """Let it go on."""


class ServerGround:
    """A server with a network in front of it."""

    def __init__(self, server: Server, network: Network, lease: float) -> None:
        self._server = server
        self._network = network
        self._lease = lease
        self._is_down = False
        self._is_frozen = False
        self.own_url = server.url()
        self.url = server.url().replace(str(server.port), str(network.port))
        self.faults: Sequence[str] = ON_SERVER

    def begin(self, fault: str) -> float:
        """Kill the server, break connections off, or freeze either for longer than the lease."""
        match fault:
            case "kill server":
                self._server.kill()
                self._is_down = True
                return 1.0
            case "freeze server":
                self._server.freeze()
                self._is_frozen = True
                return self._lease * 1.4
            case "cut network":
                self._network.cut()
                return 0.0
            case _:
                self._network.freeze()
                return self._lease * 1.4

    def end(self, fault: str) -> None:
        """Start the server, or let it and the network flow."""
        if fault == "kill server" and self._is_down:
            self._server.start()
            self._is_down = False
        if fault == "freeze server" and self._is_frozen:
            self._server.thaw()
            self._is_frozen = False
        self._network.thaw()

    def flaws(self) -> list[str]:
        """Compare the indices of Redis with the jobs; the other server keeps its own itself."""
        return flaws_of(RedisHarness(self.own_url, PREFIX)) if isinstance(self._server, RedisServer) else []


@asynccontextmanager
async def ground(store: str, folder: Path, *, lease: float) -> AsyncIterator[Ground]:
    """Have a place for a store while inside."""
    if store == "sqlite":
        disk = folder / "store"
        disk.mkdir()
        yield FileGround(disk, can_fill=_mount(disk))
        return
    with _server(store) as server:
        async with network_to(server.port) as network:
            yield ServerGround(server, network, lease)


def _server(store: str) -> AbstractContextManager[Server]:
    return (
        postgres_server(chosen_binaries()) if store == "postgres" else redis_server(chosen_program(), settings=AT_ONCE)
    )


def become_own_mounts(command: Sequence[str]) -> None:
    """Become the same command with a view of the file systems that is its own, where the kernel allows it."""
    if INSIDE_VARIABLE in os.environ:
        return
    own = ["unshare", "--mount", "--propagation=private", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    allowed = subprocess.run([*own, "true"], capture_output=True, check=False).returncode == 0
    if allowed:
        inside = {**os.environ, INSIDE_VARIABLE: "yes"}
        os.execvpe(own[0], [*own, *command], inside)  # noqa: S606 - there is no shell to want


def _mount(folder: Path) -> bool:
    """Put a small disk in a folder, in this process's own view of the file systems only."""
    if INSIDE_VARIABLE not in os.environ:
        return False
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0
