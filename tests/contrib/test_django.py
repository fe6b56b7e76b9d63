"""A Django project with Workmill installed, in processes of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent / "project"
DEADLINE_SECONDS = 100.0

pytestmark = pytest.mark.slow


def python(folder: Path, *words: str, **workmill: Any) -> subprocess.CompletedProcess[str]:
    """Run Python in the project, whose database is in a folder, with what the setting WORKMILL is to hold."""
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WORKMILL")},
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "PYTHONPATH": str(PROJECT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SHOP_DATABASE": str(folder / "shop.sqlite3"),
        "SHOP_WORKMILL": json.dumps(workmill),
    }
    return subprocess.run(
        [sys.executable, *words],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def test_everything_holds_inside_a_project(tmp_path: Path) -> None:
    options = ("--quiet", "--no-header", "-p", "no:cacheprovider", "--import-mode=importlib")

    done = python(tmp_path, "-m", "pytest", "-p", "setting_up", *options, str(PROJECT / "inside.py"))

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_line_is_a_command_of_the_project(tmp_path: Path) -> None:
    enqueued = python(tmp_path, "manage.py", "workmill", "call", "count_users", "--extra", "2")
    listed = python(tmp_path, "manage.py", "workmill", "jobs", "list", "--json")
    wrong = python(tmp_path, "manage.py", "workmill", "jobs", "show", "none")

    assert enqueued.returncode == 0, enqueued.stderr
    assert enqueued.stdout.strip() in listed.stdout
    assert wrong.returncode == 5


def test_one_file_for_two_copies_of_sqlite_is_refused(tmp_path: Path) -> None:
    done = python(tmp_path, "manage.py", "check", url=f"sqlite:///{tmp_path / 'shop.sqlite3'}")

    assert done.returncode == 1
    assert "workmill.E002" in done.stderr
