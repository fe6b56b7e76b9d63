"""The memory room: a store for tests and trials that lives as long as its program. The readable reference."""

from workmill.stores.memory.store import MemoryStore
from workmill.stores.memory.vault import Vault

__all__ = ["MemoryStore", "Vault"]
