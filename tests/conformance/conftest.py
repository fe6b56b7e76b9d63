"""This project's own marks on the suite, which knows none but anyio's."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
SLOW = "TestProcesses", "TestLargeGraphs"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent != HERE or not any(name in item.nodeid for name in SLOW):
            continue
        item.add_marker(pytest.mark.slow)
        if "within_a_second" in item.name:
            item.add_marker(pytest.mark.alone)
