"""A primary, a replica that follows it, and three Sentinels that put the replica in its place when it is gone."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import READY_SECONDS
from tests.servers.redis import STORING, RedisServer

SERVICE = "mill"
SENTINELS = 3
DOWN_AFTER_MILLISECONDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Servers that Sentinels watch.

    Attributes:
        servers: The primary as it was at the start, then its replica.
        sentinels: Those who watch.
    """

    servers: tuple[RedisServer, RedisServer]
    sentinels: tuple[RedisServer, ...]

    @property
    def url(self) -> str:
        """The URL of the store, whoever is its primary."""
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{places}/{SERVICE}/0"

    @property
    def primary_port(self) -> int:
        """The port of the primary, as the first Sentinel knows it."""
        _, port = self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return int(port)

    def wait_for_primary(self, server: RedisServer) -> None:
        """Wait until the Sentinels have made a server the primary."""
        ends_at = time.monotonic() + READY_SECONDS
        while self.primary_port != server.port or server.ask("ROLE")[0] != b"master":
            assert time.monotonic() < ends_at, f"{server.port} was not made the primary"
            time.sleep(0.05)


@contextmanager
def replica_of(program: Path, primary: RedisServer, folder: Path) -> Iterator[RedisServer]:
    """Have a server that follows another while inside; it has taken over what that one holds."""
    replica = RedisServer(program, folder, settings={**STORING, "replicaof": f"127.0.0.1 {primary.port}"})
    with ExitStack() as stack:
        stack.callback(replica.stop)
        replica.start()
        wait_until_linked(replica)
        yield replica


@contextmanager
def watched_servers(program: Path) -> Iterator[Watched]:
    """Have a primary, a replica and three Sentinels while inside: half a second of silence is a failure."""
    with ExitStack() as stack:
        named = tempfile.TemporaryDirectory(prefix="workmill-sentinel-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(named))
        # A replica is asked for its whole data without a wait, as a primary with many of them would.
        primary = RedisServer(program, folder / "primary", settings={**STORING, "repl-diskless-sync-delay": "0"})
        stack.callback(primary.stop)
        primary.start()
        replica = stack.enter_context(replica_of(program, primary, folder / "replica"))
        sentinels = []
        for number in range(SENTINELS):
            sentinel = RedisServer(
                program, folder / f"sentinel{number}", settings=watching(primary), arguments=("--sentinel",)
            )
            stack.callback(sentinel.stop)
            sentinel.start()
            sentinels.append(sentinel)
        watched = Watched(servers=(primary, replica), sentinels=tuple(sentinels))
        wait_until_met(watched)
        yield watched


def watching(primary: RedisServer) -> dict[str, str]:
    """Return the lines of a Sentinel's configuration."""
    return {
        "sentinel monitor": f"{SERVICE} 127.0.0.1 {primary.port} {SENTINELS - 1}",
        "sentinel down-after-milliseconds": f"{SERVICE} {DOWN_AFTER_MILLISECONDS}",
        "sentinel failover-timeout": f"{SERVICE} 3000",
    }


def wait_until_linked(replica: RedisServer) -> None:
    """Wait until a replica has all that its primary has."""
    ends_at = time.monotonic() + READY_SECONDS
    while replica.ask("ROLE")[3] != b"connected":
        assert time.monotonic() < ends_at, "the replica did not take over what its primary holds"
        time.sleep(0.02)


def wait_until_met(watched: Watched) -> None:
    """Wait until every Sentinel knows the others and the replica: before that, none would fail over."""
    ends_at = time.monotonic() + READY_SECONDS
    while not all(has_met(sentinel) for sentinel in watched.sentinels):
        assert time.monotonic() < ends_at, "the Sentinels did not find one another"
        time.sleep(0.05)


def has_met(sentinel: RedisServer) -> bool:
    """Whether a Sentinel knows all others and the replica."""
    others = sentinel.ask("SENTINEL", "SENTINELS", SERVICE)
    replicas = sentinel.ask("SENTINEL", "SLAVES", SERVICE)
    return len(others) == SENTINELS - 1 and len(replicas) == 1
