"""The contract, kept by the memory room."""

import pytest

from workmill.stores.memory import MemoryStore, Vault
from workmill.testing.conformance import *  # noqa: F403 - the suite's tests and fixtures, to be collected here
from workmill.testing.conformance import ClockedHarness


@pytest.fixture
def harness() -> ClockedHarness:
    vault = Vault()
    return ClockedHarness(lambda clock: MemoryStore(vault, clock=clock))
