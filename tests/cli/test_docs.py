"""The reference page names what there is."""

import re
from pathlib import Path

import pytest

from workmill.cli.commands import COMMANDS
from workmill.cli.exits import Exit

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md").read_text()


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_is_described(command: str) -> None:
    assert re.search(rf"^\| `{command}\b", PAGE, re.MULTILINE)


def test_every_exit_code_is_described_and_no_other() -> None:
    rows = re.findall(r"^\| (\d+(?:, \d+)*) \|", PAGE, re.MULTILINE)
    described = {int(number) for row in rows for number in row.split(", ")}

    assert described == set(Exit) | {143}  # what a shell makes of a process that TERM ended
