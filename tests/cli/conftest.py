"""A project to run commands in, and two ways to run them: in this process, and as a process of their own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from workmill import App
from workmill.cli.__main__ import main
from workmill.cli.loading import load_app

DEADLINE_SECONDS = 60
PROJECT = '''
"""The application of these tests."""

import enum
import threading
from typing import Literal

from pydantic import BaseModel, Field

from workmill import App, Cancel, Retry, current_job

app = App()


class Options(BaseModel):
    max_depth: int = Field(description="How deep.")
    mode: Literal["fast", "exact"] = "fast"


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@app.task
def resize(
    path: str,
    width: int = 800,
    *,
    options: Options | None = None,
    colour: Colour = Colour.RED,
    tags: list[str] = [],
    dry: bool = False,
) -> dict[str, object]:
    """Resize an image.

    Args:
        path: Which file.
        width: How wide.
    """
    return {"path": path, "width": width, "colour": colour.value, "tags": tags, "dry": dry}


@app.task(retry=Retry(1, first=0))
def fail(text: str) -> None:
    raise ValueError(text)


@app.task
def give_up(why: str) -> None:
    raise Cancel(why)


@app.task(name="queue-clash")
def clash(queue: str, key: int = 0) -> str:
    return queue


@app.task
def wait_for_cancel() -> None:
    while not current_job.cancelled:
        threading.Event().wait(0.01)
'''


@dataclass(frozen=True)
class Run:
    """What one command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with an application in `shop.py`, named by a pyproject.toml; it is the working folder."""
    (tmp_path / "shop.py").write_text(PROJECT)
    (tmp_path / "pyproject.toml").write_text('[tool.workmill]\napp = "shop:app"\n')
    monkeypatch.chdir(tmp_path)
    for name in ("WORKMILL_APP", "WORKMILL_TOKEN", "FORCE_COLOR", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORKMILL_URL", "memory://")
    return tmp_path


@pytest.fixture
def app(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:  # noqa: ARG001 - it must be there
    """Give the project's application, as the commands of this process find it too; forgotten afterwards."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    found = load_app(None)
    yield found
    found.close()
    del sys.modules["shop"]


@pytest.fixture
def run(app: App, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:  # noqa: ARG001 - it must be there
    """Run commands in this process, against the application that `app` gives."""

    def run_here(*words: str) -> Run:
        capsys.readouterr()
        code = main(words)
        captured = capsys.readouterr()
        return Run(code, captured.out, captured.err)

    return run_here


@pytest.fixture
def spawn(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start commands as processes of their own, on a store they share."""
    monkeypatch.setenv("WORKMILL_URL", f"sqlite:///{project}/jobs.db")
    monkeypatch.delenv("COVERAGE_PROCESS_START", raising=False)
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "workmill", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=DEADLINE_SECONDS)


def finished(process: subprocess.Popen[str]) -> Run:
    """Wait for a process and return what it did."""
    out, err = process.communicate(timeout=DEADLINE_SECONDS)
    return Run(process.returncode, out, err)
