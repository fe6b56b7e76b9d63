"""The parts of the robot example, real processes, for as long as a test needs them."""

import http.client
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from examples.robot.__main__ import OTHERS, TARGET, records_service, served
from tests.acceptance.servers import HOST, free_port
from tests.running.tree import Tree

DEADLINE_SECONDS = 40.0
LOOK_SECONDS = 0.05
QUICK = {
    "ROBOT_SOONEST_SECONDS": "0.1",
    "ROBOT_LATEST_SECONDS": "0.3",
    "ROBOT_WORK_SECONDS": "0.02",
    "ROBOT_RECORDS_FAIL_EVERY": "7",
    "ROBOT_RECORDS_LENGTH": "500",
    "ROBOT_RECORDS_LEASE": "5",
}


class Parts:
    """Web server, records service, worker and pool on one store."""

    def __init__(self, url: str, folder: Path, environment: pytest.MonkeyPatch) -> None:
        self.port, self.records_port = free_port(), free_port()
        self.trees: dict[str, Tree] = {}
        self._url = url
        for name, value in QUICK.items():
            environment.setenv(name, value)
        environment.setenv("ROBOT_RECORDS_FILE", str(folder / "records.db"))
        environment.setenv("ROBOT_RECORDS_URL", f"http://{HOST}:{self.records_port}")
        worker = ["-m", "workmill", "worker", TARGET, "--lease=3", "--log-format=pretty"]
        self._commands = {
            "web": served("examples.robot:create_app", self.port),
            "records": records_service(self.records_port),
            "worker": [*worker, f"--queues={OTHERS}"],
            "pool": [*worker, "--queues=robot-records", "--concurrency=4"],
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill(*self.trees)

    def start(self, *names: str) -> None:
        """Start parts, all of them without a name, and wait until the servers among them answer."""
        wanted = names or tuple(self._commands)
        for name in wanted:
            self.trees[name] = Tree([sys.executable, *self._commands[name]], self._url)
        for name, port in (("web", self.port), ("records", self.records_port)):
            if name in wanted:
                self.until(lambda port=port: _answers(port), f"{name} answers")

    def kill(self, *names: str) -> None:
        """Kill parts with SIGKILL."""
        for name in names:
            self.trees[name].kill()
        for name in names:
            self.trees[name].ended()

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        """Make one request of the web server."""
        return _ask(self.port, method, path, body, headers)

    def robot(self) -> dict[str, Any]:
        """Return the robot's status."""
        status, answer = self.ask("GET", "/api/wstatus")
        assert status == 200, answer
        return dict(json.loads(answer))

    def records(self) -> dict[str, int]:
        """Return how many records the service has in each status."""
        return dict(json.loads(_ask(self.records_port, "GET", "/", None, {})[1]))

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something is so that nothing announces."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not is_so():
            said = {name: tree.output[-2000:] for name, tree in self.trees.items()}
            assert time.monotonic() < deadline, f"never: {what}\n{json.dumps(said, indent=1)}"
            time.sleep(LOOK_SECONDS)


def _ask(port: int, method: str, path: str, body: object, headers: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection(HOST, port, timeout=DEADLINE_SECONDS)
    sent = body if body is None or isinstance(body, str) else json.dumps(body)
    kind = "application/x-www-form-urlencoded" if isinstance(body, str) else "application/json"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, sent, {"Content-Type": kind, **named})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def _answers(port: int) -> bool:
    try:
        return _ask(port, "GET", "/livez", None, {})[0] == 200
    except OSError:
        return False
