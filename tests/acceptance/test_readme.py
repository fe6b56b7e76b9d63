"""The README's first example, run as it is written there."""

import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
PROGRAMS = [text for kind, text in BLOCKS if kind == "python"]
COMMANDS = [
    line.removeprefix("$ ").partition("  #")[0]
    for kind, text in BLOCKS
    if kind == "console"
    for line in text.splitlines()
]
DEADLINE_SECONDS = 30


def commands(first: str) -> list[list[str]]:
    """Give the README's commands that begin with a word, split as a shell would."""
    return [shlex.split(command) for command in COMMANDS if command.startswith(f"{first} ")]


def run(folder: Path, *command: str) -> str:
    finished = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS, env=environment()
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def environment() -> dict[str, str]:
    [[_, setting]] = commands("export")
    name, _, value = setting.partition("=")
    return {name: value, "PATH": str(Path(sys.executable).parent)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    [program] = [program for program in PROGRAMS if program.startswith("# hello.py\n")]
    (tmp_path / "hello.py").write_text(program)
    return tmp_path


@contextmanager
def dev(folder: Path) -> Iterator[str]:
    """Run the README's `workmill dev`, on a free port, and give its address."""
    [command] = [command for command in commands("workmill") if command[1] == "dev"]
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with subprocess.Popen(
        [*command, f"--port={port}"], cwd=folder, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stderr is not None
        try:
            next(line for line in process.stderr if "the HTTP API of hello:app are at" in line)
            yield f"localhost:{port}"
        finally:
            process.terminate()
            process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0


@pytest.mark.slow
def test_first_example_does_what_the_readme_says(folder: Path) -> None:
    [[_, _, body, url]] = commands("curl")
    using = [program for program in PROGRAMS if program.startswith("from hello import")]
    calls = [command for command in commands("workmill") if command[1] != "dev"]

    with dev(folder) as address:
        form = {"content-type": "application/x-www-form-urlencoded"}  # what `curl -d` says
        answer = httpx2.post("http://" + url.replace("localhost:8000", address), content=body, headers=form)
        for program in using:
            run(folder, "python", "-c", program.replace("job.result(timeout=10)", "assert job.result(timeout=10) == 6"))
        said = {" ".join(call[1:3]): run(folder, *call) for call in calls}

    assert (answer.status_code, answer.json()["result"]) == (200, 6)
    assert len(using) == 1
    assert said["call count_words"] == "6\n"
    assert said["jobs list"].count("succeeded") == 3
    assert set(said) == {"call count_words", "jobs list", "doctor"}
