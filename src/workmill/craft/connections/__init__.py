"""Connections of the caller's own, of whichever driver, so that a store can join the transactions on them.

No driver is imported here: whoever has a connection of one has imported it, and nobody else needs it.
"""

from workmill.craft.connections.contract import AwaitedConnection, BlockingConnection, Kind
from workmill.craft.connections.finding import connection_of

__all__ = ["AwaitedConnection", "BlockingConnection", "Kind", "connection_of"]
