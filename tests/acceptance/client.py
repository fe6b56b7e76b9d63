"""A client of the chess example."""

import http.client
import json
import time
from typing import Self

from tests.acceptance.servers import HOST

DEADLINE = 60.0


class Client:
    """One client with one connection, who remembers how long each answer took."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection(HOST, port, timeout=DEADLINE)
        self.seconds: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def ask(self, method: str, path: str, body: dict[str, object] | None = None) -> tuple[int, bytes]:
        """Make one request; return the status and the body of its answer."""
        started_at = time.perf_counter()
        self.connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        answer = response.read()
        self.seconds.append(time.perf_counter() - started_at)
        return response.status, answer

    def post(self, body: dict[str, object]) -> str:
        """Have a position analysed; return the analysis's id."""
        status, answer = self.ask("POST", "/analyze", body)
        assert status == 202, answer
        return str(json.loads(answer)["id"])
