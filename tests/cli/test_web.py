"""`workmill web`: the dashboard beside the API, what leaves either out, and its end."""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.cli.conftest import DEADLINE_SECONDS, finished
from workmill.cli.web import GRACE_SECONDS

Spawn = Callable[..., "subprocess.Popen[str]"]
JSON = {"Content-Type": "application/json"}

pytestmark = pytest.mark.slow


def port_of(process: "subprocess.Popen[str]") -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise AssertionError("the server ended without saying where it is")


def status(port: int, path: str, body: bytes | None = None) -> int:
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}{path}", body, JSON), timeout=DEADLINE_SECONDS) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def test_dashboard_is_beside_the_api_unless_told_otherwise(spawn: Spawn) -> None:
    both, alone = port_of(spawn("web", "--port", "0")), port_of(spawn("web", "--port", "0", "--no-dashboard"))

    assert [status(both, path) for path in ("/", "/jobs", "/v1/tasks", "/nothing")] == [200, 200, 200, 404]
    assert [status(alone, path) for path in ("/", "/jobs", "/v1/tasks")] == [404, 404, 200]


def test_read_only_server_refuses_what_changes_something(spawn: Spawn) -> None:
    port = port_of(spawn("web", "--port", "0", "--read-only"))

    assert status(port, "/v1/tasks/resize/jobs", b'{"path": "a.png"}') == 403
    assert status(port, "/jobs/act", b"action=cancel") == 403
    assert status(port, "/v1/jobs") == 200


def test_an_open_dashboard_does_not_keep_the_server_from_its_end(spawn: Spawn) -> None:
    server = spawn("web", "--port", "0")
    port = port_of(server)

    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS) as page:
        page.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        heard = b""
        while b"event: ready" not in heard:
            heard += page.recv(4096)
        began = time.monotonic()
        server.terminate()
        done = finished(server)
        took = time.monotonic() - began

    assert done.code == -signal.SIGTERM
    assert took < GRACE_SECONDS
