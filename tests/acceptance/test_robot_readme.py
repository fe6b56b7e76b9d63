"""What the robot example's README says is what happens: its curl lines, run by a shell."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from examples.robot.__main__ import main
from examples.robot.settings import Settings
from tests.acceptance.robot_parts import Parts

README = Path(__file__).resolve().parents[2] / "examples" / "robot" / "README.md"
ADDRESS = "http://127.0.0.1:8000"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not there")
def test_commands_answer_what_the_readme_shows(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = re.findall(r"^\$ (curl .+)\n(?!\$)(.+)$", README.read_text(), flags=re.MULTILINE)
    parts = Parts(sqlite_url, tmp_path, monkeypatch)
    try:
        parts.start("web")
        said = [_said(command.replace(ADDRESS, f"http://127.0.0.1:{parts.port}")) for command, _ in shown]
    finally:
        parts.kill("web")

    assert len(shown) == 6
    assert said == [answer for _, answer in shown]


def test_readme_names_every_setting_and_option() -> None:
    text = README.read_text()

    assert [name for name in Settings.model_fields if f"`ROBOT_{name.upper()}`" not in text] == []
    assert "pool" in {each.name for each in main.params}
    assert "`--pool`" in text


def _said(command: str) -> str:
    said = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    return said.stdout.strip()
