"""A cluster of three servers, each of which holds a third of the slots."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers.process import READY_SECONDS, free_port
from tests.servers.redis import STORING, RedisServer

NODES = 3
SLOTS = 16384
BUS = 10_000
"""How far above its port a node speaks with the others."""
CLUSTERED = {**STORING, "cluster-enabled": "yes", "cluster-node-timeout": "2000"}


@contextmanager
def redis_cluster(program: Path) -> Iterator[tuple[RedisServer, ...]]:
    """Have a cluster while inside; any of its servers leads to the others."""
    with ExitStack() as stack:
        named = tempfile.TemporaryDirectory(prefix="workmill-cluster-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(named))
        nodes = []
        for number in range(NODES):
            node = RedisServer(program, folder / f"node{number}", settings=CLUSTERED, port=port_below_bus())
            stack.callback(node.stop)
            node.start()
            node.ask("CLUSTER", "ADDSLOTS", *range(SLOTS * number // NODES, SLOTS * (number + 1) // NODES))
            nodes.append(node)
        for node in nodes[1:]:
            nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port)
        wait_until_whole(nodes)
        yield tuple(nodes)


def port_below_bus() -> int:
    """Return a free port above which there is room for the other one."""
    while True:
        port = free_port()
        if port + BUS < 1 << 16:
            return port


def wait_until_whole(nodes: list[RedisServer]) -> None:
    """Wait until every node knows who holds which slot."""
    ends_at = time.monotonic() + READY_SECONDS
    while not all(is_whole(node) for node in nodes):
        assert time.monotonic() < ends_at, "the nodes did not find one another"
        time.sleep(0.05)


def is_whole(node: RedisServer) -> bool:
    """Whether a node knows all others, and who holds each slot."""
    said = bytes(node.ask("CLUSTER", "INFO")).decode()
    return "cluster_state:ok" in said and f"cluster_known_nodes:{NODES}\r" in said and f"cluster_size:{NODES}\r" in said
