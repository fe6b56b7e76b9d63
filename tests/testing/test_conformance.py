"""The suite as a store's author meets it: in a folder of their own, without this project's settings."""

import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
import pytest

from workmill.stores.memory import MemoryStore, Vault
from workmill.testing.conformance import *
from workmill.testing.conformance import ClockedHarness


class OneStore(MemoryStore):
    async def now(self):
        return (await super().now()){defect}


@pytest.fixture
def harness():
    vault = Vault()
    return ClockedHarness(lambda clock: OneStore(vault, clock=clock))
"""

pytestmark = pytest.mark.slow


def run_suite(folder: Path, *, defect: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_one_store.py").write_text(MODULE.format(defect=defect))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-k",
        "TestEnqueue or TestLease",
        "--strict-markers",
        "-W",
        "error",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)


def test_store_that_keeps_the_contract_passes(tmp_path: Path) -> None:
    run = run_suite(tmp_path, defect="")

    assert run.returncode == 0, run.stdout


def test_store_that_breaks_it_fails_with_what_was_compared(tmp_path: Path) -> None:
    run = run_suite(tmp_path, defect=".replace(year=1999)")

    assert run.returncode == 1
    assert "test_created_at_is_the_stores_own_moment" in run.stdout
    assert "assert datetime.datetime(2030" in run.stdout
